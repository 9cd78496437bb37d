"""Search for better parameters: train on the training rows, evaluate on the validation rows, use no others."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pydantic
from numpy.typing import NDArray

from mlteam.config import settings
from mlteam.config.spec import Spec
from mlteam.config.tuning import ParameterValue, SearchSpace
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.data.features import Examples, Floats, Labels, Schema
from mlteam.evaluation.bootstrap import Bootstrap, Estimate
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.evaluation.metrics import Metric, UndefinedMetricError
from mlteam.modeling.model import Model, load_model_class, validate_parameters

if TYPE_CHECKING:
    import optuna


SIGNIFICANT_DIGITS = 4
ParamValues = dict[str, ParameterValue]


@dataclass(frozen=True)
class Trial:
    """One set of values that was tried, and the metric on the validation rows; number 0 is the present one."""

    number: int
    params: ParamValues
    value: float
    seconds: float
    predictions: Floats


@dataclass(frozen=True)
class TuningResult:
    """The trials in their order, the best of them, and how much better it is than the present parameters."""

    metric: Metric
    trials: list[Trial]
    best: Trial
    gain: Estimate

    @property
    def ranked_trials(self) -> list[Trial]:
        """The trials, the best first."""
        return sorted(self.trials, key=lambda trial: -self.metric.sign * trial.value)

    @property
    def is_improvement(self) -> bool:
        """Whether the gain lies above sampling noise."""
        return self.gain.low is not None and self.gain.low > 0

    @property
    def verdict(self) -> str:
        """Whether the best trial is better than the present parameters, in a sentence."""
        if self.best.number == 0:
            return f"none of {len(self.trials) - 1} trials is better than the present parameters"
        verdict = "better than the present parameters" if self.is_improvement else "not better above sampling noise"
        compared = f"{verdict} by {self.metric.name} on validation"
        return f"trial {self.best.number} is {compared}: {self.gain.format(signed=True)}"


def search_parameters(
    spec: Spec,
    schema: Schema,
    rows: tuple[Examples, Examples],
    trials: int,
    minutes: float | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> TuningResult:
    """Try sets of values by TPE, which is trained on those before; the same seed tries the same ones.

    Args:
        spec: Says where to search, which metric decides, and the seed.
        schema: The features.
        rows: The training rows, and the rows to evaluate on.
        trials: Most sets of values that are tried.
        minutes: No trial begins after this time.
        clusters: The cluster of each validation row, for the interval of the gain.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    metric = get_primary_metric(spec)
    with console.show_progress("train with the present parameters"):
        present = _run_trial(
            spec, schema, rows, metric, 0, {name: spec.model.params[name] for name in spec.tune.params}
        )
    begun, done = time.monotonic(), [present]
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=spec.model.seed),
        direction="maximize" if metric.higher_is_better else "minimize",
    )
    best = present
    with console.show_progress(f"try up to {trials} sets of values") as progress:
        for number in range(1, trials + 1):
            if minutes is not None and time.monotonic() - begun > minutes * 60:
                break
            asked = study.ask()
            params = {name: _suggest_value(asked, name, space) for name, space in spec.tune.spaces.items()}
            trial = _run_trial(spec, schema, rows, metric, number, params)
            study.tell(asked, trial.value)
            done.append(trial)
            if metric.sign * (trial.value - best.value) > 0:
                best = trial
                console.print_line(f"  trial {number}: {metric.name} {trial.value:.4f}, {format_parameters(params)}")
            progress(f"{number}/{trials}, best {metric.name} {best.value:.4f}")
    return TuningResult(metric, done, best, estimate_selected_gain(spec, metric, rows[1].label, done, clusters))


def estimate_selected_gain(
    spec: Spec, metric: Metric, label: Labels, trials: list[Trial], clusters: NDArray[np.int64] | None = None
) -> Estimate:
    """Estimate how much better the selected trial is than the present parameters on rows that did not select it.

    The best of many trials looks better than it is on the rows that selected it. So a trial is selected on each
    resample and evaluated on the rows that the resample left out: the bootstrap bias correction of Tsamardinos 2018
    (doi:10.1007/s10994-018-5714-4). Trial number 0 has the present parameters.
    """
    bootstrap = Bootstrap(label, spec.evaluation, spec.model.seed, clusters)
    try:
        samples = np.stack([metric.sign * bootstrap.compute_samples(metric, trial.predictions) for trial in trials])
    except UndefinedMetricError as error:
        return Estimate(None, None, None, str(error))
    resampled = samples[:, : 1 + spec.evaluation.resamples]
    best, *chosen = np.argmax(np.nan_to_num(resampled, nan=-np.inf), axis=0).tolist()
    outside = {
        place: metric.sign * bootstrap.compute_left_out_samples(metric, trials[place].predictions)
        for place in {0, *chosen}
    }
    gains = np.array([outside[place][at] - outside[0][at] for at, place in enumerate(chosen)])
    if np.isnan(gains).all():
        return Estimate(None, None, None, "the validation rows are too few")
    seen = samples[best] - samples[0]
    # The interval is that of the selected trial, moved by its optimism: rows left out are too few for one of their own.
    return bootstrap.summarize(seen + np.nanmean(gains) - seen[0], bounds=metric.gain_bounds)


def validate_search_space(spec: Spec) -> None:
    """Refuse at once what the model would refuse after an hour."""
    if not spec.tune.params:
        fix = "add the table with a line such as max_depth = [3, 10]"
        raise ProjectError("[tune.params] is missing or empty", where=str(spec.path), fix=fix)
    validate_parameters(spec, "model", spec.model.params)
    for name, space in spec.tune.spaces.items():
        for value in space.among or (space.low, space.high):
            validate_parameters(spec, "tune", spec.model.params | {name: value})
        if name not in spec.model.params:
            what = f"tune.params.{name}: [model.params] has no current value"
            raise ProjectError(what, where=str(spec.path), fix=f"add {name} = … there")


def _run_trial(
    spec: Spec, schema: Schema, rows: tuple[Examples, Examples], metric: Metric, number: int, params: ParamValues
) -> Trial:
    begun, (learn, watch) = time.monotonic(), rows
    factory = spec.model.model_copy(update={"params": spec.model.params | params})
    try:
        model: Model = load_model_class(factory.factory, str(spec.path)).fit(learn, watch, schema, factory)
    except pydantic.ValidationError as error:
        raise settings.explain_validation_error(error, spec.path, ("tune" if number else "model", "params")) from None
    predictions = model.predict(watch.matrix)
    try:
        value = metric.function(watch.label, predictions.astype(np.float64), np.ones(len(watch.label)))
    except UndefinedMetricError as error:
        what = f"{metric.name} is not defined on the validation rows: {error}"
        raise ProjectError(what, where=str(spec.path), fix="change splits.validation, or evaluation.primary") from None
    return Trial(number, params, value, time.monotonic() - begun, predictions)


def _suggest_value(trial: "optuna.Trial", name: str, space: SearchSpace) -> ParameterValue:
    if space.among:
        return space.among[trial.suggest_categorical(name, range(len(space.among)))]
    if space.is_integer:
        return trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
    # Few digits, since people read the file; what was tried is what is written.
    short = float(f"{trial.suggest_float(name, space.low, space.high, log=space.log):.{SIGNIFICANT_DIGITS}g}")
    return min(max(short, float(space.low)), float(space.high))


def format_parameters(params: ParamValues) -> str:
    """Parameters as `name = value`, in one line."""
    return ", ".join(f"{name} = {value}" for name, value in params.items())
