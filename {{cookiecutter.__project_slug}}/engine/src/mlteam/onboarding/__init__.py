"""A new pipeline from a table: column types, decisions, leaks, files."""
