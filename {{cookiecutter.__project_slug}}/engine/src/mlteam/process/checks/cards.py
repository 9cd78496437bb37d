"""Blocks whose numbers come from a run: they name the run, and are compared where the run's files are.

data/ is not in git. So that a fresh clone gives the same verdict as the machine on which the run was made, a block that
names a run which is not here stays as it was committed.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Imported so that its blocks are registered.
from mlteam.process.checks import tables  # noqa: F401
from mlteam.process.checks.blocks import BLOCKS, cell, rendered, replaced, rows, table
from mlteam.process.checks.project import Project

Facts = dict[str, Any]
DIGITS = 12
SLICES = 12
# A run's pipeline and the first 12 digits of its digest; two pipelines may share their rows.
Run = tuple[str, str]
Runs = dict[Run, Facts]
NAMED = re.compile(r"Pipeline `(\w+)`, (?:version \d+, )?(?:snapshot|evaluation) `([0-9a-f]{12})`")
Show = Callable[[str, Facts], str]
STATE: dict[str, tuple[Callable[[Project], Runs], Show, str]] = {}


def snapshots(project: Project) -> Runs:
    """Each pipeline's snapshots that are here, the newest last."""
    found: Runs = {}
    for pointer in sorted((project.root / "data" / "snapshots").glob("*/*/metadata.json")):
        facts = _read(pointer)
        if facts:
            found[str(facts.get("pipeline")), pointer.parent.name] = facts
    newest = {p.read_text(encoding="utf-8").strip() for p in (project.root / "data" / "snapshots").glob("*/newest")}
    return dict(sorted(found.items(), key=lambda item: (item[0][1] in newest, str(item[1].get("created_at")))))


def evaluations(project: Project) -> Runs:
    """Each evaluation that is here, by what it judged and found, the highest version's last."""
    found: Runs = {}
    reports = (project.root / "data" / "reports").glob("*-v*.json")
    for path in sorted(reports, key=_rank):
        facts = _read(path)
        if facts:
            pipeline = re.split(r"-v\d+(?:-|$)", path.stem)[0]
            found[pipeline, _digest(facts)] = {"pipeline": pipeline, **facts}
    return found


def _rank(report: Path) -> tuple[bool, int, float]:
    """Reports on single datasets first, such as flights-v1-validation; then by version, of one the newest last."""
    version = re.search(r"-v(\d+)(-|$)", report.stem)
    return bool(version and not version[2]), int(version[1]) if version else 0, report.stat().st_mtime


def _read(path: Path) -> Facts:
    try:
        return table(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _digest(facts: Facts) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:DIGITS]


def snapshot(digest: str, facts: Facts) -> str:
    """What the data card says of a snapshot."""
    said = f"Pipeline `{facts.get('pipeline')}`, snapshot `{digest}`: {facts.get('rows', 0):,} rows of "
    said += f"`{facts.get('relation')}`, taken {facts.get('created_at')}."
    sources = [[f"`{s['name']}`", f"{s['rows']:,}", f"`{s['sha256'][:DIGITS]}`"] for s in facts.get("sources", [])]
    said += f" {hidden(table(facts.get('privacy')))}".rstrip()
    private = personal(facts)
    columns = [
        [f"`{c['name']}`", cell(c["type"]), f"{float(c['missing_pct'] or 0):.2f}", *extremes(c, private)]
        for c in facts.get("columns", [])
    ]
    shown = rows(["Column", "Type", "Missing, %", "Smallest", "Largest"], columns, "")
    return "\n\n".join(filter(None, [said, rows(["Source", "Rows", "SHA-256"], sources, ""), shown]))


def personal(facts: Facts) -> set[str]:
    """The columns that are declared to touch persons."""
    required = table(table(facts.get("privacy")).get("required"))
    return {c for key in ("identifiers", "quasi_identifiers", "sensitive") for c in required.get(key, [])}


def extremes(column: Facts, private: set[str]) -> list[str]:
    """The smallest and the largest value; none of a text or of a column about persons, which a page must not show."""
    if column["name"] in private or str(column["type"]).startswith("VARCHAR"):
        return ["-", "-"]
    return [cell(column["min"]), cell(column["max"])]


def hidden(facts: Facts) -> str:
    """What was found about persons in a snapshot's rows."""
    if not facts:
        return ""
    required, found = table(facts.get("required")), table(facts.get("found"))
    scanned = f"{facts.get('scanned', 0)} columns were looked at for undeclared personal data, none was found."
    if found.get("k") is None:
        return scanned
    levels = f"k is {found['k']:,} (required: {required.get('k')})"
    if found.get("l") is not None:
        levels += f", l is {found['l']:,} (required: {required.get('l')})"
    return f"Persons: {levels}; {scanned}"


