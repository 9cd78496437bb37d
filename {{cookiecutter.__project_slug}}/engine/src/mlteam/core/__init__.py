"""Errors, files, paths, console, provenance, SQL helpers."""
