"""What the readers of the repository and the checks share: the stages, and the error that ends a run."""

STAGES = ("prototype", "shadow", "production")


class CannotRunError(Exception):
    """The checker itself could not run; the message says why."""
