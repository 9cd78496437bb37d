"""The checks; importing the package registers them."""

from mlteam.process.checks import (  # noqa: F401
    commands,
    content,
    data,
    documents,
    engine,
    monitoring,
    people,
    privacy,
    references,
    statements,
)
from mlteam.process.checks.registry import CHECKS as CHECKS
