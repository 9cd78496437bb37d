"""Publish a version as a bundle: its model, request schema and golden examples."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb

from mlteam.config.spec import Spec
from mlteam.core import store
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.files import compute_sha256, reserve_temporary_path, write_json
from mlteam.core.sql import connect_duckdb, quote_identifier
from mlteam.data import datasets, features, snapshot
from mlteam.data.features import EvaluationRows, Schema
from mlteam.data.snapshot import Snapshot
from mlteam.registry.versions import RegisteredVersion
from mlteam.serving.bundle import (
    DIGEST_DIGITS,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MODEL_FOLDER,
    RELAUNCH_FIX,
    REQUEST_SCHEMA_FILE,
    GoldenExample,
    Manifest,
    get_bundles_folder,
    is_intact,
)
from mlteam.serving.request_schema import RequestField, RequestSchema


def build_request_schema(spec: Spec, taken: Snapshot, schema: Schema) -> RequestSchema:
    """Read the fields off a snapshot: every value in one of its rows is accepted.

    Args:
        spec: Today's; its `[serving]` may widen ranges.
        taken: What the version was trained on.
        schema: The version's.

    Raises:
        ProjectError: `[serving.ranges]` names something that is not a numeric feature.
    """
    numeric = [feature.name for feature in schema.features if feature.kind == "numeric"]
    for name in spec.serving.ranges:
        if name not in numeric:
            where, fix = str(spec.path), suggest(name, numeric)
            raise ProjectError(f"serving.ranges: {name!r} is not a numeric feature", where=where, fix=fix)
    meanings = _read_descriptions(taken)
    with connect_duckdb() as connection:
        connection.execute(f"create view given as select * from {taken.source}")
        entries = [
            RequestField(
                name=feature.name,
                kind=feature.kind,
                description=meanings.get(feature.name, ""),
                **(
                    _read_range(connection, feature.name, spec)
                    if feature.kind == "numeric"
                    else _read_categories(connection, feature.name)
                ),
            )
            for feature in schema.features
        ]
    limits = spec.serving.model_dump(exclude={"ranges"})
    return RequestSchema(key=spec.data.key, entries=tuple(entries), latency_ms=spec.gates.latency_ms, **limits)


def _read_categories(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    query = f"select distinct cast({quote_identifier(name)} as varchar) as text from given order by text"
    texts = [text for (text,) in connection.execute(query).fetchall()]
    return {"nullable": None in texts, "categories": tuple(text for text in texts if text is not None)}


def _read_range(connection: duckdb.DuckDBPyConnection, name: str, spec: Spec) -> dict[str, Any]:
    column = quote_identifier(name)
    query = f"select min({column})::double, max({column})::double, count(*) > count({column}) from given"
    ((least, greatest, missing),) = connection.execute(query).fetchall()
    low, high = spec.serving.ranges.get(name, (least, greatest))
    return {"nullable": missing, "minimum": min(low, least), "maximum": max(high, greatest)}


def _read_descriptions(taken: Snapshot) -> dict[str, str]:
    """Return what each column means, as the snapshot says it."""
    described = json.loads((taken.folder / "croissant.json").read_text(encoding="utf-8"))
    fields = [field for record in described.get("recordSet", []) for field in record.get("field", [])]
    return {field["name"]: field.get("description", "") for field in fields}


GOLDEN_ROWS = 20


def publish_bundle(spec: Spec, version: RegisteredVersion) -> Path:
    """Write the bundle of a version, whole or not at all; one that is there already is kept if it is whole.

    Args:
        spec: Today's; its `[serving]` says what is answered.
        version: An opened version; its golden examples are test rows of the snapshot that it was trained on.

    Returns:
        The bundle's folder.
    """
    if version.folder is None:
        raise ProjectError(f"version {version.number} was not opened from the registry", fix=RELAUNCH_FIX)
    target = get_bundles_folder(version.spec.name)
    taken = snapshot.load(version.spec.name, version.snapshot)
    rows = features.build_evaluation_rows(
        version.spec, version.schema, "test", datasets.read_snapshot_rows(taken, version.spec, "test")
    )
    with reserve_temporary_path(target / f"{version.number}") as part:
        shutil.copytree(version.folder, part / MODEL_FOLDER)
        write_json(part / REQUEST_SCHEMA_FILE, build_request_schema(spec, taken, version.schema).model_dump())
        write_json(part / GOLDEN_FILE, [example.model_dump() for example in make_golden_examples(version, rows)])
        files = {
            path.relative_to(part).as_posix(): compute_sha256(path)
            for path in sorted(part.rglob("*"))
            if path.is_file()
        }
        about = Manifest(
            pipeline=version.spec.name,
            version=version.number,
            snapshot=version.snapshot,
            factory=version.spec.model.factory,
            trained_at=version.tags["created_at"],
            newest_row=datasets.find_newest_time(taken, version.spec, "train"),
            commit=version.tags["git_commit"],
            files=files,
        )
        write_json(part / MANIFEST_FILE, about.model_dump())
        folder = target / f"{version.number}-{compute_sha256(part / MANIFEST_FILE)[:DIGEST_DIGITS]}"
        if not is_intact(folder):
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
    store.push_folder(folder, MANIFEST_FILE)
    return folder


def make_golden_examples(version: RegisteredVersion, rows: EvaluationRows) -> list[GoldenExample]:
    """Examples spread over the rows, each with its prediction."""
    step = max(1, rows.table.num_rows // GOLDEN_ROWS)
    chosen = rows.table.select(version.schema.names).take(list(range(0, rows.table.num_rows, step))[:GOLDEN_ROWS])
    predicted = version.model.predict(version.schema.encode(chosen)).reshape(chosen.num_rows, -1)
    kinds = {feature.name: feature.kind for feature in version.schema.features}
    return [
        GoldenExample(
            features={name: _convert_to_json_value(value, kinds[name]) for name, value in row.items()},
            prediction=[float(number) for number in numbers],
        )
        for row, numbers in zip(chosen.to_pylist(), predicted, strict=True)
    ]


def _convert_to_json_value(value: Any, kind: str) -> Any:
    """Return a value as JSON can hold it: a number, a text, or null."""
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return None
    if kind == "numeric":
        return float(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
