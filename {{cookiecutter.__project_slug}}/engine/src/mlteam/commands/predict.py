"""`predict` and `explain --example`: predictions for an example, a dataset, a file or a table."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlteam.analysis import prediction
from mlteam.analysis.table_prediction import predict_table
from mlteam.commands import evaluate
from mlteam.config.spec import Spec
from mlteam.core import console, provenance
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, file_rows, targets
from mlteam.data.digest import shorten_digest
from mlteam.data.features import Matrix
from mlteam.data.streams import is_table_name
from mlteam.data.targets import Target
from mlteam.modeling import attribution
from mlteam.registry import version_rows, versions
from mlteam.registry.versions import RegisteredVersion
from mlteam.reports import page
from mlteam.reports.charts import explain as charts
from mlteam.reports.charts.predictions import draw_prediction_distribution

MAX_ROWS_SHOWN = 10


def predict_example(spec: Spec, which: str, given: str, *, explain: bool) -> None:
    """Predict an example made by hand, and say which features were responsible."""
    version = versions.open_version(spec, which)
    content, where = prediction.read_example(given)
    matrix, notes = prediction.encode_example(version.schema, content, where)
    for note in notes:
        console.print_line(f"note: {note}")
    predictions = prediction.name_predictions(version.schema, version.model.predict(matrix))
    rows = [[name, f"{values[0]:.4f}"] for name, values in predictions.items()]
    console.print_table(
        f"{spec.name} version {version.number}, snapshot {shorten_digest(version.snapshot)}", ["predicts", ""], rows
    )
    if explain:
        stem = (
            () if where == prediction.EXAMPLE_OPTION else (Path(given).stem if Path(given).parent == Path() else given,)
        )
        target = page.choose_page_path(spec.name, f"v{version.number}", "example", *stem)
        _explain_example(spec, version, matrix, content, rows, target)


def predict_dataset(
    spec: Spec, which: str, name: str, where: str | None = None, target: str | None = None, *, plot: bool
) -> Path:
    """Predict rows and write them as Parquet; `plot` adds a page of pictures.

    Args:
        spec: The pipeline.
        which: Number or alias of a version.
        name: A split, a dataset of the pipeline file, a file, or a table of a target as schema.table.
        where: SQL that chooses among the rows.
        target: The engine that has the table, by its name in sql/profiles.yml.
        plot: Whether to write a page beside the file.

    Returns:
        The file that was written.
    """
    version = versions.open_version(spec, which)
    file = datasets.resolve_dataset_file(spec, name)
    engine = _choose_engine(name, target)
    if engine:
        predicted: AbstractContextManager[Iterable[pa.Table]] = predict_table(version, engine, name, where)
        stem = f"{engine.name}-{name}"
    else:
        predicted = nullcontext(_predict_rows(spec, version, name, file, where))
        stem = _name_file(file) if file else name
    name = f"{name} where {where}" if where else name
    path = page.choose_page_path(spec.name, f"v{version.number}", "predictions", stem, *([where] if where else []))
    path = path.with_suffix(".parquet")
    with console.show_progress(f"predict {name}"), predicted as batches:
        made = prediction.write_predictions(version.schema, batches, path)
    predictions = made.predictions
    found = [[key, f"{v.mean():.4f}", f"{v.min():.4f}", f"{v.max():.4f}"] for key, v in predictions.items()]
    console.print_table(
        f"{made.rows:,} rows of {name}, version {version.number}", ["predicted", "mean", "min", "max"], found
    )
    for note in made.describe_unseen_categories():
        console.print_line(f"note: {note}")
    console.print_line(f"predictions: {path}")
    labelled = spec.data.label in made.columns
    if plot and labelled and where is None and engine is None:
        evaluate.evaluate_version(spec, version, (name,))
    elif plot:
        drawn = page.write_page(
            path.with_suffix(".html"),
            "predictions",
            spec=spec,
            version=version,
            name=name,
            made=provenance.get_timestamp(),
            rows=made.rows,
            labelled=labelled,
            beside=path.name,
            found=found,
            pictures=[draw_prediction_distribution(key, values) for key, values in predictions.items()],
        )
        console.print_line(f"page: {drawn}")
    return path


def _choose_engine(name: str, target: str | None) -> Target | None:
    """Return the engine whose table is named; None for rows of a snapshot or a file."""
    if is_table_name(name):
        return targets.load_target(target)
    if target:
        raise ProjectError(f"--dataset is {name!r}", fix="with --target, name a table as schema.table")
    return None


def _predict_rows(
    spec: Spec, version: RegisteredVersion, name: str, file: Path | None, where: str | None
) -> Iterator[pa.Table]:
    if file is None:
        own = version_rows.build_evaluation_spec(spec, version)
        batches: Iterable[pa.Table] = [version_rows.load_version_rows(own, version, name, where).table]
    else:
        batches = file_rows.stream_file_rows(version.schema, file, where)
    for batch in batches:
        yield prediction.append_predictions(version.schema, version.model, version.number, batch)


def _explain_example(
    spec: Spec,
    version: RegisteredVersion,
    matrix: Matrix,
    content: dict[str, Any],
    predicted: list[list[str]],
    target: Path,
) -> None:
    """Print the features that were most responsible for the prediction of one example; a page shows all of them."""

    def trained_on() -> Matrix:
        return version_rows.load_version_rows(version.spec, version, "train").matrix

    (added,), exact = attribution.attribute_predictions(version.model, matrix, trained_on)
    strongest = sorted(zip(version.schema.names, added.tolist(), strict=True), key=lambda pair: -abs(pair[1]))
    moved = [(name, _format_value(content[name]), value) for name, value in strongest]
    unit = spec.data.label if version.schema.task == "regression" else "log-odds" if exact else "probability"
    how = (
        "as the model itself takes its prediction apart"
        if exact
        else f"{attribution.REPLACEMENT_NOTE}, from the training"
    )
    page.write_page(
        target,
        "example",
        spec=spec,
        version=version,
        made=provenance.get_timestamp(),
        predicted=predicted,
        moved=moved,
        picture=charts.draw_contributions(moved, unit),
        unit=unit,
        how=how,
    )
    rows = [[name, value, f"{moves:+.4f}"] for name, value, moves in moved[:MAX_ROWS_SHOWN]]
    console.print_table("most responsible", ["feature", "value", f"moves the prediction by ({unit})"], rows)
    console.print_line(how)
    console.print_line(f"page: {target}")


def _format_value(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _name_file(path: Path) -> str:
    """Return the name of a file for its results; files of the same name in different folders differ."""
    return path.stem if path.parent == Path() else path.as_posix()
