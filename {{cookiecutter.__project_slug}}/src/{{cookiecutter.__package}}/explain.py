"""Which features matter in a set of rows, and how a feature's value moves the prediction."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import console, evaluation, page
from .charts import explain as charts
from .charts.common import Picture
from .errors import ProjectError
from .features import Feature, Rows
from .metrics import UndefinedMetricError
from .model import Model
from .reasons import REPEATS, Moved, contributions, replaced, with_values
from .registry import Version
from .spec import Spec
from .team_metrics import choose

SAMPLE = 2_000
PICTURES = 6
SHOWN = 20
MOST_BARS = 60
FEWEST = 5
Z95 = 1.96
NOTHING = 1e-6


@dataclass(frozen=True)
class Importance:
    """How much a feature moves predictions, with a 95 % interval; the groups of its values that raise and lower most.

    Attributes:
        feature: Its name.
        value: In the unit of the explanation.
        low: Lower end of the interval.
        high: Upper end.
        share: Part of the sum over all features.
        raises: The group of values that adds most, and what it adds on average.
        lowers: The group that adds least.
    """

    feature: str
    value: float
    low: float
    high: float
    share: float
    raises: str
    lowers: str


@dataclass(frozen=True)
class Explanation:
    """What was found on a sample of the rows, the most important feature first; `unit` is that of the importance."""

    rows: int
    sampled: int
    exact: bool
    unit: str
    moves: str
    features: list[Importance]
    pictures: list[Picture]


def dataset(spec: Spec, version: Version, rows: Rows, title: str) -> Path:
    """Say which features matter in some rows: a table on the terminal, a page of pictures.

    Args:
        spec: Names the primary metric, which a model without contributions is explained by.
        version: The model.
        rows: The rows; at most 2,000 of them are drawn.
        title: What the rows are, in words.

    Returns:
        The page.

    Raises:
        ProjectError: There is no row.
    """
    with console.step(f"explain {title}"):
        found = explain(spec, version, rows)
        target = page.named(spec.name, f"v{version.number}", "explain", title)
        drawn = charts.importance([dataclasses.asdict(f) for f in found.features[:MOST_BARS]], found.unit)
        page.write(target, "explain", spec=spec, version=version, title=title, found=found, importance=drawn)
    lines = [
        [f.feature, f"{f.value:.4f} [{f.low:.4f}, {f.high:.4f}]", f.raises.rpartition(" (")[0]]
        for f in found.features[:SHOWN]
    ]
    heading = f"{spec.name} version {version.number} on {title}: {found.sampled:,} of {found.rows:,} rows"
    console.table(heading, ["feature", "impact", f"raises {found.moves} most"], lines)
    console.say(f"impact: {found.unit[0].lower()}{found.unit[1:]}, with 95 % intervals")
    if len(found.features) > SHOWN:
        console.say(f"and {len(found.features) - SHOWN} more on the page")
    console.say(f"page: {target}")
    return target


def explain(spec: Spec, version: Version, rows: Rows) -> Explanation:
    """Which features matter in some rows, by the model's own contributions or else by shuffling each feature."""
    if not len(rows.label):
        raise ProjectError(f"{rows.name} has no row to explain", fix="choose other rows")
    chosen = np.random.default_rng(0).choice(len(rows.label), size=min(SAMPLE, len(rows.label)), replace=False)
    sample = Rows(rows.name, rows.matrix[chosen], rows.label[chosen], rows.table.take(pa.array(chosen)))
    moved = contributions(version.model, sample.matrix)
    exact = moved is not None
    moves = _unit(version) if exact else "the prediction"
    if moved is None:
        moved = replaced(version.model, sample.matrix, sample.matrix)
        values, unit = _shuffled(spec, version.model, sample, moved)
    else:
        values, unit = _absolute(moved), "Mean absolute contribution"
    order = np.argsort(-values[0], kind="stable")
    signed = np.stack([_one_class(moved, column)[0] for column in range(moved.shape[-1])], axis=1)
    total = float(np.abs(values[0]).sum()) or 1.0
    features = [_importance(version, sample.table, signed, values[:, c], c, total) for c in order]
    pictures = [
        _picture(version, sample, moved, int(c), moves) for c in order[:PICTURES] if np.ptp(signed[:, c]) > NOTHING
    ]
    return Explanation(len(rows.label), len(chosen), exact, unit, moves, features, pictures)


