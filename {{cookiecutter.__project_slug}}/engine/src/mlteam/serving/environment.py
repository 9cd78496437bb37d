"""The environment variable of the token; that of the pipeline is read by every command."""

TOKEN_VARIABLE = "MODEL_TOKEN"  # noqa: S105 - the name of the variable that holds it
