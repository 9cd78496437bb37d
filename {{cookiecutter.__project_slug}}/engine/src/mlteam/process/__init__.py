"""The process checker: documents against code."""
