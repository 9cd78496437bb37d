"""What a request to a served model looks like: its fields, derived from the snapshot and from the pipeline file."""

from typing import Literal

from mlteam.config.settings import Settings


class RequestField(Settings):
    """One feature as a request gives it.

    Attributes:
        name: The feature.
        kind: A number, or a text that is one of `categories`.
        description: What it means.
        nullable: Whether it may be null, as it is in some row of the snapshot.
        minimum: The least number that is answered.
        maximum: The greatest one.
        categories: Every text that is answered.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    description: str = ""
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()


class RequestSchema(Settings):
    """The fields of a request, with the limits of the service.

    Attributes:
        key: Name of the optional field by which an outcome is found later.
        entries: The features, in the order of the model's matrix.
        batch_rows: Most rows of one request.
        body_bytes: Most bytes of one request.
        log_megabytes: Most that logged predictions take on disk.
        latency_ms: What the gate allows for one row.
    """

    key: str
    entries: tuple[RequestField, ...]
    batch_rows: int
    body_bytes: int
    log_megabytes: int
    latency_ms: float
