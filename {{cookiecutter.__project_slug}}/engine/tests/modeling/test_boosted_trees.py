"""The trees are those of XGBoost with the same parameters, and so are their contributions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
import xgboost

from mlteam.config.spec import ModelSpec
from mlteam.data.features import Examples, Feature, Schema
from mlteam.modeling.boosted_trees import XGBoost, XGBoostParams

RANDOM = np.random.default_rng(12)
TASKS = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
PARAMS = {"max_depth": 3, "rounds": 60, "early_stopping_rounds": 4, "subsample": 0.8}


def make_schema(task: str) -> Schema:
    kind = Feature(name="kind", kind="categorical", categories=("k", "l", "m"))
    number = Feature(name="number", kind="numeric", minimum=0, maximum=1)
    return Schema(task=task, classes=TASKS[task], features=(kind, number))  # type: ignore[arg-type]


def draw(name: str, task: str, rows: int = 400) -> Examples:
    matrix = np.column_stack([RANDOM.integers(0, 3, rows), RANDOM.random(rows)]).astype(np.float32)
    strength = (matrix[:, 0] == 1) * 1.5 + matrix[:, 1] + RANDOM.normal(0, 0.7, rows)
    label = strength if task == "regression" else np.digitize(strength, [1] if task == "binary" else [0.6, 1.4])
    return Examples(name, matrix, label)


def fit(task: str, **params: Any) -> tuple[XGBoost, Examples, Examples]:
    train, validation = draw("train", task), draw("validation", task)
    settings = ModelSpec(factory="mlteam.modeling:XGBoost", seed=3, params=PARAMS | params)
    return XGBoost.fit(train, validation, make_schema(task), settings), train, validation


def fit_plain(task: str, train: Examples, validation: Examples) -> tuple[xgboost.Booster, xgboost.QuantileDMatrix]:
    objectives = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
    losses = {"binary": "logloss", "multiclass": "mlogloss", "regression": "rmse"}
    params: dict[str, Any] = {"max_depth": 3, "learning_rate": 0.1, "subsample": 0.8, "seed": 3}
    params |= {"objective": objectives[task], "eval_metric": losses[task]}
    if task == "multiclass":
        params["num_class"] = 3
    named: dict[str, Any] = {"feature_types": ["c", "q"], "enable_categorical": True}
    learn = xgboost.QuantileDMatrix(train.matrix, train.label, **named)
    watch = xgboost.QuantileDMatrix(validation.matrix, validation.label, ref=learn, **named)
    return xgboost.train(params, learn, 60, evals=[(watch, "v")], early_stopping_rounds=4, verbose_eval=False), watch


@pytest.mark.parametrize("task", TASKS)
def test_trees_are_those_of_xgboost_up_to_the_best_round(task: str) -> None:
    model, train, validation = fit(task)
    plain, watch = fit_plain(task, train, validation)
    assert 1 < plain.best_iteration < 59
    assert model.metadata() == {"trees": plain.best_iteration + 1}
    expected = plain.predict(watch, iteration_range=(0, plain.best_iteration + 1))
    assert np.allclose(model.predict(validation.matrix), expected, atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_contributions_add_up_to_the_prediction(task: str) -> None:
    model, _, validation = fit(task)
    added = model.predict_contributions(validation.matrix)
    assert added.shape == ((400, 3, 2) if task == "multiclass" else (400, 2))
    names: dict[str, Any] = {"feature_names": ["kind", "number"], "feature_types": ["c", "q"]}
    rows = xgboost.DMatrix(validation.matrix, enable_categorical=True, **names)
    margin = model.booster.predict(rows, output_margin=True)
    constant = margin - added.sum(axis=-1)
    # What is left is the same for every row.
    assert np.allclose(constant, constant[0], atol=1e-4)
    assert np.allclose(model.booster.predict(rows, pred_contribs=True)[..., :-1], added)


def test_training_continues_where_it_ended() -> None:
    model, _, validation = fit("binary")
    before = model.predict(validation.matrix)
    more = model.fit_more(
        draw("train", "binary"),
        validation,
        make_schema("binary"),
        ModelSpec(factory="mlteam.modeling:XGBoost", seed=3, params=PARAMS),
    )
    assert more.booster.num_boosted_rounds() > model.booster.num_boosted_rounds()
    assert np.array_equal(model.predict(validation.matrix), before)
    assert not np.array_equal(more.predict(validation.matrix), before)


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("max_depth", (1, 30), (0, 31)),
        ("learning_rate", (0.001, 1), (0, 1.01)),
        ("min_child_weight", (0,), (-0.1,)),
        ("subsample", (0.001, 1), (0, 1.01)),
        ("colsample_bytree", (0.001, 1), (0, 1.01)),
        ("gamma", (0,), (-0.1,)),
        ("reg_alpha", (0,), (-0.1,)),
        ("reg_lambda", (0,), (-0.1,)),
        ("rounds", (1,), (0,)),
        ("early_stopping_rounds", (1,), (0,)),
    ],
)
def test_parameters_have_limits(name: str, valid: tuple[float, ...], invalid: tuple[float, ...]) -> None:
    for value in valid:
        assert getattr(XGBoostParams.model_validate({name: value}), name) == value
    for value in invalid:
        with pytest.raises(pydantic.ValidationError):
            XGBoostParams.model_validate({name: value})


def test_what_is_not_given_is_as_in_xgboost_but_for_slow_learning() -> None:
    booster = xgboost.train({}, xgboost.DMatrix(np.zeros((2, 1)), np.arange(2.0)), 1)
    config = json.loads(booster.save_config())["learner"]["gradient_booster"]["tree_train_param"]
    ours = XGBoostParams().model_dump()
    assert (ours.pop("learning_rate"), ours.pop("rounds"), ours.pop("early_stopping_rounds")) == (0.1, 400, 20)
    assert ours == {name: pytest.approx(float(config[name])) for name in ours}


def test_a_saved_model_predicts_the_same(tmp_path: Path) -> None:
    model, _, validation = fit("regression")
    model.save(tmp_path / "model")
    loaded = XGBoost.load(tmp_path / "model")
    assert np.array_equal(loaded.predict(validation.matrix), model.predict(validation.matrix))
