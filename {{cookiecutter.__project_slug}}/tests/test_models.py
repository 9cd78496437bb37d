"""The team's own models learn each task, predict the same after a reload, and reject unknown parameters."""

from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
from mlteam.config.spec import ModelSpec, Task
from mlteam.data.features import Examples, Feature, Schema
from mlteam.modeling.model import Model, load_model_class

REFERENCE = "{{ cookiecutter.__package }}.models:LinearModel"
FEATURES = (
    Feature(name="shop", kind="categorical", categories=("north", "south")),
    Feature(name="price", kind="numeric", minimum=0, maximum=10),
)
CLASSES: dict[Task, tuple[str, ...]] = {
    "binary": ("no", "yes"),
    "multiclass": ("few", "many", "some"),
    "regression": (),
}
ROWS = 300


def make_rows(task: Task) -> Examples:
    """Rows whose label grows with the price and is higher in the south; some values are missing."""
    random = np.random.default_rng(0)
    south, price = random.integers(2, size=ROWS), random.random(ROWS) * 10
    score = price + 3 * south
    cuts = [6.0] if task == "binary" else [4.0, 8.0]
    label = score if task == "regression" else np.digitize(score, cuts)
    matrix = np.stack([south, price], axis=1).astype(np.float32)
    matrix[::20, 0], matrix[::30, 1] = np.nan, np.nan
    return Examples("made up", matrix, label)


def train(task: Task, **params: Any) -> Model:
    """Train as the engine does, by the reference of a pipeline file."""
    rows, schema = make_rows(task), Schema(task=task, classes=CLASSES[task], features=FEATURES)
    settings = ModelSpec(factory=REFERENCE, seed=1, params=params)
    return load_model_class(REFERENCE, __file__).fit(rows, rows, schema, settings)


@pytest.mark.parametrize("task", CLASSES)
def test_a_model_learns_and_predicts_the_same_after_a_reload(task: Task, tmp_path: Path) -> None:
    model, rows = train(task), make_rows(task)
    predicted = model.predict(rows.matrix)
    if task == "regression":
        assert np.corrcoef(predicted, rows.label)[0, 1] > 0.9
    else:
        chosen = predicted > 0.5 if task == "binary" else predicted.argmax(axis=1)
        assert (chosen == rows.label).mean() > 0.8
    model.save(tmp_path / "saved")
    np.testing.assert_array_equal(type(model).load(tmp_path / "saved").predict(rows.matrix), predicted)


def test_a_high_penalty_draws_predictions_toward_their_mean() -> None:
    matrix = make_rows("binary").matrix
    assert train("binary", penalty=1_000).predict(matrix).std() < train("binary").predict(matrix).std() / 2


def test_a_misspelt_parameter_is_rejected() -> None:
    with pytest.raises(pydantic.ValidationError, match="penalti"):
        train("binary", penalti=1)
