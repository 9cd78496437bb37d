"""The result of time travel, kept until the SQL, the sources or what is compared has changed."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from mlteam.config.spec import Spec
from mlteam.config.splits import HashSplits
from mlteam.core import sql
from mlteam.core.errors import ProjectError
from mlteam.core.files import compute_sha256, write_json
from mlteam.core.paths import DBT_MANIFEST, SQL, TIME_TRAVEL
from mlteam.data import time_travel, warehouse
from mlteam.data.sources import SOURCES_FILE, Source
from mlteam.data.time_travel import Cut, Leak


@dataclass(frozen=True)
class LeakReport:
    """What time travel found.

    Attributes:
        cuts: Every comparison; none where nothing says when values become known.
        features: Number of features that were compared.
        unchecked: Sources that say nothing about when they become known.
    """

    cuts: tuple[Cut, ...]
    features: int
    unchecked: tuple[str, ...]

    @property
    def leaks(self) -> list[Leak]:
        """Each feature that leaks, where it differs in most rows."""
        worst: dict[str, Leak] = {}
        for leak in (leak for cut in self.cuts for leak in cut.leaks):
            if leak.column not in worst or leak.rows > worst[leak.column].rows:
                worst[leak.column] = leak
        return list(worst.values())

    def describe(self) -> str:
        """Return the result in a sentence without its full stop."""
        if not self.cuts:
            return f"nothing to check: no source has a known_at in {SOURCES_FILE}"
        if leaks := self.leaks:
            names = ", ".join(leak.column for leak in leaks)
            return f"{len(leaks)} of {self.features} features use what was not yet known: {names}"
        rows = max(cut.rows for cut in self.cuts)
        return f"0 of {self.features} features differ on {rows:,} rows when rebuilt from what was known"


def find_report(spec: Spec) -> LeakReport | None:
    """Return the result that is still true, if there is one."""
    return _read_report(spec, _compute_digest(spec, _find_sources(spec)))


def make_report(spec: Spec, progress: Callable[[str], None]) -> LeakReport:
    """Return the result that is still true, or rebuild the features again.

    Args:
        spec: Names the relation and its features.
        progress: Is told which cut is under way.

    Raises:
        ProjectError: The SQL has not been built, does not run on what was known, or a `known_at` is not SQL.
    """
    sources = _find_sources(spec)
    digest = _compute_digest(spec, sources)
    if (kept := _read_report(spec, digest)) is not None:
        return kept
    by_time = spec.data.time is not None
    unchecked = [s.name for s in sources if not s.late_columns and not (s.known_at and by_time)]
    cuts = time_travel.travel(spec, sources, progress) if len(unchecked) < len(sources) else []
    report = LeakReport(tuple(cuts), len(spec.features.names), tuple(unchecked))
    write_json(_get_path(spec), {"digest": digest, **asdict(report)})
    return report


def _find_sources(spec: Spec) -> list[Source]:
    if not DBT_MANIFEST.exists():
        raise ProjectError("the SQL has not been built yet", where=f"{SQL}/", fix="run `nox -s data`")
    return warehouse.load_upstream_sources(spec.data.relation)


def _compute_digest(spec: Spec, sources: Sequence[Source]) -> str:
    """Return a digest of all that the result depends on: SQL, rows of the sources, what is compared."""
    compared = [spec.data.relation, spec.data.key, spec.data.time, spec.data.decided_at, spec.features.names]
    if isinstance(spec.splits, HashSplits):
        compared.append(spec.splits.model_dump_json())
    files = (path for path in sorted(SQL.rglob("*")) if path.is_file())
    content: list[Any] = [[path.as_posix(), compute_sha256(path)] for path in files]
    with warehouse.connect() as connection:
        content += [[source.name, _digest_rows(connection, source)] for source in sources]
    return hashlib.sha256(json.dumps([compared, time_travel.CUTS, content]).encode()).hexdigest()


def _digest_rows(connection: duckdb.DuckDBPyConnection, source: Source) -> str:
    if source.location is not None:
        if not source.location.exists():
            what = f"source {source.name} is not here, so its features cannot be rebuilt"
            raise ProjectError(what, where=str(source.location), fix="run `nox -s data`")
        return compute_sha256(source.location)
    return str(sql.fetch_one(connection, f"select count(*), bit_xor(hash(t)) from {source.relation} as t"))


def _read_report(spec: Spec, digest: str) -> LeakReport | None:
    path = _get_path(spec)
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if content.get("digest") != digest:
        return None
    cuts = [
        Cut(c["instant"], c["rows"], tuple(Leak(**leak | {"path": tuple(leak["path"])}) for leak in c["leaks"]))
        for c in content["cuts"]
    ]
    return LeakReport(tuple(cuts), content["features"], tuple(content["unchecked"]))


def _get_path(spec: Spec) -> Path:
    return TIME_TRAVEL / f"{spec.name}.json"
