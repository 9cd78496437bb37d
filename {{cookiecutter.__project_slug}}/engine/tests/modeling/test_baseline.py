"""The means of groups, compared with those of pandas."""

from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest

from mlteam.config.spec import ModelSpec
from mlteam.data.features import Examples, Feature, Schema
from mlteam.modeling.baseline import GroupMean, GroupMeanParams

ROWS = 600
FEATURES = (
    Feature(name="shop", kind="categorical", categories=("a", "b", "c")),
    Feature(name="size", kind="numeric"),
    Feature(name="other", kind="numeric"),
)


def make_examples(task: str, seed: int = 1, rows: int = ROWS) -> tuple[Examples, Schema]:
    random = np.random.default_rng(seed)
    matrix = np.column_stack([random.integers(0, 3, rows), random.gamma(2, 2, rows), random.normal(size=rows)])
    matrix[random.random(rows) < 0.1, 0] = np.nan
    matrix[random.random(rows) < 0.1, 1] = np.nan
    chance = 0.1 + 0.2 * np.nan_to_num(matrix[:, 0]) + 0.03 * np.nan_to_num(matrix[:, 1])
    label: Any = (random.random(rows) < chance).astype(np.int64)
    if task != "binary":
        label = random.integers(0, 3, rows) if task == "multiclass" else chance * 10 + random.normal(size=rows)
    classes = {"binary": ("no", "yes"), "multiclass": ("x", "y", "z"), "regression": ()}[task]
    schema: Any = Schema(task=task, classes=classes, features=FEATURES)  # type: ignore[arg-type]
    return Examples("train", matrix.astype(np.float32), label), schema


def fit(task: str, **params: Any) -> tuple[GroupMean, Examples]:
    train, schema = make_examples(task)
    settings = ModelSpec(factory="mlteam.modeling:GroupMean", seed=1, params=params)
    return GroupMean.fit(train, train, schema, settings), train


def compute_expected(train: Examples, bins: int, prior: float) -> np.ndarray:
    """The mean of the rows with the same shop and the same range of size, missing ones a group of their own."""
    frame = pd.DataFrame(train.matrix, columns=["shop", "size", "other"])
    cuts = [np.nanquantile(train.matrix[:, 1], step / bins) for step in range(1, bins)]
    # A value on a cut belongs to the range below.
    above = (train.matrix[:, 1][:, None] > np.array(cuts)).sum(axis=1)
    frame["range"] = np.where(np.isnan(train.matrix[:, 1]), -1, above)
    frame["shop"] = frame["shop"].fillna(-1)
    targets = (
        pd.get_dummies(train.label).to_numpy(float) if train.label.max() > 1 and train.label.dtype == int else None
    )
    columns = train.label[:, None].astype(float) if targets is None else targets
    found = []
    for target in columns.T:
        grouped = frame.assign(target=target).groupby(["shop", "range"])["target"]
        found.append((grouped.transform("sum") + prior * target.mean()) / (grouped.transform("size") + prior))
    return np.column_stack(found)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(("bins", "prior"), [(8, 50.0), (2, 0.5), (5, 3.0)])
def test_a_row_gets_the_mean_of_its_group_drawn_to_that_of_all(task: str, bins: int, prior: float) -> None:
    params = {} if (bins, prior) == (8, 50) else {"bins": bins, "prior_rows": prior}
    model, train = fit(task, by=["shop", "size"], **params)
    expected = compute_expected(train, bins, prior)
    found = model.predict(train.matrix)
    assert found.shape == ((ROWS, 3) if task == "multiclass" else (ROWS,))
    assert found.reshape(ROWS, -1) == pytest.approx(expected, abs=1e-5)
    assert model.metadata() == {"groups": 4 * (bins + 1)}


def test_a_group_that_training_did_not_have_gets_the_mean_of_all() -> None:
    model, train = fit("regression", by=["shop"])
    assert sorted(model.means) == ["all|-1", "all|0", "all|1", "all|2"]
    rows = np.array([[7, 1, 1], [0, 1, 1]], np.float32)
    found = model.predict(rows)
    assert found[0] == pytest.approx(train.label.mean(), abs=1e-5)
    assert found[1] == pytest.approx(model.means["all|0"][0], abs=1e-5)


def test_without_groups_everything_gets_the_mean_of_all() -> None:
    model, train = fit("binary")
    assert model.predict(train.matrix[:3]).tolist() == pytest.approx([train.label.mean()] * 3, abs=1e-6)
    assert model.predict_contributions(train.matrix[:2]).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("params", [{"bins": 1}, {"prior_rows": 0}, {"prior_rows": -0.5}])
def test_parameters_that_make_no_groups_or_no_prior_are_rejected(params: dict[str, float]) -> None:
    with pytest.raises(pydantic.ValidationError):
        GroupMeanParams.model_validate(params)
