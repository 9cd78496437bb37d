"""Builds of the SQL that still hold: nothing that the tables and their tests come from has changed since."""

import datetime as dt
import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from mlteam.core import sql
from mlteam.core.files import compute_sha256, write_json
from mlteam.core.paths import DBT, DBT_MANIFEST, DBT_RESULTS, SQL, WAREHOUSE
from mlteam.data import warehouse
from mlteam.data.sources import Source, load_sources
from mlteam.data.targets import LOCAL, Target

KEPT = DBT / "built.json"
LIBRARIES = ("dbt-core", "dbt-duckdb", "duckdb")
# What gives other rows at another moment or place, in SQL or in Jinja; a project that says so is built each time.
CHANGING = re.compile(
    r"""\b(?:now|today|age|random|uuid\w*|gen_random_uuid|get_current_\w+|transaction_timestamp|nextval|getenv|env_var
    |read_\w+|glob)\s*\(
    |\b(?:current_(?:date|time|timestamp)|localtime(?:stamp)?|run_started_at|invocation_id|sample|tablesample)\b
    |\b(?:from|join)\s+'""",
    re.IGNORECASE | re.VERBOSE,
)
MATERIALIZED = ("table", "view", "ephemeral")
SECONDS_PER_HOUR = 3600


def keep_build(built: Iterable[str], earlier: Iterable[str]) -> None:
    """Record that models were built and tested just now.

    Args:
        built: Their names.
        earlier: What `find_built_models` returned before.
    """
    write_json(KEPT, {"models": sorted({*built, *earlier}), **_read_state()})


def find_built_models() -> set[str]:
    """Return the models in the warehouse that were built and tested today, from the SQL and sources as they are."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    models = set(kept.pop("models", ()))
    return models if kept and kept == _read_state() else set()


def has_read_sql(target: Target) -> bool:
    """Return whether dbt's manifest of an engine is that of the SQL as it is."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return target.is_local and bool(kept) and kept["sql"] == _hash_sql() and kept["manifest"] == _hash_manifest()


def reuse_build(relation: str | None, sources: Sequence[Source], now: dt.datetime) -> bool:
    """Return whether the tables need not be built again, because they would be the same and pass the same tests.

    Args:
        relation: What is needed, as schema.table, with what it is made from; None for all models.
        sources: What these are made from.
        now: The moment that their age is counted to, UTC.
    """
    manifest = json.loads(DBT_MANIFEST.read_text(encoding="utf-8"))
    made = ("model", "snapshot", "seed")
    nodes = [node for node in manifest.get("nodes", {}).values() if node["resource_type"] in made]
    models = [node for node in nodes if node["resource_type"] == "model"]
    needed = {node["name"] for node in models} if relation is None else warehouse.find_upstream_models(relation)
    repeatable = len(models) == len(nodes) and all(
        node["config"]["materialized"] in MATERIALIZED and node["language"] == "sql" for node in models
    )
    texts = (path for folder in ("models", "macros") for path in (SQL / folder).rglob("*.sql"))
    if not repeatable or any(CHANGING.search(path.read_text(encoding="utf-8")) for path in texts):
        return False
    if not needed or not needed <= find_built_models() or not DBT_RESULTS.exists() or _are_late(sources, now):
        return False
    # Of its tests this is what is known now.
    os.utime(DBT_RESULTS)
    return True


def _are_late(sources: Sequence[Source], now: dt.datetime) -> bool:
    """Return whether a source is too old, or its age cannot be told; dbt then says what is wrong."""
    with warehouse.connect() as connection:
        for source in sources:
            if source.late_after_hours is None:
                continue
            try:
                query = f"select max(cast(({source.loaded_at}) as timestamp)) from {source.relation}"
                (loaded,) = sql.fetch_one(connection, query)
            except duckdb.Error:
                return True
            age = (now.replace(tzinfo=None) - loaded).total_seconds() if loaded else math.inf
            if age / SECONDS_PER_HOUR > source.late_after_hours:
                return True
    return False


def _read_state() -> dict[str, Any]:
    """Read what a build depends on: SQL, rows, what others wrote into the warehouse, libraries, the day."""
    files = [source.location for source in load_sources(Target(LOCAL, LOCAL, {})) if source.location]
    return {
        "day": dt.datetime.now(dt.UTC).date().isoformat(),
        "sql": _hash_sql(),
        "manifest": _hash_manifest(),
        "files": {str(path): _read_times(path) for path in (*files, WAREHOUSE)},
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _read_times(path: Path) -> list[int]:
    """Read the size and the time of change of a file, which may be too large to be read as a whole each time."""
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.exists() else []


def _hash_sql() -> str:
    files = (path for path in sorted(SQL.rglob("*")) if path.is_file() and "target" not in path.parts)
    content = [[path.as_posix(), compute_sha256(path)] for path in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _hash_manifest() -> str:
    return compute_sha256(DBT_MANIFEST) if DBT_MANIFEST.exists() else ""
