from pathlib import Path

import numpy as np
import pytest

from mlteam.commands import evaluate, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.paths import METRICS
from mlteam.data.snapshot import take
from mlteam.evaluation import custom_metrics
from mlteam.evaluation.metrics import UndefinedMetricError

GOOD = '''"""Misses."""

TASKS = ("binary",)
HIGHER_IS_BETTER = False


def misses(label, prediction, weight):
    """Share of positive rows below one half; 0 is perfect."""
    return weight @ ((prediction < 0.5) & (label == 1)) / (weight @ label)
'''


def written(text: str, name: str = "misses") -> Path:
    METRICS.mkdir(exist_ok=True)
    path = METRICS / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_function_in_the_folder_judges_a_model_with_its_interval(spec: Spec) -> None:
    written(GOOD)
    chosen = pipelines.load_spec(None, ['evaluation.metrics=["roc_auc", "misses"]'])
    version = train.train_version(chosen, take(chosen))
    page = evaluate.evaluate_version(chosen, version)
    assert "misses" in page.read_text(encoding="utf-8")


def test_a_metric_of_another_name_is_refused_with_the_nearest_one(spec: Spec) -> None:
    written(GOOD)
    with pytest.raises(ProjectError, match="there is no metric 'mises' for the task binary\ndid you mean 'misses'"):
        custom_metrics.get_metrics(["mises"], "binary")
    with pytest.raises(ProjectError, match="for the task regression"):
        custom_metrics.get_metrics(["misses"], "regression")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("def misses", "def hits"), "metrics/misses.py: no function misses with a docstring"),
        (GOOD.replace('    """Share', '    # """Share'), "no function misses with a docstring"),
        (GOOD.replace('"binary"', '"two"'), "TASKS must name some of binary, multiclass, regression"),
        (GOOD.replace("HIGHER_IS_BETTER = False", ""), "HIGHER_IS_BETTER must be True or False"),
        (GOOD.replace("def misses(", "def misses(("), "metrics/misses.py:7: not Python"),
        ("import nothing_of_this_name\n", "metrics/misses.py:1: ModuleNotFoundError"),
    ],
)
def test_a_file_that_holds_no_metric_says_what_is_missing(spec: Spec, text: str, said: str) -> None:
    written(text)
    with pytest.raises(ProjectError) as refused:
        custom_metrics.load_custom_metrics()
    assert said in str(refused.value)


def test_a_name_that_the_package_has_is_refused(spec: Spec) -> None:
    written(GOOD.replace("misses", "r2"), "r2")
    with pytest.raises(ProjectError, match="already is a metric of the engine"):
        custom_metrics.load_custom_metrics()


def test_a_mistake_in_the_function_is_told_with_its_line(spec: Spec) -> None:
    written(GOOD.replace("weight @ label", "wait @ label"))
    with pytest.raises(ProjectError, match=r"misses.py:9: NameError: name 'wait' is not defined"):
        custom_metrics.load_custom_metrics()["misses"].function(np.ones(2), np.ones(2), np.ones(2))


NESTED = (
    GOOD.replace("    return weight", "    return halve(prediction) or weight")
    + '''

def halve(prediction):
    """Raise."""
    raise ValueError("first line\\nsecond line")
'''
)


def test_a_mistake_is_told_with_its_first_line_where_it_was_made(spec: Spec) -> None:
    written(NESTED)
    with pytest.raises(ProjectError) as refused:
        custom_metrics.load_custom_metrics()["misses"].function(np.ones(2), np.ones(2), np.ones(2))
    assert (refused.value.what, refused.value.where) == ("ValueError: first line", "metrics/misses.py:14")


def test_a_function_that_cannot_be_called_is_told_with_its_file(spec: Spec) -> None:
    written(GOOD.replace("(label, prediction, weight)", "(label)"))
    with pytest.raises(ProjectError, match=r"misses\.py:1: TypeError: misses\(\) takes 1 positional argument"):
        custom_metrics.load_custom_metrics()["misses"].function(np.ones(2), np.ones(2), np.ones(2))


def test_what_is_not_one_number_is_refused_with_the_function(spec: Spec) -> None:
    written(GOOD.replace("(weight @ label)", "weight"))
    with pytest.raises(ProjectError, match=r"misses.py:7: misses gives ndarray, which is not a single number"):
        custom_metrics.load_custom_metrics()["misses"].function(np.ones(2), np.ones(2), np.ones(2))


def test_a_number_that_is_not_finite_is_not_defined(spec: Spec) -> None:
    written(GOOD)
    with pytest.raises(UndefinedMetricError, match="gives nan"):
        custom_metrics.load_custom_metrics()["misses"].function(np.zeros(2), np.ones(2), np.ones(2))
