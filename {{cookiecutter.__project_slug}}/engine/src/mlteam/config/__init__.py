"""Settings in TOML: frozen, unknown keys rejected, errors with file and line."""
