"""Checks of the data: sources, models, features and generated blocks agree."""

from collections.abc import Iterator

from mlteam.pages.blocks import BLOCKS
from mlteam.pages.blocks.runs import RUN_BLOCKS, find_newer_run, shows_run
from mlteam.pages.generated import compare_blocks
from mlteam.process.checks.registry import check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.broken_files import find_broken_files
from mlteam.repository.documents import list_documents
from mlteam.repository.project import ENGINE, Project
from mlteam.repository.suggestions import suggest
from mlteam.repository.toml_files import find_key_line, find_word_line, get_table


@check("PRC043", "the files that decide can be parsed")
def check_files(project: Project) -> Iterator[Finding]:
    """Parse settings, pipelines, descriptions of the SQL, rules and manifests; a broken one must not pass as empty."""
    for path, (line, reason) in project.remember(find_broken_files).items():
        yield Finding(path, line, reason, fix="fix the line")


@check("PRC044", "every source is declared with owner, freshness and description, and read")
def check_sources(project: Project) -> Iterator[Finding]:
    """Compare the declared sources with the `source()` calls in the SQL."""
    declared = project.dbt.sources
    reads = [read for read in project.dbt.reads if read.kind == "source"]
    for read in reads:
        if read.target not in declared:
            fix = suggest(read.target, declared)
            yield Finding(read.path, read.line, f"source {read.target} is not declared", fix=fix)
    for source in declared.values():
        if source.name not in {read.target for read in reads}:
            message, fix = f"no model reads source {source.name}", "read it in a staging model, or delete it"
            yield Finding(source.path, source.line, message, fix=fix)
        fresh = source.freshness.get("warn_after") and source.freshness.get("error_after")
        fresh = fresh or (not source.freshness and source.unwatched)
        facts = {"owner": source.owner, "description": source.description, "freshness": fresh}
        for name in (name for name, value in facts.items() if not value):
            expected = "config.meta.owner, description, config.freshness with warn_after and error_after"
            expected += ", or config.meta.unwatched with the reason"
            yield Finding(source.path, source.line, f"source {source.name} has no {name}", expected=expected)


@check("PRC045", "every SQL model is under sql/, described and tested")
def check_models(project: Project) -> Iterator[Finding]:
    """Compare the SQL files with the models in the description files and with the `ref()` calls."""
    described, files = project.dbt.models, project.dbt.files
    for path in (path for path in project.files if path.endswith(".sql") and not path.startswith(("sql/", "engine/"))):
        yield Finding(path, 1, "SQL outside sql/", fix="move it to sql/models/", allow=("paths", path))
    for name, path in files.items():
        if name not in described:
            fix = f"describe it in {path.removesuffix('.sql')}.yml"
            yield Finding(path, 1, f"model {name} is not described", fix=fix)
    for name, model in described.items():
        problems = {
            f"model {name} is described and has no SQL file": name not in files,
            f"model {name} has no description": not model.description,
            f"model {name} has no test": not model.tested,
        }
        for message in (message for message, holds in problems.items() if holds):
            fix = suggest(name, files) if "SQL" in message else "write what a row is, and test its key"
            yield Finding(model.path, model.line, message, fix=fix)
    for read in project.dbt.reads:
        if read.kind == "ref" and read.target not in files:
            yield Finding(read.path, read.line, f"no such model: {read.target!r}", fix=suggest(read.target, files))


@check("PRC046", "every column that a pipeline names is described in its model")
def check_columns(project: Project) -> Iterator[Finding]:
    """Compare a pipeline's columns with its relation; a column that no pipeline uses may stay."""
    for name, spec in project.pipelines.items():
        path, relation = f"pipelines/{name}.toml", str(get_table(spec, "data").get("relation", ""))
        text, model = project.read(path), project.dbt.models.get(relation.rpartition(".")[2])
        if model is None:
            fix = suggest(relation.rpartition(".")[2], project.dbt.models)
            message = f"relation {relation!r} is not a described model"
            yield Finding(path, find_key_line(text, "data", "relation"), message, fix=fix)
            continue
        for column, keys in _list_named_columns(spec):
            if column not in model.columns:
                message = f"column {column!r} is not described in {model.path}"
                yield Finding(path, find_word_line(text, column, *keys), message, fix=suggest(column, model.columns))
        for column, (line, entry) in model.columns.items():
            if not entry.get("description"):
                yield Finding(model.path, line, f"column {column!r} has no description", fix="add meaning and unit")


