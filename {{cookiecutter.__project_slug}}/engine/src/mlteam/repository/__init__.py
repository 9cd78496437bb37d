"""Reads the repository: its pages, settings, team, SQL, monitoring and code, without running any of it."""
