import numpy as np
import pytest
from mlteam.evaluation.custom_metrics import load_custom_metrics

ROWS = {
    "warned and late": (1, 0.9),
    "not warned and late": (1, 0.1),
    "warned for nothing": (0, 0.9),
    "rightly not": (0, 0.1),
}


@pytest.mark.parametrize(("row", "dollars"), list(zip(ROWS, (0, 120, 30, 0), strict=True)))
def test_each_outcome_has_its_price(row: str, dollars: float) -> None:
    label, prediction = (np.array([value]) for value in ROWS[row])
    assert load_custom_metrics()["cost_per_flight"].function(label, prediction, np.ones(1)) == dollars


def test_a_row_that_was_drawn_twice_costs_twice() -> None:
    label, prediction = np.array([1, 0]), np.array([0.1, 0.1])
    assert load_custom_metrics()["cost_per_flight"].function(label, prediction, np.array([2.0, 1.0])) == 80


def test_a_warning_is_given_where_it_pays() -> None:
    labels, predictions = np.ones(2, np.int64), np.array([0.19, 0.21])
    assert [
        load_custom_metrics()["cost_per_flight"].function(labels[[i]], predictions[[i]], np.ones(1)) for i in (0, 1)
    ] == [120, 0]
