"""The process checker: compares PROCESS.md and docs/ with the code."""