def evaluation(digest: str, facts: Facts) -> str:
    """The metrics of a version with their intervals, beside the baseline's."""
    said = f"Pipeline `{facts['pipeline']}`, version {facts.get('version')}, evaluation `{digest}`."
    lines = []
    for dataset in facts.get("datasets", []):
        for found in dataset.get("metrics", []):
            numbers = [interval(found.get(key)) for key in ("model", "baseline", "gain")]
            lines.append([f"{cell(dataset['dataset'])}, {dataset['rows']:,} rows", f"`{found['metric']}`", *numbers])
    return f"{said}\n\n{rows(['Dataset', 'Metric', 'Model', 'Baseline', 'Gain'], lines, '')}"


def slices(digest: str, facts: Facts) -> str:
    """The groups of the test rows on which the model is worst."""
    said = f"Pipeline `{facts['pipeline']}`, version {facts.get('version')}, evaluation `{digest}`."
    test: Facts = next((d for d in facts.get("datasets", []) if d.get("dataset") == "test"), {})
    whole: Facts = next(iter(test.get("metrics", [])), {})
    metric = str(whole.get("metric", ""))
    judged = [s for s in test.get("slices", []) if table(table(s, "metrics"), metric).get("value") is not None]
    sign = -1 if lower_is_better(whole) else 1
    worst = sorted(judged, key=lambda s: sign * float(s["metrics"][metric]["value"]))[:SLICES]
    lines = [[f"`{s['column']}` {cell(s['value'])}", f"{s['rows']:,}", interval(s["metrics"][metric])] for s in worst]
    header = ["Slice of test", "Rows", f"`{metric}`"]
    return f"{said} The worst {len(lines)} of {len(judged)} slices.\n\n{rows(header, lines, '')}"


def lower_is_better(compared: Facts) -> bool:
    """Whether the gain grows as the metric falls."""
    values = [table(compared.get(key)).get("value") for key in ("model", "baseline", "gain")]
    model, baseline, gain = (float(value or 0) for value in values)
    return (model - baseline) * gain < 0


def version(digest: str, facts: Facts) -> str:
    """Which version was judged, on which data."""
    return (
        f"Pipeline `{facts['pipeline']}`, version {facts.get('version')}, evaluation `{digest}`. It learned from and "
        f"was judged on snapshot {str(facts.get('snapshot', ''))[:DIGITS]}. The registry holds its content digest, git "
        "commit, parameters and library versions."
    )


def interval(estimate: object) -> str:
    """`0.697 (0.692 to 0.701)`, or why there is no number."""
    found = table(estimate)
    if found.get("value") is None:
        return cell(found.get("undefined") or "not computed")
    return f"{found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f})"


def register(name: str, runs: Callable[[Project], Runs], show: Show, empty: str) -> None:
    """Make a block of the newest run's numbers, or of the sentence `empty` where there is no run."""

    def render(project: Project) -> str:
        return newest(name, "", project)

    render.__name__ = name
    BLOCKS[name] = render
    STATE[name] = (runs, show, empty)


def living(project: Project, found: Runs) -> Runs:
    """The runs of pipelines that are there: a variant that was tried leaves its runs behind."""
    return {run: facts for run, facts in found.items() if project.exists(f"pipelines/{run[0]}.toml")}


def newest(name: str, text: str, project: Project) -> str:
    """What a block shows of the newest run: of the pipeline that it shows already, as long as there is one."""
    runs, show, empty = STATE[name]
    found = living(project, runs(project))
    shown = NAMED.search(text)
    own = [run for run in found if shown and run[0] == shown[1]]
    run = next(reversed(own or list(found)), None)
    return show(run[1], found[run]) if run else empty


NO_SNAPSHOT = "There is no snapshot yet: `nox -s data` takes one, `nox -s process -- --fix` shows it here."
NO_EVALUATION = "Nothing was evaluated yet: `nox -s evaluate` does, `nox -s process -- --fix` shows it here."
register("snapshot", snapshots, snapshot, NO_SNAPSHOT)
register("evaluation", evaluations, evaluation, NO_EVALUATION)
register("slices", evaluations, slices, NO_EVALUATION)
register("version", evaluations, version, NO_EVALUATION)


def committed(name: str, text: str, project: Project) -> str:
    """What a block must show, given what it shows: the run that it names, as it stands where that run is not here."""
    runs, show, empty = STATE[name]
    named = NAMED.search(text)
    if named is None:
        return empty
    facts = runs(project).get((named[1], named[2]))
    return show(named[2], facts) if facts else text.strip("\n")


def refreshed(text: str, project: Project) -> str:
    """A page's text with each of its generated blocks as the files say now, those of runs with the newest run."""
    return replaced(text, lambda name, content: _refreshed(name, content, project))


def _refreshed(name: str, content: str, project: Project) -> str:
    """A block with the newest run; a run's numbers stay on a machine that holds no run at all."""
    if name not in STATE:
        return rendered(name, project)
    fresh = newest(name, content, project)
    nothing_here = fresh == STATE[name][2]
    return content.strip("\n") if nothing_here and NAMED.search(content) else fresh


def current(text: str, project: Project) -> str:
    """A page's text with each of its generated blocks as it must be, those of runs for the run that they name."""

    def write(name: str, content: str) -> str:
        return committed(name, content, project) if name in STATE else rendered(name, project)

    return replaced(text, write)
