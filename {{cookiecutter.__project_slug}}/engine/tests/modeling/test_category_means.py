"""Thousands of categories with a few rows each: as good as the mean of each, and no better than there is to learn."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mlteam.config.spec import ModelSpec
from mlteam.data.features import Examples, Feature, Schema
from mlteam.modeling.baseline import GroupMean
from mlteam.modeling.boosted_trees import XGBoost
from mlteam.modeling.category_means import CategoryMeans
from mlteam.modeling.linear import Linear

CATEGORIES, ROWS = 2000, 20_000
SETTINGS = ModelSpec(
    factory="mlteam.modeling:XGBoost",
    seed=3,
    params={"learning_rate": 0.1, "min_child_weight": 5, "rounds": 100, "early_stopping_rounds": 20},
)


def make_schema(categories: int, task: str = "binary") -> Schema:
    names = tuple(f"c{place:05}" for place in range(categories))
    many = Feature(name="many", kind="categorical", categories=names)
    classes = () if task == "regression" else tuple("abc")[: 3 if task == "multiclass" else 2]
    number = Feature(name="number", kind="numeric", minimum=-4, maximum=4)
    return Schema(task=task, classes=classes, features=(many, number))  # type: ignore[arg-type]


def draw(signal: bool, seed: int = 0, categories: int = CATEGORIES) -> list[Examples]:
    """Train, validation and test of labels that depend on the category, or on nothing."""
    random = np.random.default_rng(seed)
    chance = random.beta(1, 3, categories) if signal else np.full(categories, 0.25)
    parts = []
    for name, rows in (("train", ROWS), ("validation", ROWS // 4), ("test", ROWS // 4)):
        code = random.integers(0, categories, rows)
        matrix = np.column_stack([code, random.normal(size=rows)]).astype(np.float32)
        matrix[random.random(rows) < 0.02, 0] = np.nan
        parts.append(Examples(name, matrix, (random.random(rows) < chance[code]).astype(np.int64)))
    return parts


def measure_auc(model: XGBoost | GroupMean | Linear, test: Examples) -> float:
    return float(roc_auc_score(test.label, model.predict(test.matrix)))


def test_thousands_of_categories_are_learned_as_well_as_by_their_means() -> None:
    schema, (train, validation, test) = make_schema(CATEGORIES), draw(signal=True)
    model = XGBoost.fit(train, validation, schema, SETTINGS)
    baseline = ModelSpec(factory="mlteam.modeling:GroupMean", seed=1, params={"by": ["many"]})
    means = measure_auc(GroupMean.fit(train, validation, schema, baseline), test)
    assert means > 0.7
    assert measure_auc(model, test) > means - 0.01
    linear = Linear.fit(train, validation, schema, ModelSpec(factory="mlteam.modeling:Linear", seed=1, params={}))
    assert measure_auc(linear, test) > means - 0.01
    assert linear.metadata()["weights"] < 10


def test_of_noise_nothing_is_learned() -> None:
    schema, (train, validation, test) = make_schema(CATEGORIES), draw(signal=False)
    model = XGBoost.fit(train, validation, schema, SETTINGS)
    assert measure_auc(model, test) == pytest.approx(0.5, abs=0.03)
    # With its own label in its mean, a row of the training would be told from the others by it.
    encoded = CategoryMeans.fit(train, schema)
    known = ~np.isnan(train.matrix[:, 0])
    own, other = (m[known, 0] for m in (encoded.encode(train.matrix), encoded.prepare_training(train, 3)(slice(None))))
    assert roc_auc_score(train.label[known], own) > 0.6
    assert roc_auc_score(train.label[known], other) == pytest.approx(0.5, abs=0.03)


def test_a_mean_is_that_of_the_rows_drawn_towards_all() -> None:
    matrix = np.array([[0, 0], [0, 0], [1, 0], [np.nan, 0]], np.float32)
    train = Examples("train", matrix, np.array([1, 1, 0, 0]))
    encoded = CategoryMeans.fit(train, make_schema(300)).encode(matrix)
    assert encoded[:, 0] == pytest.approx([7 / 12, 7 / 12, 5 / 11, np.nan], nan_ok=True)
    assert np.array_equal(encoded[:, 1], matrix[:, 1])


def test_the_means_are_in_the_file_and_stay_in_further_training(tmp_path: Path) -> None:
    schema, (train, validation, test) = make_schema(CATEGORIES), draw(signal=True)
    model = XGBoost.fit(train, validation, schema, SETTINGS)
    model.save(tmp_path / "model")
    loaded = XGBoost.load(tmp_path / "model")
    assert np.array_equal(loaded.predict(test.matrix), model.predict(test.matrix))
    contributions = loaded.predict_contributions(test.matrix)
    assert abs(contributions[:, 0]).mean() > 10 * abs(contributions[:, 1]).mean()
    more = loaded.fit_more(draw(signal=False, seed=9)[0], validation, schema, SETTINGS)
    assert more.means.dump() == model.means.dump()


@pytest.mark.parametrize(("categories", "task"), [(255, "binary"), (300, "multiclass")])
def test_what_trees_can_sort_stays_a_category(categories: int, task: str) -> None:
    train, validation, _ = draw(signal=True, categories=categories)
    model = XGBoost.fit(train, validation, make_schema(categories, task), SETTINGS)
    assert model.means.values == {}
    assert model.booster.feature_types == ["c", "q"]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_more_categories_are_read_as_their_means(task: str) -> None:
    train = draw(signal=True, categories=256)[0]
    schema = make_schema(256, task)
    assert list(CategoryMeans.fit(train, schema).values) == [0]
    # Rows of other workers alone are as good as none.
    none = Examples("train", train.matrix[:0], train.label[:0])
    assert np.isfinite(CategoryMeans.fit(none, schema).values[0]).all()