def _list_named_columns(spec: dict[str, object]) -> list[tuple[str, list[str]]]:
    """Return each column that a pipeline reads, with the key that names it."""
    data, features = get_table(spec, "data"), get_table(spec, "features")
    named = [(str(data[key]), ["data", key]) for key in ("key", "time", "label", "group") if data.get(key)]
    split_by = get_table(spec, "splits").get("column")
    named += [(str(split_by), ["splits", "column"])] if split_by else []
    named += [(str(c), ["features", kind]) for kind in ("categorical", "numeric") for c in features.get(kind, [])]
    evaluation = get_table(spec, "evaluation")
    return named + [(str(c), ["evaluation", key]) for key in ("slices", "protected") for c in evaluation.get(key, [])]


@check("PRC047", "the cards show the champion, or the newest run as long as there is none")
def check_runs(project: Project) -> Iterator[Finding]:
    """Fail from pilot on if a card shows no run, and warn if it should show another one of this machine."""
    for document, page in list_documents(project):
        for name in sorted(RUN_BLOCKS.keys() & page.generated.keys()):
            first, last = page.generated[name]
            content = "\n".join(page.lines[first : last - 1])
            if not shows_run(content):
                fix = "nox -s pipeline"
                yield Finding(document.path, first, f"the block {name!r} shows no run", fix=fix, blocks="pilot")
            elif newer := find_newer_run(name, content, project):
                message = f"the block {name!r} is older than {newer}"
                yield Finding(document.path, first, message, fix="nox -s process -- --fix", blocks=WARNING)


@check("PRC050", "every generated block is up to date")
def check_blocks(project: Project) -> Iterator[Finding]:
    """Compare the blocks of each page with what `--fix` would write, and look for required ones."""
    known = not project.remember(find_broken_files)
    for document, page in list_documents(project):
        for block in document.blocks:
            if block not in page.generated:
                marks = f"<!-- generated: {block} --> and <!-- end generated -->"
                fix = "add the two lines, then nox -s process -- --fix"
                relax = f'drop it: [documents."{document.name}"] blocks or sections without {block}'
                yield Finding(document.path, 1, f"the block {block!r} is missing", expected=marks, fix=fix, relax=relax)
    for path, page in project.pages.items():
        for block, (first, _) in page.generated.items():
            if block not in BLOCKS:
                yield Finding(path, first, f"no such block: {block!r}", fix=suggest(block, BLOCKS))
        if page.generated and known and (difference := compare_blocks(page.text, project)):
            line, found, expected = difference
            fix = "nox -s process -- --fix"
            yield Finding(path, line, "a generated block is out of date", expected=expected, found=found, fix=fix)


@check("PRC054", "every metric that a pipeline names is defined and described")
def check_metrics(project: Project) -> Iterator[Finding]:
    """Compare the pipeline's metrics with the engine's and the team's."""
    for name, spec in project.pipelines.items():
        path = f"pipelines/{name}.toml"
        for metric in get_table(spec, "evaluation").get("metrics", []):
            if not project.metrics.get(metric):
                line = find_word_line(project.read(path), metric, "evaluation", "metrics")
                places = f"{ENGINE}/evaluation/metrics.py or metrics/"
                fault = "has no docstring" if metric in project.metrics else f"is not defined in {places}"
                fix = "describe it" if metric in project.metrics else suggest(metric, project.metrics)
                yield Finding(path, line, f"metric {metric!r} {fault}", fix=fix)
