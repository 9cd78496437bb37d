"""Checks of the data: sources, models, features and the generated blocks say the same, in both directions."""

import re
import tomllib
from collections.abc import Iterator

from mlteam.process.checks.blocks import BLOCKS, table
from mlteam.process.checks.cards import NAMED, STATE, current
from mlteam.process.checks.findings import Finding, check, did_you_mean
from mlteam.process.checks.project import ENGINE, Project
from mlteam.process.checks.structure import documented
from mlteam.process.checks.team import toml_line

WIDTH = 160
PRIVACY_LISTS = ("identifiers", "quasi_identifiers", "sensitive")


@check("PRC043", "the files that decide can be read")
def deciding_files(project: Project) -> Iterator[Finding]:
    """A broken pipeline or source file is reported here; it must never count as an empty one."""
    for path in project.pipelines_files:
        if path in project.broken:
            continue
        try:
            tomllib.loads(project.text(path))
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            yield Finding(path, int(line[1]) if line else 1, f"not TOML: {error}", fix="fix the line")
    for path, (line_number, reason) in project.dbt.errors.items():
        yield Finding(path, line_number, f"not YAML: {reason}", fix="fix the line")


@check("PRC044", "every source is declared with owner, freshness and description, and read")
def sources(project: Project) -> Iterator[Finding]:
    """Set equality between the declared sources and the `source()` calls in the SQL."""
    declared = project.dbt.sources
    for read in project.dbt.reads:
        if read.kind == "source" and read.target not in declared:
            text = f"source {read.target} is read and not declared"
            yield Finding(read.path, read.line, text, fix=did_you_mean(read.target, declared))
    used = {read.target for read in project.dbt.reads if read.kind == "source"}
    for source in declared.values():
        if source.name not in used:
            text = f"source {source.name} is declared and no model reads it"
            yield Finding(source.path, source.line, text, fix="read it in a staging model, or delete it")
        facts = {
            "owner": source.owner,
            "description": source.description,
            "freshness": (source.freshness.get("warn_after") and source.freshness.get("error_after"))
            or (not source.freshness and source.unwatched),
        }
        for name, value in facts.items():
            if not value:
                text = f"source {source.name} has no {name}"
                expected = "`config.meta.owner`, `description`, `config.freshness` with warn_after and error_after"
                expected += ", or `config.meta.unwatched` with the reason"
                yield Finding(source.path, source.line, text, expected=expected, fix=f"say it: {name}")


@check("PRC045", "every SQL model stands under sql/, is described and tested, and is read from somewhere")
def models(project: Project) -> Iterator[Finding]:
    """Set equality between the SQL files and the models that description files name."""
    described, files = project.dbt.models, project.dbt.files
    for path in project.files:
        if path.endswith(".sql") and not path.startswith("sql/"):
            yield Finding(path, 1, "SQL outside of sql/", fix="move it to sql/models/, where it is built and tested")
    for name, path in files.items():
        if name not in described:
            fix = f"describe it in {path.removesuffix('.sql')}.yml"
            yield Finding(path, 1, f"model {name} is not described", fix=fix)
    for name, model in described.items():
        if name not in files:
            text, fix = f"model {name} is described and has no SQL file", did_you_mean(name, files)
            yield Finding(model.path, model.line, text, fix=fix)
        if not model.description:
            yield Finding(model.path, model.line, f"model {name} has no description", fix="say what a row is")
        if not model.tested:
            yield Finding(model.path, model.line, f"model {name} has no test", fix="test its key at least")
    for read in project.dbt.reads:
        if read.kind == "ref" and read.target not in files:
            text = f"ref('{read.target}') names no model"
            yield Finding(read.path, read.line, text, fix=did_you_mean(read.target, files))


@check("PRC046", "every column that a pipeline names is described where it is made, and the reverse")
def columns(project: Project) -> Iterator[Finding]:
    """Set equality between a pipeline's key, time, label and features and the columns of its relation."""
    for name, spec in project.pipelines.items():
        path = f"pipelines/{name}.toml"
        relation = str(table(spec, "data").get("relation", ""))
        model = project.dbt.models.get(relation.rsplit(".", maxsplit=1)[-1])
        text = project.text(path)
        if model is None:
            fix = did_you_mean(relation.rsplit(".", maxsplit=1)[-1], project.dbt.models)
            line = toml_line(text, ["data", "relation"])
            yield Finding(path, line, f"relation {relation!r} is no described model", fix=fix)
            continue
        for column, keys in named_columns(spec):
            if column not in model.columns:
                line = _line_in(text, column, keys)
                said = f"column {column!r} is not described in {model.path}"
                yield Finding(path, line, said, fix=did_you_mean(column, model.columns))
        named = {column for column, _ in named_columns(spec)}
        for column, (line, entry) in model.columns.items():
            if not entry.get("description"):
                yield Finding(
                    model.path, line, f"column {column!r} has no description", fix="say what it holds, with its unit"
                )
            users = [s for s in project.pipelines.values() if table(s, "data").get("relation") == relation]
            if column not in named and len(users) == 1:
                fix = f"name it in {path}, or take it out of the model"
                yield Finding(model.path, line, f"column {column!r} is used by no pipeline", fix=fix)


