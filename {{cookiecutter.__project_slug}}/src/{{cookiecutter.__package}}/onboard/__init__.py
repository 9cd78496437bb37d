"""From a table that nobody prepared to a pipeline: look at it, decide, write the files."""
