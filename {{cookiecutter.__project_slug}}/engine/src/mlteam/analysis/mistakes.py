"""Where a model is wrong: its worst errors, and what they share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlteam.analysis import weak_slices
from mlteam.analysis.weak_slices import WeakSlice
from mlteam.config.spec import Spec, Task
from mlteam.core.errors import ProjectError
from mlteam.data.features import EvaluationRows, Floats, Labels
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.metrics import MIN_PROBABILITY
from mlteam.modeling import attribution
from mlteam.registry.versions import RegisteredVersion

WORST_ROWS = 20
MAX_SLICES = 12
MAX_REASONS = 3
MAX_VALUE_LENGTH = 40


@dataclass(frozen=True)
class WorstRow:
    """One of the worst rows: its key, what was true and what was predicted, and the features most responsible."""

    key: str
    label: str
    prediction: str
    loss: float
    reasons: list[str]


@dataclass(frozen=True)
class MistakeSlice:
    """What mistakes share; truth and prediction are means over the rows, or None where there are many classes."""

    weak_slice: WeakSlice
    rows: int
    truth: float | None
    prediction: float | None


@dataclass(frozen=True)
class Mistakes:
    """All that was found; `tested` is the number of slices, `exact` is whether the model says what was responsible."""

    rows: int
    unit: str
    loss: NDArray[np.float64]
    slices: list[MistakeSlice]
    slices_tested: int
    worst: list[WorstRow]
    exact: bool

    @property
    def attribution_note(self) -> str:
        """How it is known which features were responsible."""
        return "as the model itself takes its predictions apart" if self.exact else attribution.REPLACEMENT_NOTE

    def compute_loss_share(self, share: float) -> float:
        """Return the part of all loss that a share of the rows, the worst ones, holds."""
        count = max(round(share * self.rows), 1)
        return float(np.sort(self.loss)[-count:].sum() / max(float(self.loss.sum()), 1e-12))


def find_mistakes(spec: Spec, version: RegisteredVersion, rows: EvaluationRows, predictions: Floats) -> Mistakes:
    """Return the worst errors among some rows, and the slices where the loss is concentrated."""
    if not len(rows.label):
        raise ProjectError(f"{rows.name} has no rows to evaluate", fix="choose other rows")
    loss = compute_losses(spec.task, rows.label, predictions)
    names = dict.fromkeys((*version.schema.names, *spec.evaluation.slices))
    columns = {name: rows.table[name] for name in names if name in rows.table.column_names}
    clusters = find_clusters(spec, rows.table)
    parts, tested = weak_slices.find_weak_slices(columns, loss, spec.evaluation.confidence, MAX_SLICES, clusters)
    shared = [_describe_slice(spec.task, part, rows.label, predictions) for part in parts]
    worst, exact = _find_worst_rows(spec, version, rows, predictions, loss)
    unit = "absolute error" if spec.task == "regression" else "log loss"
    return Mistakes(len(loss), unit, loss, shared, tested, worst, exact)


def compute_losses(task: Task, label: Labels, prediction: Floats) -> NDArray[np.float64]:
    """Return the loss of each row: log loss in nats for classes, the absolute error for numbers.

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
    surprise: NDArray[np.float64] = -np.log(np.clip(sure, MIN_PROBABILITY, 1))
    return surprise


def _describe_slice(task: Task, part: WeakSlice, label: Labels, predictions: Floats) -> MistakeSlice:
    if task == "multiclass":
        return MistakeSlice(part, len(part.members), None, None)
    truth, prediction = float(label[part.members].mean()), float(predictions[part.members].mean())
    return MistakeSlice(part, len(part.members), truth, prediction)


def _find_worst_rows(
    spec: Spec, version: RegisteredVersion, rows: EvaluationRows, predictions: Floats, loss: Floats
) -> tuple[list[WorstRow], bool]:
    """Return the worst rows, and whether the model itself says what was responsible."""
    order = np.argsort(-loss, kind="stable")[:WORST_ROWS]
    moved, exact = attribution.attribute_predictions(version.model, rows.matrix[order], lambda: rows.matrix)
    table = rows.table.take(pa.array(order))
    keys = table[spec.data.key].to_pylist() if spec.data.key in table.column_names else order.tolist()
    found = []
    for position, row in enumerate(order):
        strongest = np.argsort(-np.abs(moved[position]), kind="stable")[:MAX_REASONS]
        because = [
            f"{name} = {_format_value(table[name][position].as_py())} ({moved[position, column]:+.3f})"
            for column in strongest
            if moved[position, column] and (name := version.schema.names[column])
        ]
        outcome = _format_outcome(version, rows.label[row], predictions[row])
        found.append(WorstRow(_format_value(keys[position]), *outcome, float(loss[row]), because))
    return found, exact


def _format_outcome(version: RegisteredVersion, label: Any, prediction: Any) -> tuple[str, str]:
    """Label and prediction of a row as people read them."""
    classes = version.schema.classes
    if version.schema.task == "regression":
        return f"{label:.5g}", f"{prediction:.5g}"
    if version.schema.task == "binary":
        return classes[int(label)], f"{classes[-1]} at {prediction:.1%}"
    best = int(prediction.argmax())
    return classes[int(label)], f"{classes[best]} at {prediction[best]:.1%}"


def _format_value(value: Any) -> str:
    return "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)[:MAX_VALUE_LENGTH]
