"""Writes what is generated: the blocks of the pages, CODEOWNERS, and skeletons of pages that are missing or new."""
