"""`tune`: search better parameters, and keep them in the pipeline file."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from mlteam.config.spec import Spec
from mlteam.config.tuning import SearchSpace
from mlteam.core import console, provenance
from mlteam.core.errors import ProjectError
from mlteam.core.files import write_atomically
from mlteam.data import snapshot
from mlteam.evaluation.clusters import find_clusters
from mlteam.modeling import training
from mlteam.modeling.tuning import (
    ParamValues,
    TuningResult,
    format_parameters,
    search_parameters,
    validate_search_space,
)
from mlteam.reports import page
from mlteam.reports.charts import tune as charts

TRIALS_SHOWN = 10


def tune_model(spec: Spec, trials: int, minutes: float | None = None) -> Path:
    """Search within a budget, keep what is better above sampling noise in the pipeline file; the page about it.

    Args:
        spec: Says where to search.
        trials: Most sets of values that are tried.
        minutes: No trial begins after this time.

    Raises:
        ProjectError: The pipeline file does not say where to search, or says what the model does not take.
    """
    validate_search_space(spec)
    taken = snapshot.load_newest(spec.name)
    train, validation = training.open_training_rows(spec, taken)
    with training.reserve_scratch(spec, "-tune") as scratch:
        schema, *rows = training.encode_training_rows(spec, train, validation, scratch)
        found = search_parameters(spec, schema, (rows[0], rows[1]), trials, minutes, find_clusters(spec, validation))
    target = page.choose_page_path(spec.name, "tune")
    _write_trials(target.with_suffix(".parquet"), found, spec.tune.spaces)
    drawn = charts.draw_trials(list(_iter_rows(found)), spec.tune.spaces, found.metric)
    page.write_page(
        target, "tune", spec=spec, found=found, taken=taken, made=provenance.get_timestamp(), pictures=drawn
    )
    _print(spec, found)
    if found.is_improvement:
        write_parameters(spec, found.best.params)
        console.print_line(
            f"{spec.path} now has these parameters; run `nox -s train evaluate` to evaluate them on test"
        )
    else:
        console.print_line(f"{spec.path} was not changed")
    console.print_line(f"page: {target}, all trials: {target.with_suffix('.parquet').name}")
    return target


def write_parameters(spec: Spec, params: ParamValues) -> None:
    """Write parameters into `[model.params]` of the pipeline file, whole or not at all; the rest stays as it is."""
    import tomlkit

    # As bytes: reading as text would change the ends of lines.
    before = spec.path.read_bytes().decode("utf-8")
    document = tomlkit.parse(before)
    unchanged = tomlkit.dumps(document)
    table: Any = document["model"]
    for name, value in params.items():
        table["params"][name] = value
    # tomlkit drops a space here and there, so only the lines that it was asked to change are taken from it.
    lines = [text.splitlines(keepends=True) for text in (before, unchanged, tomlkit.dumps(document))]
    text = "".join(old if same == new else new for old, same, new in zip(*lines, strict=True))
    written = tomllib.loads(text)["model"]["params"]
    if any(written[name] != value for name, value in params.items()):
        what = f"the parameters could not be written: {format_parameters(params)}"
        raise ProjectError(what, where=str(spec.path), fix="add them by hand")
    with write_atomically(spec.path) as part:
        part.write_bytes(text.encode("utf-8"))


def _iter_rows(found: TuningResult) -> Iterator[dict[str, Any]]:
    for trial in found.trials:
        yield {"trial": trial.number, found.metric.name: trial.value, "seconds": trial.seconds, **trial.params}


def _write_trials(target: Path, found: TuningResult, spaces: dict[str, SearchSpace]) -> None:
    """Write all trials; parameters are called as in the pipeline file, so that none is called like another column."""
    columns: dict[str, list[Any]] = {
        "trial": [trial.number for trial in found.trials],
        found.metric.name: [trial.value for trial in found.trials],
        "seconds": [trial.seconds for trial in found.trials],
    }
    for name in found.best.params:
        values = [trial.params[name] for trial in found.trials]
        # What is chosen among may be of several types, which no column can hold.
        columns[f"model.params.{name}"] = [str(value) for value in values] if spaces[name].among else values
    with write_atomically(target) as part:
        pyarrow.parquet.write_table(pa.table(columns), part)


def _print(spec: Spec, found: TuningResult) -> None:
    names = list(found.best.params)
    rows = [
        [str(t.number) if t.number else "present", f"{t.value:.4f}", *(str(t.params[name]) for name in names)]
        for t in found.ranked_trials[:TRIALS_SHOWN]
    ]
    title = f"{spec.name}: the best of {len(found.trials) - 1} trials, by {found.metric.name} on validation"
    console.print_table(title, ["trial", found.metric.name, *names], rows)
    console.print_line(found.verdict)
