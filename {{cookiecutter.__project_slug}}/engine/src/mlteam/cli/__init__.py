"""The command line: typer only, so that `--help` imports nothing heavy."""
