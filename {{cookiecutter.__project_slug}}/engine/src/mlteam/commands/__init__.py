"""One module per command: it composes the rooms below, prints tables and writes the page."""
