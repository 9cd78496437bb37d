"""What people ask of a registered model: what it predicts, why, how it compares, how it did over time."""

import datetime as dt
from pathlib import Path
from typing import Any

from . import console, datasets, page, predict, provenance, reasons, registry, snapshot, steps
from .charts import explain as charts
from .charts.predictions import spread
from .compare import Result, as_of, compare, write
from .errors import ProjectError
from .features import Matrix
from .metrics import Estimate
from .registry import Version
from .spec import Spec

SHOWN = 10


def example(spec: Spec, which: str, given: str, *, explain: bool) -> None:
    """Predict an example made by hand, and say which features were responsible."""
    version = registry.open_version(spec, which)
    content, where = predict.read_example(given)
    matrix, notes = predict.encode_example(version.schema, content, where)
    for note in notes:
        console.say(f"note: {note}")
    predictions = predict.named(version.schema, version.model.predict(matrix))
    rows = [[name, f"{values[0]:.4f}"] for name, values in predictions.items()]
    console.table(f"{spec.name} version {version.number}, snapshot {version.snapshot[:12]}", ["predicts", ""], rows)
    if explain:
        stem = () if where == predict.INLINE else (Path(given).stem,)
        target = page.named(spec.name, f"v{version.number}", "example", *stem)
        _explain(spec, version, matrix, content, rows, target)


def dataset(spec: Spec, which: str, name: str, where: str | None = None, *, plot: bool) -> Path:
    """Predict a dataset or the rows of a file and write them as Parquet; `plot` adds a page of pictures."""
    version = registry.open_version(spec, which)
    file = datasets.file_of(spec, name)
    if file is None:
        rows = steps.rows(steps.as_trained(spec, version), version, name, where).table
    else:
        rows = datasets.read_rows(version.schema, file)
        rows = datasets.chosen(rows, where, file) if where else rows
    stem = Path(name).stem if file else name
    name = f"{name} where {where}" if where else name
    target = page.named(spec.name, f"v{version.number}", "predictions", stem, *([where] if where else []))
    target = target.with_suffix(".parquet")
    predictions = predict.write_predictions(version, rows, target)
    found = [[key, f"{v.mean():.4f}", f"{v.min():.4f}", f"{v.max():.4f}"] for key, v in predictions.items()]
    console.table(
        f"{rows.num_rows:,} rows of {name}, version {version.number}", ["predicted", "mean", "min", "max"], found
    )
    for note in predict.unseen(version.schema, rows):
        console.say(f"note: {note}")
    console.say(f"predictions: {target}")
    labelled = spec.data.label in rows.column_names
    if plot and labelled and where is None:
        steps.evaluate(spec, version, (name,))
    elif plot:
        drawn = page.write(
            target.with_suffix(".html"),
            "predictions",
            spec=spec,
            version=version,
            name=name,
            made=provenance.now(),
            rows=rows.num_rows,
            labelled=labelled,
            beside=target.name,
            found=found,
            pictures=[spread(key, values) for key, values in predictions.items()],
        )
        console.say(f"page: {drawn}")
    return target


def beside(spec: Spec, first: str, second: str, dataset: str, day: dt.date | None) -> Result:
    """Compare two versions on the same rows: verdict, metrics, slices, differences, printed and as a page."""
    first, chosen = as_of(spec, day) if day else (first, "")
    versions = [registry.open_version(spec, which) for which in (first, second)]
    if versions[0].number == versions[1].number:
        both = f"both are version {versions[0].number}"
        said = f"{both}: it {chosen}, and is the {second} today" if day else both
        raise ProjectError(said, fix="name two versions, such as 1 and candidate")
    with console.step(f"score both on {dataset}"):
        result = compare(spec, versions[0], versions[1], dataset)
    with console.step("write the page"):
        target = write(spec, result)
    if chosen:
        console.say(f"version {first} {chosen}")
    names = result.names
    digest = snapshot.newest(spec.name).digest[:12]
    console.table(
        f"{spec.name} on {dataset}: {result.rows:,} rows of snapshot {digest}",
        ["metric", *names, f"gain of {names[1]}"],
        [[m.metric, m.baseline.text(), m.model.text(), m.gain.text(signed=True)] for m in result.metrics],
    )
    decided = [part for part in result.slices if part.gain.decided]
    rows = [
        [f"{part.column} = {part.value}", f"{part.rows:,}", part.gain.text(signed=True)] for part in decided[:SHOWN]
    ]
    console.table(f"slices that differ by more than chance, of {len(result.slices)}", ["slice", "rows", "gain"], rows)
    console.table("what differs between them", ["key", *names], [list(row) for row in result.differences])
    for note in result.notes(spec):
        console.say(f"note: {note}")
    console.say(f"page: {target}")
    console.say(result.verdict(spec.evaluation.primary))
    return result


def over_time(spec: Spec, rescore: str | None) -> Path:
    """Print and write every evaluation of every version; or every version on the same rows."""
    from . import history

    with console.step("score every version" if rescore else "read the record"):
        rows = history.rescored(spec, rescore) if rescore else history.recorded(spec)
        target = history.write(spec, rows, f"rescored-{rescore}" if rescore else "history")
    primary = [row for row in rows if row["metric"] == spec.evaluation.primary]
    shown = [
        [
            row["when"].strftime("%Y-%m-%d %H:%M"),
            str(row["version"]),
            row["dataset"],
            Estimate(row.get("value"), row.get("low"), row.get("high"), row.get("undefined", "")).text(),
        ]
        for row in primary[-20:]
    ]
    metric = spec.evaluation.primary
    console.table(f"{spec.name}: {metric}", ["when (UTC)", "version", "dataset", metric], shown)
    console.say(f"all metrics: {target} and {target.with_suffix('.parquet').name}")
    return target


def _explain(
    spec: Spec, version: Version, matrix: Matrix, content: dict[str, Any], predicted: list[list[str]], target: Path
) -> None:
    """Print the features that were most responsible for the prediction of one example; a page shows all of them."""

    def trained_on() -> Matrix:
        return steps.rows(version.spec, version, "train").matrix

    (added,), exact = reasons.responsible(version.model, matrix, trained_on)
    strongest = sorted(zip(version.schema.names, added.tolist(), strict=True), key=lambda pair: -abs(pair[1]))
    moved = [(name, _shown(content[name]), value) for name, value in strongest]
    unit = spec.data.label if version.schema.task == "regression" else "log-odds" if exact else "probability"
    how = "as the model itself takes its prediction apart" if exact else f"{reasons.REPLACED}, from the training"
    page.write(
        target,
        "example",
        spec=spec,
        version=version,
        made=provenance.now(),
        predicted=predicted,
        moved=moved,
        picture=charts.contributions(moved, unit),
        unit=unit,
        how=how,
    )
    rows = [[name, value, f"{moves:+.4f}"] for name, value, moves in moved[:SHOWN]]
    console.table("most responsible", ["feature", "value", f"moves the prediction by ({unit})"], rows)
    console.say(how)
    console.say(f"page: {target}")


def _shown(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
