"""Where a model is wrong: its worst errors, and what they share."""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from . import console, page, predict, reasons, slices
from .charts import mistakes as charts
from .errors import ProjectError
from .features import Labels, Rows
from .files import whole
from .metrics import SMALLEST, Floats
from .registry import Version
from .slices import Slice
from .spec import Spec, Task

WORST = 20
WORST_SHOWN = 8
SLICES = 12
REASONS = 3
SHORT = 40
WIDEST = 56


@dataclass(frozen=True)
class Wrong:
    """One of the worst rows: its key, what was true and what was predicted, and the features most responsible."""

    key: str
    label: str
    prediction: str
    loss: float
    reasons: list[str]


@dataclass(frozen=True)
class Shared:
    """What mistakes share; truth and prediction are means over the rows, or None where there are many classes."""

    part: Slice
    rows: int
    truth: float | None
    prediction: float | None


@dataclass(frozen=True)
class Mistakes:
    """All that was found; `tested` is the number of slices, `exact` is whether the model says what was responsible."""

    rows: int
    unit: str
    loss: NDArray[np.float64]
    slices: list[Shared]
    tested: int
    worst: list[Wrong]
    exact: bool

    @property
    def how(self) -> str:
        """How it is known which features were responsible."""
        return "as the model itself takes its predictions apart" if self.exact else reasons.REPLACED

    def held_by(self, share: float) -> float:
        """The part of all loss that a share of the rows, the worst ones, holds."""
        count = max(round(share * self.rows), 1)
        return float(np.sort(self.loss)[-count:].sum() / max(float(self.loss.sum()), 1e-12))


def dataset(spec: Spec, version: Version, rows: Rows) -> Path:
    """Find the worst errors and what they share: two tables on the terminal, a page, and all rows as Parquet.

    Args:
        spec: Names key, slices and confidence.
        version: The model.
        rows: The rows to judge it on.

    Returns:
        The page; the Parquet file of the same name stands beside it.

    Raises:
        ProjectError: There is no row.
    """
    with console.step(f"look for mistakes on {rows.name}"):
        predictions = version.model.predict(rows.matrix)
        found = find(spec, version, rows, predictions)
        target = page.named(spec.name, f"v{version.number}", "mistakes", rows.name)
        _write_rows(target.with_suffix(".parquet"), version, rows, predictions, found)
        page.write(target, "mistakes", spec=spec, version=version, name=rows.name, found=found, **_drawn(found))
    _print(spec, version, rows.name, found)
    console.say(f"page: {target}, all rows: {target.with_suffix('.parquet').name}")
    return target


def find(spec: Spec, version: Version, rows: Rows, predictions: Floats) -> Mistakes:
    """The worst errors among some rows, and the slices where the loss is concentrated."""
    if not len(rows.label):
        raise ProjectError(f"{rows.name} has no row to judge", fix="choose other rows")
    loss = losses(spec.task, rows.label, predictions)
    names = dict.fromkeys((*version.schema.names, *spec.evaluation.slices))
    columns = {name: rows.table[name] for name in names if name in rows.table.column_names}
    parts, tested = slices.concentrated(columns, loss, spec.evaluation.confidence, SLICES)
    shared = [_shared(spec.task, part, rows.label, predictions) for part in parts]
    worst, exact = _worst(spec, version, rows, predictions, loss)
    unit = "absolute error" if spec.task == "regression" else "log loss"
    return Mistakes(len(loss), unit, loss, shared, tested, worst, exact)


def losses(task: Task, label: Labels, prediction: Floats) -> NDArray[np.float64]:
    """The loss of each row: log loss in nats for classes, the absolute error for numbers.

    Args:
        task: What is predicted.
        label: Shape (rows,).
        prediction: Shape (rows,) or (rows, classes).
    """
    prediction = prediction.astype(np.float64)
    if task == "regression":
        error: NDArray[np.float64] = np.abs(prediction - label)
        return error
    if task == "binary":
        sure = np.where(label == 1, prediction, 1 - prediction)
    else:
        sure = prediction[np.arange(len(label)), label.astype(np.int64)]
    surprise: NDArray[np.float64] = -np.log(np.clip(sure, SMALLEST, 1))
    return surprise