def _absolute(moved: Moved) -> NDArray[np.float64]:
    """Mean absolute contribution and its interval, shape (3, features); over all classes where there are many."""
    by_row = np.abs(moved.astype(np.float64)).reshape(len(moved), -1, moved.shape[-1]).mean(axis=1)
    mean, reach = by_row.mean(axis=0), Z95 * by_row.std(axis=0) / np.sqrt(len(by_row))
    return np.stack([mean, np.maximum(mean - reach, 0), mean + reach])


def _shuffled(spec: Spec, model: Model, sample: Rows, moved: Moved) -> tuple[NDArray[np.float64], str]:
    """How much worse the primary metric is with each feature shuffled, shape (3, features), and what that is called."""
    (metric,) = choose([spec.evaluation.primary], spec.task)
    random, weight = np.random.default_rng(0), np.ones(len(sample.label))
    try:
        whole = metric.function(sample.label, model.predict(sample.matrix), weight)
        lost = np.empty((REPEATS, sample.matrix.shape[1]))
        for repeat, column in np.ndindex(*lost.shape):
            changed = with_values(sample.matrix, column, random.permutation(sample.matrix[:, column]))
            lost[repeat, column] = metric.sign * (whole - metric.function(sample.label, model.predict(changed), weight))
    except UndefinedMetricError as error:
        return _absolute(moved), f"Mean absolute change of the prediction ({metric.name} not defined: {error})"
    # Student's t for five repeats.
    mean, reach = lost.mean(axis=0), 2.776 * lost.std(axis=0, ddof=1) / np.sqrt(REPEATS)
    return np.stack([mean, mean - reach, mean + reach]), f"Loss of {metric.name} when shuffled"


def _one_class(moved: Moved, column: int) -> tuple[Moved, int | None]:
    """What a feature adds, shape (rows,); of many classes, to the one that it moves most, which is named as well."""
    one: Moved = moved[..., column]
    if one.ndim == 1:
        return one, None
    most = int(np.abs(one).mean(axis=0).argmax())
    return one[:, most], most


def _importance(
    version: Version, table: pa.Table, signed: Moved, value: NDArray[np.float64], column: int, total: float
) -> Importance:
    name = version.schema.names[column]
    means = [
        (float(signed[members, column].mean()), group)
        for group, members in evaluation.groups(table[name])
        if len(members) >= FEWEST
    ]
    differ = len(means) > 1 and max(means)[0] - min(means)[0] > NOTHING
    raises, lowers = (_say(max(means)), _say(min(means))) if differ else ("", "")
    middle, low, high = value.tolist()
    return Importance(name, middle, low, high, abs(middle) / total, raises, lowers)


def _say(group: tuple[float, str]) -> str:
    return f"{group[1][: charts.SHORT]} ({group[0]:+.3f})"


def _picture(version: Version, sample: Rows, moved: Moved, column: int, moves: str) -> Picture:
    feature = version.schema.features[column]
    one, toward = _one_class(moved, column)
    missing = np.isnan(sample.matrix[:, column])
    title = feature.name if toward is None else f"{feature.name}, toward {version.schema.classes[toward]}"
    if missing.any():
        title += f"; missing in {missing.mean():.1%}, {one[missing].mean():+.3f}"
    unit = f"Adds to {moves}"
    if feature.kind == "numeric":
        return charts.numeric(title, sample.matrix[:, column], one, unit)
    return charts.categorical(title, list(_categories(feature, sample.table[feature.name], one)), unit)


def _categories(feature: Feature, column: pa.ChunkedArray, moved: Moved) -> list[tuple[str, Moved]]:
    """The most frequent categories with what they add."""
    codes = pc.fill_null(pc.index_in(pc.cast(column, pa.string()), pa.array(feature.categories)), -1).to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(feature.categories))
    most = [code for code in np.argsort(-counts, kind="stable")[:SHOWN] if counts[code]]
    return [(feature.categories[code], moved[codes == code]) for code in most]


def _unit(version: Version) -> str:
    return "the prediction" if version.schema.task == "regression" else "the log-odds"
