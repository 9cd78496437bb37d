"""What a request to a served model looks like: its fields, derived from the snapshot and from the pipeline file."""

import json
from typing import Any, Literal

import duckdb

from .errors import ProjectError
from .features import Schema
from .privacy import quoted
from .settings import Settings, suggest
from .snapshot import Snapshot
from .spec import Spec


class Entry(Settings):
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


class Form(Settings):
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
    entries: tuple[Entry, ...]
    batch_rows: int
    body_bytes: int
    log_megabytes: int
    latency_ms: float


def learn(spec: Spec, taken: Snapshot, schema: Schema) -> Form:
    """Read the fields off a snapshot: every value that stands in one of its rows is answered.

    Args:
        spec: Today's; its `[serving]` may widen ranges.
        taken: What the version was trained on.
        schema: The version's.

    Raises:
        ProjectError: `[serving.ranges]` names something that is no numeric feature.
    """
    numeric = [feature.name for feature in schema.features if feature.kind == "numeric"]
    for name in spec.serving.ranges:
        if name not in numeric:
            where, fix = str(spec.path), suggest(name, numeric)
            raise ProjectError(f"serving.ranges: {name!r} is no numeric feature", where=where, fix=fix)
    meanings = _meanings(taken)
    with duckdb.connect() as connection:
        file = str(taken.parquet).replace("'", "''")
        connection.execute(f"create view given as select * from read_parquet('{file}')")
        entries = [
            Entry(
                name=feature.name,
                kind=feature.kind,
                description=meanings.get(feature.name, ""),
                **(
                    _range(connection, feature.name, spec)
                    if feature.kind == "numeric"
                    else _texts(connection, feature.name)
                ),
            )
            for feature in schema.features
        ]
    limits = spec.serving.model_dump(exclude={"ranges"})
    return Form(key=spec.data.key, entries=tuple(entries), latency_ms=spec.gates.latency_ms, **limits)


def _texts(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    query = f"select distinct cast({quoted(name)} as varchar) as text from given order by text"
    texts = [text for (text,) in connection.execute(query).fetchall()]
    return {"nullable": None in texts, "categories": tuple(text for text in texts if text is not None)}


def _range(connection: duckdb.DuckDBPyConnection, name: str, spec: Spec) -> dict[str, Any]:
    column = quoted(name)
    query = f"select min({column})::double, max({column})::double, count(*) > count({column}) from given"
    ((least, greatest, missing),) = connection.execute(query).fetchall()
    low, high = spec.serving.ranges.get(name, (least, greatest))
    return {"nullable": missing, "minimum": min(low, least), "maximum": max(high, greatest)}


def _meanings(taken: Snapshot) -> dict[str, str]:
    """What each column means, as the snapshot says it."""
    described = json.loads((taken.folder / "croissant.json").read_text(encoding="utf-8"))
    fields = [field for record in described.get("recordSet", []) for field in record.get("field", [])]
    return {field["name"]: field.get("description", "") for field in fields}
