"""The upstream tables, as sql/models/sources.yml declares them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlteam.core.errors import ProjectError
from mlteam.core.paths import SQL
from mlteam.data.targets import Target, load_built_target

HOURS_PER_UNIT = {"minute": 1 / 60, "hour": 1, "day": 24}
SOURCES_FILE = SQL / "models" / "sources.yml"
# When the engine fetched a row.
LOADED_AT = "_loaded_at"


@dataclass(frozen=True)
class Source:
    """One upstream table.

    Attributes:
        system: The upstream system.
        table: Its table.
        loader: `module:function` of this package that fetches it; empty where somebody else does.
        owner: The role that answers for it.
        origin: What the loader reads, such as the path of a file.
        location: The Parquet file that SQL reads; None for a table that is already in the warehouse.
        relation: What SQL selects from.
        schema: The schema in which SQL finds it.
        late_after_hours: Hours after its load at which it is too old, if that is declared.
        refresh_after_hours: Hours after its load at which it is fetched again, if that is declared.
        known_at: SQL over its columns: the instant (UTC) from which a row is known; empty for rows always known.
        late_columns: Columns that become known after their row: SQL of the instant, or nothing where nobody records it.
        secret: The environment variable that the loader needs, if it needs one.
        loaded_at: SQL of the instant (UTC) at which a row was made, by which freshness is measured; that of our own
            fetch where upstream has none.
    """

    system: str
    table: str
    loader: str
    owner: str
    origin: str
    location: Path | None
    relation: str
    schema: str = ""
    late_after_hours: float | None = None
    refresh_after_hours: float | None = None
    known_at: str = ""
    late_columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    secret: str = ""
    loaded_at: str = LOADED_AT

    @property
    def name(self) -> str:
        """The name that SQL uses: system.table."""
        return f"{self.system}.{self.table}"


def load_sources(target: Target | None = None) -> list[Source]:
    """Return the declared upstream tables.

    Args:
        target: Whose tables they are; those that the warehouse was built from last where nothing is said.

    Raises:
        ProjectError: The file is not YAML, or a source lacks what the project needs to know of it.
    """
    if not SOURCES_FILE.exists():
        return []
    try:
        content = yaml.safe_load(SOURCES_FILE.read_text(encoding="utf-8")) or {}
        local = (target or load_built_target()).is_local
        systems = content.get("sources") or []
        return [_parse_source(system, table, local=local) for system in systems for table in system["tables"]]
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise ProjectError("not YAML", where=f"{SOURCES_FILE}:{line}", fix="fix the line") from None
    except (AttributeError, TypeError):
        fix = "declare each source and each table as the others are"
        raise ProjectError("the sources are not tables", where=str(SOURCES_FILE), fix=fix) from None
    except KeyError as error:
        raise ProjectError(
            f"a source lacks {error}", where=str(SOURCES_FILE), fix="declare it as the other sources do"
        ) from None


def _parse_source(system: dict[str, Any], table: dict[str, Any], *, local: bool) -> Source:
    meta = system["config"]["meta"] | table.get("config", {}).get("meta", {})
    # Another engine reads no file of this machine: somebody else loads its tables.
    file = meta.get("external_location") if local else None
    freshness = (system["config"].get("freshness") or {}) | (table.get("config", {}).get("freshness") or {})
    late, old = freshness.get("error_after"), freshness.get("warn_after")
    location = Path(file.format(identifier=table["name"])) if file else None
    schema = str(system.get("schema", system["name"]))
    return Source(
        system=system["name"],
        table=table["name"],
        loader=system.get("loader", ""),
        owner=meta["owner"],
        origin=meta.get("origin", ""),
        location=location,
        schema=schema,
        relation=f"read_parquet('{location.as_posix()}')" if location else f'"{schema}"."{table["name"]}"',
        late_after_hours=late["count"] * HOURS_PER_UNIT[late["period"]] if late else None,
        refresh_after_hours=old["count"] * HOURS_PER_UNIT[old["period"]] if old else None,
        known_at=meta.get("known_at", ""),
        late_columns=dict(_list_late_columns(table)),
        secret=meta.get("secret", ""),
        loaded_at=(system["config"] | (table.get("config") or {})).get("loaded_at_field", LOADED_AT),
    )


def _list_late_columns(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for column in table.get("columns") or []:
        meta = (column.get("config") or {}).get("meta") or {}
        if "known_at" in meta or meta.get("known_after_event"):
            yield column["name"], meta.get("known_at", "")
