"""Checks that PROCESS.md and docs/ still say what the code, the data and the team say."""
