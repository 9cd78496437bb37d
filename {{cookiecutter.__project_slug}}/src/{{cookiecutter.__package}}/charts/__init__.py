"""The pictures of a report, each drawn once as SVG text: `common` for all tasks, and a module for each task."""
