"""The team's own metrics, one file each; README.md says what a file holds."""
