"""Blocks with numbers of a run; they name the run, and are compared only where the run's files are.

data/ is not in git. So that a fresh clone gives the same result as the machine of the run, a block that names a run
whose files are elsewhere stays as it was committed.
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlteam.pages.blocks.markup import BLOCKS, build_table, escape_cell, mark_code
from mlteam.repository.project import Project
from mlteam.repository.toml_files import get_table

Facts = dict[str, Any]
# A run's pipeline and the first digits of its digest; two pipelines may share their rows.
Run = tuple[str, str]
Runs = dict[Run, Facts]
DIGITS = 12
WORST_SLICES = 12
NAMED = re.compile(r"Pipeline `(\w+)`, (?:version (?P<version>\d+), )?(?:snapshot|evaluation) `([0-9a-f]{12})`")


def list_snapshots(project: Project) -> Runs:
    """Return each pipeline's snapshots on this machine, the newest last."""
    folder = project.root / "data" / "snapshots"
    found: Runs = {}
    for path in sorted(folder.glob("*/*/metadata.json")):
        if facts := _read_json(path):
            found[str(facts.get("pipeline")), path.parent.name] = facts
    newest = {path.read_text(encoding="utf-8").strip() for path in folder.glob("*/newest")}
    return dict(sorted(found.items(), key=lambda item: (item[0][1] in newest, str(item[1].get("created_at")))))


def list_evaluations(project: Project) -> Runs:
    """Return each evaluation on this machine by the digest of its results, that of the highest version last."""
    found: Runs = {}
    for path in sorted((project.root / "data" / "reports").glob("*-v*.json"), key=_rank_report):
        if facts := _read_json(path):
            digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:DIGITS]
            pipeline = re.split(r"-v\d+(?:-|$)", path.stem)[0]
            found[pipeline, digest] = {"pipeline": pipeline, **facts}
    return found


def list_shown_evaluations(project: Project) -> Runs:
    """Return the evaluations that pages show: those of the champion, or all where no version is launched."""
    champions = _list_champions(project)
    found: Runs = {}
    for run, facts in project.remember(list_evaluations).items():
        champion = champions.get(run[0])
        if champion in (None, str(facts.get("version"))):
            found[run] = {**facts, "champion": champion is not None}
    return found


def list_shown_snapshots(project: Project) -> Runs:
    """Return each pipeline's snapshots, the one that its champion was trained on last, or else the newest."""
    trained_on = {
        (run[0], str(facts.get("snapshot", ""))[:DIGITS])
        for run, facts in project.remember(list_shown_evaluations).items()
        if facts["champion"]
    }
    found = project.remember(list_snapshots)
    return dict(sorted(found.items(), key=lambda item: item[0] in trained_on))


def _list_champions(project: Project) -> dict[str, str]:
    """Return the version of each pipeline that is launched."""
    folder = project.root / "data" / "serving"
    bundles = {path.parent.name: str(_read_json(path).get("champion", "")) for path in folder.glob("*/live.json")}
    return {pipeline: bundle.partition("-")[0] for pipeline, bundle in bundles.items()}


def _rank_report(path: Path) -> tuple[bool, int, float]:
    """Return the order of reports: those on a single dataset first, then by version, the newest of a version last."""
    version = re.search(r"-v(\d+)(-|$)", path.stem)
    return bool(version and not version[2]), int(version[1]) if version else 0, path.stat().st_mtime