def _shared(task: Task, part: Slice, label: Labels, predictions: Floats) -> Shared:
    if task == "multiclass":
        return Shared(part, len(part.members), None, None)
    truth, prediction = float(label[part.members].mean()), float(predictions[part.members].mean())
    return Shared(part, len(part.members), truth, prediction)


def _worst(spec: Spec, version: Version, rows: Rows, predictions: Floats, loss: Floats) -> tuple[list[Wrong], bool]:
    """The worst rows, and whether the model itself says what was responsible."""
    order = np.argsort(-loss, kind="stable")[:WORST]
    moved, exact = reasons.responsible(version.model, rows.matrix[order], lambda: rows.matrix)
    table = rows.table.take(pa.array(order))
    keys = table[spec.data.key].to_pylist() if spec.data.key in table.column_names else order.tolist()
    found = []
    for position, row in enumerate(order):
        strongest = np.argsort(-np.abs(moved[position]), kind="stable")[:REASONS]
        because = [
            f"{name} = {_short(table[name][position].as_py())} ({moved[position, column]:+.3f})"
            for column in strongest
            if moved[position, column] and (name := version.schema.names[column])
        ]
        said = _said(version, rows.label[row], predictions[row])
        found.append(Wrong(_short(keys[position]), *said, float(loss[row]), because))
    return found, exact


def _said(version: Version, label: Any, prediction: Any) -> tuple[str, str]:
    """Label and prediction of a row as people read them."""
    classes = version.schema.classes
    if version.schema.task == "regression":
        return f"{label:.5g}", f"{prediction:.5g}"
    if version.schema.task == "binary":
        return classes[int(label)], f"{classes[-1]} at {prediction:.1%}"
    best = int(prediction.argmax())
    return classes[int(label)], f"{classes[best]} at {prediction[best]:.1%}"


def _short(value: Any) -> str:
    return "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)[:SHORT]


def _write_rows(target: Path, version: Version, rows: Rows, predictions: Floats, found: Mistakes) -> None:
    """All rows with their predictions and loss, the worst first."""
    order = np.argsort(-found.loss, kind="stable")
    named = predict.named(version.schema, predictions)
    added: dict[str, NDArray[Any]] = {name.replace(" ", "_"): values for name, values in named.items()}
    added |= {found.unit.replace(" ", "_"): found.loss, "model_version": np.full(found.rows, version.number)}
    table = rows.table.take(pa.array(order))
    for name, values in added.items():
        while name in table.column_names:
            name += "_"  # noqa: PLW2901
        table = table.append_column(name, pa.array(values[order]))
    with whole(target) as part:
        pyarrow.parquet.write_table(table, part, compression="zstd")


def _drawn(found: Mistakes) -> dict[str, Any]:
    parts = [
        {"name": f"{shared.part.name}  ({shared.rows:,})", "mean": shared.part.mean}
        | {"low": shared.part.low, "high": shared.part.high}
        for shared in found.slices
    ]
    picture = charts.slices(parts, float(found.loss.mean()), found.unit) if parts else ""
    return {"slices": picture, "concentration": charts.concentration(found.loss, found.unit)}


def _print(spec: Spec, version: Version, name: str, found: Mistakes) -> None:
    heading = f"{spec.name} version {version.number} on {name}: {found.rows:,} rows"
    console.say(
        f"{heading}, mean {found.unit} {found.loss.mean():.4f}; the worst 10 % hold {found.held_by(0.1):.0%} of it"
    )
    parts = [(shared, shared.part) for shared in found.slices]
    lines = [
        [
            textwrap.shorten(part.name, WIDEST, placeholder=" …"),
            f"{shared.rows:,}",
            f"{part.mean:.3f} [{part.low:.3f}, {part.high:.3f}]",
            f"{part.share:.1%}",
        ]
        for shared, part in parts
    ]
    if lines:
        title = f"slices that lose more than the average, of {found.tested:,} looked at"
        console.table(title, ["slice", "rows", f"mean {found.unit}", "share"], lines)
    else:
        console.say(f"none of {found.tested:,} slices loses more than the average by more than chance")
    rows = [[w.key, w.label, w.prediction, (w.reasons or [""])[0]] for w in found.worst[:WORST_SHOWN]]
    console.table("worst rows", [spec.data.key, "label", "predicted", "first reason"], rows)
    console.say(f"reasons: {found.how}")
