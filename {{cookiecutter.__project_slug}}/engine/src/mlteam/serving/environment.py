"""Environment variables that the service reads."""

PIPELINE_VARIABLE = "MODEL_PIPELINE"
TOKEN_VARIABLE = "MODEL_TOKEN"  # noqa: S105 - the name of the variable that holds it