def named_columns(spec: dict[str, object]) -> list[tuple[str, list[str]]]:
    """Each column that a pipeline reads, with the key that names it."""
    data, features = table(spec, "data"), table(spec, "features")
    named = [(str(data[key]), ["data", key]) for key in ("key", "time", "label", "group") if data.get(key)]
    split_by = table(spec, "splits").get("column")
    named += [(str(split_by), ["splits", "column"])] if split_by else []
    named += [(str(c), ["features", kind]) for kind in ("categorical", "numeric") for c in features.get(kind, [])]
    return named + [(str(c), ["evaluation", "slices"]) for c in table(spec, "evaluation").get("slices", [])]


def _line_in(text: str, word: str, keys: list[str]) -> int:
    """The line on which a word stands in a list that may go over several lines."""
    start = toml_line(text, keys)
    lines = text.splitlines()
    return next((n for n in range(start, len(lines) + 1) if f'"{word}"' in lines[n - 1]), start)


@check("PRC047", "the cards show the numbers of a run", blocks="shadow")
def runs_shown(project: Project) -> Iterator[Finding]:
    """A data card without a snapshot, or a model card without an evaluation, describes nothing that exists."""
    for document, page in documented(project):
        for name in sorted(STATE.keys() & page.generated.keys()):
            first, last = page.generated[name]
            if not NAMED.search("\n".join(page.lines[first:last])):
                text, fix = f"the block {name!r} shows no run", "nox -s pipeline, then nox -s process -- --fix"
                yield Finding(document.path, first, text, fix=fix)


@check("PRC048", "every pipeline says which columns touch persons")
def privacy(project: Project) -> Iterator[Finding]:
    """`[privacy]` names identifiers, quasi-identifiers and sensitive columns with k and l, or why there are none."""
    for name, spec in project.pipelines.items():
        path, said = f"pipelines/{name}.toml", table(spec, "privacy")
        line = toml_line(project.text(path), ["privacy"])
        listed = [column for key in PRIVACY_LISTS for column in said.get(key, [])]
        if not listed and not str(said.get("none_because", "")).strip():
            expected = '[privacy] with quasi_identifiers, sensitive, k, l, or none_because = "…"'
            text = f"pipeline {name} does not say whether its data touches persons"
            yield Finding(path, line, text, expected=expected)
        elif said.get("quasi_identifiers") and "k" not in said:
            text = f"pipeline {name} names quasi-identifiers and no k"
            yield Finding(path, line, text, expected="k = 5, or more")


@check("PRC054", "every metric that a pipeline names is defined")
def metrics(project: Project) -> Iterator[Finding]:
    """The package registers the metric, and its docstring says what the number means."""
    for name, spec in project.pipelines.items():
        path = f"pipelines/{name}.toml"
        for metric in table(spec, "evaluation").get("metrics", []) if project.metrics else ():
            if not project.metrics.get(metric):
                line = _line_in(project.text(path), metric, ["evaluation", "metrics"])
                fault = "has no docstring" if metric in project.metrics else "is not defined"
                text = f"metric {metric!r} {fault}, neither in {ENGINE}/evaluation/metrics.py nor in metrics/"
                yield Finding(path, line, text, fix=did_you_mean(metric, project.metrics))


@check("PRC050", "every generated block shows what its file says now")
def generated(project: Project) -> Iterator[Finding]:
    """A page's blocks are compared with what the command would write, and required ones are there."""
    for document, page in documented(project):
        for block in document.shows:
            if block not in page.generated:
                marks = f"<!-- generated: {block} --> and <!-- end generated -->"
                fix = "add the two lines, then nox -s process -- --fix"
                yield Finding(document.path, 1, f"the generated block {block!r} is missing", expected=marks, fix=fix)
    for path, page in project.pages.items():
        for block, (first, _) in page.generated.items():
            if block not in BLOCKS:
                fix = did_you_mean(block, BLOCKS)
                yield Finding(path, first, f"there is no generated block {block!r}", fix=fix)
        if page.generated and _body(page.text) != (fresh := current(_body(page.text), project)):
            line, stands, wanted = _first_difference(_body(page.text), fresh)
            text = "a generated block is not what its file says now"
            fix = "nox -s process -- --fix"
            yield Finding(path, line, text, expected=wanted, found=stands, fix=fix)


def _body(text: str) -> str:
    return text.replace("\r\n", "\n")


def _first_difference(stands: str, wanted: str) -> tuple[int, str, str]:
    old, new = stands.splitlines(), wanted.splitlines()
    pairs = enumerate(zip(old, new, strict=False), start=1)
    number = next((n for n, (a, b) in pairs if a != b), min(len(old), len(new)) + 1)
    stands, wanted = (lines[number - 1][:WIDTH] if number <= len(lines) else "(end)" for lines in (old, new))
    return number, stands, wanted
