"""The files of a new pipeline: source, staging and features with their tests, the pipeline file, an example."""

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import duckdb

from mlteam.core.files import write_atomically
from mlteam.core.paths import PIPELINES, SQL
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.core.templates import create_environment
from mlteam.data.sources import SOURCES_FILE as SOURCES
from mlteam.data.sources import Source
from mlteam.onboarding.columns import SourceColumn, find_column
from mlteam.onboarding.joins import JoinedTable
from mlteam.onboarding.names import load_reserved_words
from mlteam.onboarding.plan import Plan
from mlteam.onboarding.portable import make_portable

DEFAULT_METRICS = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier_score"),
    "multiclass": ("log_loss", "accuracy", "balanced_accuracy"),
    "regression": ("mean_absolute_error", "root_mean_squared_error", "r2"),
}
SQL_TYPES = {"integer": "bigint", "number": "double", "boolean": "boolean", "text": "varchar"}
MAX_LINE = 100
STAGING = SQL / "models" / "staging"
# What the SQL of all brought tables calls, where several engines run it.
MACROS = SQL / "macros" / "brought_tables.sql"
PLAIN_NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def write_pipeline_files(
    plan: Plan, source: Source, example: dict[str, object], *, portable: bool = False
) -> list[Path]:
    """Write every file, or none.

    Args:
        plan: What was decided.
        source: The upstream table.
        example: A made-up row, for the examples folder.
        portable: Whether another engine than the one here runs the SQL as well.

    Returns:
        The files, those that were changed last; the first ones are new.
    """
    name = plan.request.name
    features = SQL / "models" / "features"
    texts = {
        **_render_staging(plan, source, None),
        **{path: text for joined in plan.joined for path, text in _render_staging(plan, joined.source, joined).items()},
        features / f"{name}_features.sql": _render("features.sql", plan, source),
        features / f"{name}_features.yml": _render("features.yml", plan, source),
        PIPELINES / f"{name}.toml": _render("pipeline.toml", plan, source),
        Path("examples") / f"{name}.json": json.dumps(example, indent=2, ensure_ascii=False) + "\n",
        SOURCES: _append_source(plan, source),
    }
    if portable:
        texts = _make_portable(texts)
    for path, text in texts.items():
        with write_atomically(path) as part:
            part.write_text(text, encoding="utf-8")
    return list(texts)


def _make_portable(texts: dict[Path, str]) -> dict[Path, str]:
    """Return the files with SQL that every engine runs, and with the macros that it calls unless they are there."""
    own = resources.files(__package__ or "") / "templates" / MACROS.name
    missing = {} if MACROS.exists() else {MACROS: own.read_text(encoding="utf-8")}
    return missing | {path: make_portable(text) if path.suffix == ".sql" else text for path, text in texts.items()}


def _render_staging(plan: Plan, source: Source, joined: JoinedTable | None) -> dict[Path, str]:
    """Return the files of a staging model: of a joined table, or of the rows."""
    stem = STAGING / (joined.model if joined else f"stg_{plan.request.name}")
    return {
        stem.with_suffix(f".{ending}"): _render(f"staging.{ending}", plan, source, joined) for ending in ("sql", "yml")
    }


def list_new_files(name: str) -> Iterator[Path]:
    """Yield the files that only this pipeline has."""
    for folder, stem in (("staging", f"stg_{name}"), ("features", f"{name}_features")):
        yield from (SQL / "models" / folder / f"{stem}.{ending}" for ending in ("sql", "yml"))
    yield from sorted(path for path in STAGING.glob(f"stg_{name}__*") if path.suffix in (".sql", ".yml"))
    yield PIPELINES / f"{name}.toml"
    yield Path("examples") / f"{name}.json"


def build_example(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, object]:
    """Build an example row: the median of each number, the most frequent value of other columns; no real row."""
    parts = [
        f"median({c.name})"
        if c.kind == "number"
        else f"quantile_disc({c.name}, 0.5)"
        if c.kind == "integer"
        else f"mode({c.name})"
        for c in plan.features
    ]
    (row,) = connection.execute(f"select {', '.join(parts)} from {plan.typed}").fetchall()
    return {column.name: value for column, value in zip(plan.features, row, strict=True)}