def _read_json(path: Path) -> Facts:
    try:
        return get_table(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def build_snapshot(digest: str, facts: Facts) -> str:
    """Show a snapshot: sources, privacy, columns."""
    head = f"Pipeline `{facts.get('pipeline')}`, snapshot `{digest}`: {facts.get('rows', 0):,} rows of "
    head += (
        f"`{facts.get('relation')}`, taken {facts.get('created_at')}. {_describe_privacy(get_table(facts, 'privacy'))}"
    )
    sources = [
        # A table that others load has no file whose digest could be taken.
        [mark_code(s["name"]), f"{s['rows']:,}", f"`{s['sha256'][:DIGITS]}`" if s["sha256"] else "no file"]
        for s in facts.get("sources", [])
    ]
    declared = get_table(facts, "privacy", "required")
    private = {c for key in ("identifiers", "quasi_identifiers", "sensitive") for c in declared.get(key, [])}
    columns = []
    for column in facts.get("columns", []):
        # A page must not show texts, or values of a column about people.
        hidden = column["name"] in private or str(column["type"]).startswith("VARCHAR")
        ends = ["-", "-"] if hidden else [escape_cell(column[end]) for end in ("min", "max")]
        columns.append(
            [mark_code(column["name"]), escape_cell(column["type"]), f"{float(column['missing_pct'] or 0):.2f}", *ends]
        )
    tables = [
        build_table("Source|Rows|SHA-256", sources),
        build_table("Column|Type|Missing, %|Minimum|Maximum", columns),
    ]
    return "\n\n".join(filter(None, [head.rstrip(), *tables]))


def _describe_privacy(facts: Facts) -> str:
    required, found = get_table(facts, "required"), get_table(facts, "found")
    scanned = f"{facts.get('scanned', 0)} columns were scanned for undeclared personal data; none was found."
    if not facts or found.get("k") is None:
        return scanned if facts else ""
    levels = [
        f"{key} is {found[key]:,} (required: {required.get(key)})" for key in ("k", "l") if found.get(key) is not None
    ]
    return f"{', '.join(levels)}; {scanned}"


def _describe_evaluation(digest: str, facts: Facts) -> str:
    return f"Pipeline `{facts['pipeline']}`, version {facts.get('version')}, evaluation `{digest}`."


def build_evaluation(digest: str, facts: Facts) -> str:
    """Show the metrics of a version with their intervals, beside the baseline's."""
    rows = []
    for dataset in facts.get("datasets", []):
        for found in dataset.get("metrics", []):
            numbers = [_format_interval(found.get(key)) for key in ("model", "baseline", "gain")]
            rows.append(
                [f"{escape_cell(dataset['dataset'])}, {dataset['rows']:,} rows", mark_code(found["metric"]), *numbers]
            )
    return f"{_describe_evaluation(digest, facts)}\n\n{build_table('Dataset|Metric|Model|Baseline|Gain', rows)}"


def build_slices(digest: str, facts: Facts) -> str:
    """Show the groups of the test rows on which the model is worst."""
    test: Facts = next((d for d in facts.get("datasets", []) if d.get("dataset") == "test"), {})
    primary: Facts = next(iter(test.get("metrics", [])), {})
    metric = str(primary.get("metric", ""))
    slices = [s for s in test.get("slices", []) if get_table(s, "metrics", metric).get("value") is not None]
    sign = -1 if _is_lower_better(primary) else 1
    worst = sorted(slices, key=lambda s: sign * float(s["metrics"][metric]["value"]))[:WORST_SLICES]
    rows = [
        [f"`{s['column']}` {escape_cell(s['value'])}", f"{s['rows']:,}", _format_interval(s["metrics"][metric])]
        for s in worst
    ]
    head = f"{_describe_evaluation(digest, facts)} The worst {len(rows)} of {len(slices)} slices."
    return f"{head}\n\n{build_table(f'Slice of test|Rows|`{metric}`', rows)}"


def _is_lower_better(found: Facts) -> bool:
    """Return whether the gain grows as the metric falls."""
    model, baseline, gain = (float(get_table(found, key).get("value") or 0) for key in ("model", "baseline", "gain"))
    return (model - baseline) * gain < 0


def build_version(digest: str, facts: Facts) -> str:
    """Show where a version comes from, and what it reads."""
    model = get_table(facts, "model")
    libraries = [f"{name} {version}" for name, version in get_table(model, "libraries").items()]
    commit = str(model.get("git_commit") or "none")[:DIGITS]
    rows = [
        ["Status", "champion: it answers requests" if facts.get("champion") else "not launched"],
        ["Model", mark_code(model.get("factory"))],
        ["Content digest", mark_code(str(model.get("content_sha256", ""))[:DIGITS])],
        ["Git commit", mark_code(commit) + (", with uncommitted changes" if model.get("git_dirty") else "")],
        ["Trained", escape_cell(model.get("trained_at", "-"))],
        ["Snapshot", mark_code(str(facts.get("snapshot", ""))[:DIGITS])],
        ["Libraries", escape_cell(", ".join(libraries)) or "-"],
        ["Features", ", ".join(mark_code(name) for name in model.get("features", [])) or "-"],
    ]
    return f"{_describe_evaluation(digest, facts)}\n\n{build_table('Fact|Value', rows)}"


def build_figures(digest: str, facts: Facts) -> str:
    """Show the pictures of an evaluation, each below the question that it answers."""
    shown = [
        f"**{figure['title']}.** {figure['question']}\n\n![{figure['title']}]({figure['file'].removeprefix('docs/')})"
        for figure in facts.get("figures", [])
    ]
    return "\n\n".join([f"{_describe_evaluation(digest, facts)} On `test`.", *shown])


def _format_interval(estimate: object) -> str:
    """Return `0.697 (0.692 to 0.701)`, or why there is no interval or no number."""
    found = get_table(estimate)
    if found.get("value") is None:
        return escape_cell(found.get("undefined") or "not computed")
    if found.get("low") is None or found.get("high") is None:
        return f"{found['value']:.4f}, no interval: {escape_cell(found.get('undefined'))}"
    return f"{found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f})"


NO_SNAPSHOT = "There is no snapshot yet: `nox -s pipeline` creates one and shows it here."
NO_EVALUATION = "Nothing has been evaluated yet: `nox -s pipeline` evaluates the first version and shows it here."
RUN_BLOCKS: dict[str, tuple[Callable[[Project], Runs], Callable[[str, Facts], str], str]] = {
    "snapshot": (list_shown_snapshots, build_snapshot, NO_SNAPSHOT),
    "evaluation": (list_shown_evaluations, build_evaluation, NO_EVALUATION),
    "figures": (list_shown_evaluations, build_figures, NO_EVALUATION),
    "champion": (list_shown_evaluations, build_evaluation, NO_EVALUATION),
    "slices": (list_shown_evaluations, build_slices, NO_EVALUATION),
    "version": (list_shown_evaluations, build_version, NO_EVALUATION),
}
BLOCKS |= {name: lambda project, name=name: build_newest(name, "", project) for name in RUN_BLOCKS}  # type: ignore[misc]


def list_current(project: Project, runs: Runs) -> Runs:
    """Return the runs of the pipelines that exist: a variant that was tried leaves its runs behind."""
    return {run: facts for run, facts in runs.items() if project.exists(f"pipelines/{run[0]}.toml")}


def shows_run(content: str) -> bool:
    """Return whether the content of a block names a run."""
    return NAMED.search(content) is not None


def build_newest(name: str, content: str, project: Project) -> str:
    """Return a block with the run that is to be shown of its pipeline; as it is if that run is not on this machine."""
    list_runs, show, empty = RUN_BLOCKS[name]
    found, shown = list_current(project, project.remember(list_runs)), NAMED.search(content)
    own = [run for run in found if shown and run[0] == shown[1]]
    if shown and not own and shown[1] in project.pipelines:
        return content.strip("\n")
    run = next(reversed(own or list(found)), None)
    return show(run[1], found[run]) if run else empty


def build_committed(name: str, content: str, project: Project) -> str:
    """Return a block with the run that it names, or as it is if that run is not on this machine."""
    list_runs, show, empty = RUN_BLOCKS[name]
    named = NAMED.search(content)
    if named is None:
        return empty
    facts = project.remember(list_runs).get((named[1], named[3]))
    return show(named[3], facts) if facts else content.strip("\n")


def find_newer_run(name: str, content: str, project: Project) -> str:
    """Return the first words of the newest run if it is another one than a block shows, or an empty text."""
    shown, newest = NAMED.search(content), NAMED.search(build_newest(name, content, project))
    return newest[0].lower() if shown and newest and newest[0] != shown[0] else ""
