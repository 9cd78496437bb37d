"""The metrics that a pipeline may name: those of this package, and the team's own in metrics/, found by their names."""

import importlib.util
import inspect
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from mlteam.config.spec import Spec, Task
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.paths import METRICS as FOLDER
from mlteam.data.features import Floats, Labels
from mlteam.evaluation.metrics import BUILTIN_METRICS, Metric, MetricFunction, UndefinedMetricError

README_HINT = "metrics/README.md describes such a file"


def get_metrics(names: Sequence[str], task: Task) -> list[Metric]:
    """Return the metrics called so, in this order.

    Raises:
        ProjectError: There is none of that name for the task, or a file in metrics/ holds none; names the file.
    """
    known = BUILTIN_METRICS | load_custom_metrics()
    fitting = [metric.name for metric in known.values() if task in metric.tasks]
    for name in names:
        if name not in fitting:
            raise ProjectError(f"there is no metric {name!r} for the task {task}", fix=suggest(name, fitting))
    return [known[name] for name in names]


def get_primary_metric(spec: Spec) -> Metric:
    """Return the metric that decides about a pipeline's models; errors are those of `get_metrics`."""
    (metric,) = get_metrics([spec.evaluation.primary], spec.task)
    return metric


def load_custom_metrics() -> dict[str, Metric]:
    """Return the team's own metrics by name: metrics/NAME.py holds the function NAME."""
    files = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
    return {path.stem: _load_metric(path) for path in files}


def _load_metric(path: Path) -> Metric:
    name = path.stem
    if name in BUILTIN_METRICS:
        raise ProjectError(f"{name} already is a metric of the engine", where=str(path), fix="rename file and function")
    found = importlib.util.spec_from_file_location(f"metrics_{name}", path)
    if found is None or found.loader is None:
        raise ProjectError("this file cannot be imported", where=str(path), fix=README_HINT)
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise _convert_error(error, path) from None
    function, tasks = getattr(module, name, None), getattr(module, "TASKS", ())
    higher = getattr(module, "HIGHER_IS_BETTER", None)
    if not inspect.isfunction(function) or not inspect.getdoc(function):
        raise ProjectError(f"no function {name} with a docstring", where=str(path), fix=README_HINT)
    if not tasks or not set(tasks) <= set(get_args(Task)):
        raise ProjectError(f"TASKS must name some of {', '.join(get_args(Task))}", where=str(path), fix=README_HINT)
    if not isinstance(higher, bool):
        raise ProjectError("HIGHER_IS_BETTER must be True or False", where=str(path), fix=README_HINT)
    return Metric(name, _wrap_metric(function, path), higher, tuple(tasks))


def _wrap_metric(function: MetricFunction, path: Path) -> MetricFunction:
    """Return the function, whose mistakes are told with their line; what is not a finite number is not defined."""

    def guarded(label: Labels, prediction: Floats, weight: Floats) -> float:
        try:
            with np.errstate(all="ignore"):
                given = function(label, prediction, weight)
        except UndefinedMetricError:
            raise
        except ZeroDivisionError:
            raise UndefinedMetricError("divides by zero") from None
        except Exception as error:
            raise _convert_error(error, path) from None
        if not isinstance(given, int | float | np.integer | np.floating):
            what = f"{function.__name__} gives {type(given).__name__}, which is not a single number"
            raise ProjectError(what, where=f"{path}:{function.__code__.co_firstlineno}", fix=README_HINT)
        if not np.isfinite(given):
            raise UndefinedMetricError(f"gives {given}")
        return float(given)

    return guarded


def _convert_error(error: Exception, path: Path) -> ProjectError:
    if isinstance(error, SyntaxError):
        return ProjectError(f"not Python: {error.msg}", where=f"{path}:{error.lineno}", fix="fix the line")
    own_lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(str(path))
    ]
    message = f"{type(error).__name__}: {error}".splitlines()[0]
    return ProjectError(message, where=f"{path}:{own_lines[-1] if own_lines else 1}", fix="fix the line")