def _render(template: str, plan: Plan, source: Source, joined: JoinedTable | None = None) -> str:
    environment = create_environment(__package__ or "")
    environment.filters |= {
        "q": _quote,
        "described": _quote_for_dbt,
        "sqlq": quote_literal,
        "aliased": _build_select_line,
        "exempted": _build_exemption,
        "says": _describe_column,
    }
    environment.globals["called"] = lambda name: find_column(plan.columns, name, "").name
    strongest = sorted(plan.features, key=lambda c: -plan.strengths.get(c.name, 0))[:1]
    return environment.get_template(f"{template}.jinja").render(
        plan=plan,
        source=source,
        joined=joined,
        columns=[c for c in joined.columns if c.kind != "other"] if joined else plan.own_columns,
        schema="" if source.location else source.relation.split('"')[1],
        name=plan.request.name,
        rows="joined" if plan.joined else f"{{{{ ref('stg_{plan.request.name}') }}}}",
        added=[(one.model, column.name) for one in plan.joined for column in one.added],
        owner=lambda column: next(
            (one.model for one in plan.joined if one.source.table == column.table), f"stg_{plan.request.name}"
        ),
        types=SQL_TYPES,
        metrics=DEFAULT_METRICS[plan.task],
        slices=_choose_slices(plan),
        baseline=strongest,
        roles=list(dict.fromkeys(c.name for c in (plan.key, plan.time, plan.group, plan.label, *plan.hidden) if c)),
    )


def _append_source(plan: Plan, source: Source) -> str:
    """Return the sources with the new one at their end; what is there is not touched, but for an empty list."""
    entry = _render("source.yml", plan, source)
    old = SOURCES.read_text(encoding="utf-8").rstrip() + "\n\n" if SOURCES.exists() else "version: 2\n\nsources:\n"
    return re.sub(r"(?m)^sources:[ \t]*\[\]", "sources:", old) + entry


def _quote(text: object) -> str:
    """Return a text as YAML and TOML take it."""
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _quote_for_dbt(text: object) -> str:
    """Return a text as YAML takes it where dbt renders it: the marks of a template are taken apart."""
    return re.sub(r"\{(?=[{%#])", "{ ", _quote(text))


def _escape_jinja(sql: str) -> str:
    """SQL in which dbt sees no marks of its own."""
    return "{% raw %}" + sql + "{% endraw %}" if any(mark in sql for mark in ("{{", "{%", "{#")) else sql


def _build_select_line(column: SourceColumn) -> str:
    """Return a line of the staging model."""
    # Quotes and capitals only where a name needs them, as sqlfluff asks: the engine reads plain names in any case.
    bare = PLAIN_NAME_PATTERN.fullmatch(column.raw) and column.raw.lower() not in load_reserved_words()
    sql = column.sql.replace(quote_identifier(column.raw), column.raw.lower()) if bare else _escape_jinja(column.sql)
    if sql == column.name != column.raw:
        # Without an alias, the column would keep its capitals.
        return f"{quote_identifier(column.raw)} as {column.name}"
    return column.name if sql == column.name else f"{sql} as {column.name}"


def _build_exemption(line: str) -> str:
    """Return the comment that exempts a line from the rules of sqlfluff that it has to break."""
    name = re.fullmatch(r'"(\w+)" as (\w+)', line)
    rules = [
        rule
        for rule, broken in (("LT05", len(line) > MAX_LINE), ("RF06", name and name[1].lower() == name[2]))
        if broken
    ]
    return f"  -- noqa: {','.join(rules)}" if rules else ""


def _describe_column(column: SourceColumn) -> str:
    """Return a column's description."""
    read = ", ".join(repr(token) for token, _ in column.read_as_missing)
    of = f" of {column.table}" if column.table else ""
    return f"Upstream column {column.raw!r}{of}{f'; {read} read as missing' if read else ''}."


def _choose_slices(plan: Plan) -> list[str]:
    """Up to three features of few values, by whose values a model is evaluated."""
    few = [c for c in plan.features if 2 <= c.distinct <= 12]  # noqa: PLR2004
    return [column.name for column in sorted(few, key=lambda c: -plan.strengths.get(c.name, 0))[:3]]
