"""`compare`: two versions on the same rows."""

import datetime as dt
from pathlib import Path

from mlteam.analysis.comparison import VersionComparison, compare_versions
from mlteam.config.spec import Spec
from mlteam.core import console, provenance
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot, windows
from mlteam.data.digest import shorten_digest
from mlteam.registry.launch_log import find_version_as_of
from mlteam.registry.versions import open_version
from mlteam.reports import page
from mlteam.reports.charts import compare as charts


def write_comparison_page(spec: Spec, result: VersionComparison) -> Path:
    """Write a comparison as a page with pictures; the page."""
    first, second = (f"v{version.number}" for version in (result.first, result.second))
    of = result.first.spec.name
    return page.write_page(
        page.choose_page_path(
            spec.name, first if of == spec.name else f"{of}-{first}", second, "compare", result.dataset
        ),
        "compare",
        spec=spec,
        found=result,
        names=result.names,
        digest=shorten_digest(snapshot.load_newest(spec.name).digest),
        made=provenance.get_timestamp(),
        pictures=charts.draw_metrics(result.metrics, result.names),
        slices=charts.draw_slice_gains(result.slices, spec.evaluation.primary),
    )


MAX_ROWS_SHOWN = 10


def show_comparison(spec: Spec, first: str, second: str, dataset: str, day: dt.date | None) -> VersionComparison:
    """Compare two versions on the same rows: verdict, metrics, slices, differences, printed and as a page.

    Args:
        spec: Today's, of the second version's pipeline.
        first: Number or alias of a version of the same pipeline, or PIPELINE:VERSION of another.
        second: Number or alias of the version to compare with it.
        dataset: A split, a declared dataset or a file.
        day: Takes the version of that day as the first.
    """
    first, chosen = find_version_as_of(spec, day) if day else (first, "")
    pipeline, _, which = first.rpartition(":")
    other = windows.load_spec(pipeline) if pipeline not in ("", spec.name) else None
    versions = open_version(other or spec, which), open_version(spec, second)
    if other is None and versions[0].number == versions[1].number:
        both = f"both are version {versions[0].number}"
        message = f"{both}: it {chosen}, and is the {second} today" if day else both
        raise ProjectError(message, fix="name two versions, such as 1 and candidate, or PIPELINE:1 of another pipeline")
    with console.show_progress(f"score both on {dataset}"):
        result = compare_versions(spec, *versions, dataset, other)
    with console.show_progress("write the page"):
        target = write_comparison_page(spec, result)
    if chosen:
        console.print_line(f"version {first} {chosen}")
    names = result.names
    digest = shorten_digest(snapshot.load_newest(spec.name).digest)
    console.print_table(
        f"{spec.name} on {dataset}: {result.rows:,} rows of snapshot {digest}",
        ["metric", *names, f"gain of {names[1]}"],
        [[m.metric, m.baseline.format(), m.model.format(), m.gain.format(signed=True)] for m in result.metrics],
    )
    decided = [part for part in result.slices if part.gain.excludes_zero]
    rows = [
        [f"{part.column} = {part.value}", f"{part.rows:,}", part.gain.format(signed=True)]
        for part in decided[:MAX_ROWS_SHOWN]
    ]
    console.print_table(
        f"slices that differ above sampling noise, of {len(result.slices)}", ["slice", "rows", "gain"], rows
    )
    console.print_table("what differs between them", ["key", *names], [list(row) for row in result.differences])
    for note in result.collect_notes(spec):
        console.print_line(f"note: {note}")
    console.print_line(f"page: {target}")
    console.print_line(result.format_verdict(spec.evaluation.primary))
    return result
