"""Drills: one thing is broken at a time in a scratch copy of the project, and something must notice."""
