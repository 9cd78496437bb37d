"""Search better parameters for the model: learn on the training rows, judge on the validation rows, never on others."""

import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pydantic

from . import console, page, provenance, settings, snapshot, steps
from .charts import tune as charts
from .errors import ProjectError
from .features import Examples, Schema
from .files import whole
from .metrics import Estimate, Floats, Judge, Metric, UndefinedMetricError
from .model import Model, resolve
from .search import Space, Value
from .spec import Spec
from .team_metrics import choose

if TYPE_CHECKING:
    import optuna

SHOWN = 10
DIGITS = 4
Params = dict[str, Value]


@dataclass(frozen=True)
class Trial:
    """One set of values that was tried, and the metric on the validation rows; number 0 is the present one."""

    number: int
    params: Params
    value: float
    seconds: float
    predictions: Floats


@dataclass(frozen=True)
class Found:
    """The trials in their order, the best of them, and how much better it is than the present parameters."""

    metric: Metric
    trials: list[Trial]
    best: Trial
    gain: Estimate

    @property
    def ranked(self) -> list[Trial]:
        """The trials, the best first."""
        return sorted(self.trials, key=lambda trial: -self.metric.sign * trial.value)

    @property
    def better(self) -> bool:
        """Whether the gain lies beyond chance."""
        return self.gain.low is not None and self.gain.low > 0

    @property
    def verdict(self) -> str:
        """Whether the best trial is better than the present parameters, in a sentence."""
        if self.best.number == 0:
            return f"none of {len(self.trials) - 1} trials is better than the present parameters"
        said = "better than the present parameters" if self.better else "not better by more than chance"
        return f"trial {self.best.number} is {said} by {self.metric.name} on validation: {self.gain.text(signed=True)}"


def tune(spec: Spec, trials: int, minutes: float | None = None) -> Path:
    """Search within a budget, keep what is better by more than chance in the pipeline file; the page about it.

    Args:
        spec: Says where to search.
        trials: Most sets of values that are tried.
        minutes: No trial begins after so many.

    Raises:
        ProjectError: The pipeline file does not say where to search, or says what the model does not take.
    """
    _searchable(spec)
    taken = snapshot.newest(spec.name)
    schema, learn, watch = steps.learning(spec, taken)
    found = search(spec, schema, (learn, watch), trials, minutes)
    target = page.named(spec.name, "tune")
    _write_rows(target.with_suffix(".parquet"), found, spec.tune.spaces)
    drawn = charts.pictures(list(_rows(found)), spec.tune.spaces, found.metric)
    page.write(target, "tune", spec=spec, found=found, taken=taken, made=provenance.now(), pictures=drawn)
    _print(spec, found)
    if found.better:
        keep(spec, found.best.params)
        console.say(f"{spec.path} has its parameters now; what they are worth, `nox -s train evaluate` says on test")
    else:
        console.say(f"{spec.path} was not changed")
    console.say(f"page: {target}, all trials: {target.with_suffix('.parquet').name}")
    return target


def search(
    spec: Spec, schema: Schema, rows: tuple[Examples, Examples], trials: int, minutes: float | None = None
) -> Found:
    """Try sets of values by TPE, which learns from those before; the same seed tries the same ones.

    Args:
        spec: Says where to search, which metric decides, and the seed.
        schema: The features.
        rows: Those to learn from, and those to judge on.
        trials: Most sets of values that are tried.
        minutes: No trial begins after so many.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (metric,) = choose([spec.evaluation.primary], spec.task)
    with console.step("train with the present parameters"):
        present = _try(spec, schema, rows, metric, 0, {name: spec.model.params[name] for name in spec.tune.params})
    begun, done = time.monotonic(), [present]
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=spec.model.seed),
        direction="maximize" if metric.higher_is_better else "minimize",
    )
    best = present
    with console.step(f"try up to {trials} sets of values") as progress:
        for number in range(1, trials + 1):
            if minutes is not None and time.monotonic() - begun > minutes * 60:
                break
            asked = study.ask()
            params = {name: _suggest(asked, name, space) for name, space in spec.tune.spaces.items()}
            trial = _try(spec, schema, rows, metric, number, params)
            study.tell(asked, trial.value)
            done.append(trial)
            if metric.sign * (trial.value - best.value) > 0:
                best = trial
                console.say(f"  trial {number}: {metric.name} {trial.value:.4f}, {_listed(params)}")
            progress(f"{number}/{trials}, best {metric.name} {best.value:.4f}")
    jury = Judge(rows[1].label, spec.evaluation, spec.model.seed)
    gained = jury.samples(metric, best.predictions) - jury.samples(metric, present.predictions)
    return Found(metric, done, best, jury.summarize(metric.sign * gained))


def keep(spec: Spec, params: Params) -> None:
    """Write parameters into `[model.params]` of the pipeline file, whole or not at all; the rest stays as it is."""
    import tomlkit

    # As bytes: reading as text would change the ends of lines.
    before = spec.path.read_bytes().decode("utf-8")
    document = tomlkit.parse(before)
    unchanged = tomlkit.dumps(document)
    table: Any = document["model"]
    for name, value in params.items():
        table["params"][name] = value
    # tomlkit drops a space here and there, so only the lines that it was asked to change are taken from it.
    lines = [text.splitlines(keepends=True) for text in (before, unchanged, tomlkit.dumps(document))]
    text = "".join(old if same == new else new for old, same, new in zip(*lines, strict=True))
    written = tomllib.loads(text)["model"]["params"]
    if any(written[name] != value for name, value in params.items()):
        what = f"the parameters could not be written: {_listed(params)}"
        raise ProjectError(what, where=str(spec.path), fix="write them there by hand")
    with whole(spec.path) as part:
        part.write_bytes(text.encode("utf-8"))


def _searchable(spec: Spec) -> None:
    """Refuse at once what the model would refuse after an hour."""
    if not spec.tune.params:
        fix = "add the table with a line such as max_depth = [3, 10]"
        raise ProjectError("[tune.params] does not say where to search", where=str(spec.path), fix=fix)
    _accepted(spec, "model", spec.model.params)
    for name, space in spec.tune.spaces.items():
        for value in space.among or (space.low, space.high):
            _accepted(spec, "tune", spec.model.params | {name: value})
        if name not in spec.model.params:
            what = f"tune.params.{name}: [model.params] does not say what it is now"
            raise ProjectError(what, where=str(spec.path), fix=f"add {name} = … there")


def _accepted(spec: Spec, table: str, params: Params) -> None:
    """Ask the model's own settings, where it has them."""
    known = getattr(resolve(spec.model.factory), "Params", None)
    try:
        if known is not None:
            known.model_validate(params)
    except pydantic.ValidationError as error:
        raise settings.explain(error, spec.path, (table, "params")) from None


def _try(
    spec: Spec, schema: Schema, rows: tuple[Examples, Examples], metric: Metric, number: int, params: Params
) -> Trial:
    begun, (learn, watch) = time.monotonic(), rows
    factory = spec.model.model_copy(update={"params": spec.model.params | params})
    try:
        model: Model = resolve(factory.factory).fit(learn, watch, schema, factory)
    except pydantic.ValidationError as error:
        raise settings.explain(error, spec.path, ("tune" if number else "model", "params")) from None
    predictions = model.predict(watch.matrix)
    try:
        value = metric.function(watch.label, predictions.astype(np.float64), np.ones(len(watch.label)))
    except UndefinedMetricError as error:
        what = f"{metric.name} is not defined on the validation rows: {error}"
        raise ProjectError(what, where=str(spec.path), fix="change splits.validation, or evaluation.primary") from None
    return Trial(number, params, value, time.monotonic() - begun, predictions)


def _suggest(trial: "optuna.Trial", name: str, space: Space) -> Value:
    if space.among:
        return space.among[trial.suggest_categorical(name, range(len(space.among)))]
    if space.whole:
        return trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
    # Few digits, since people read the file; what was tried is what is written.
    short = float(f"{trial.suggest_float(name, space.low, space.high, log=space.log):.{DIGITS}g}")
    return min(max(short, float(space.low)), float(space.high))


def _rows(found: Found) -> Iterator[dict[str, Any]]:
    for trial in found.trials:
        yield {"trial": trial.number, found.metric.name: trial.value, "seconds": trial.seconds, **trial.params}


def _write_rows(target: Path, found: Found, spaces: dict[str, Space]) -> None:
    """Write all trials; parameters are called as in the pipeline file, so that none is called like another column."""
    columns: dict[str, list[Any]] = {
        "trial": [trial.number for trial in found.trials],
        found.metric.name: [trial.value for trial in found.trials],
        "seconds": [trial.seconds for trial in found.trials],
    }
    for name in found.best.params:
        values = [trial.params[name] for trial in found.trials]
        # What is chosen among may be of several types, which no column can hold.
        columns[f"model.params.{name}"] = [str(value) for value in values] if spaces[name].among else values
    with whole(target) as part:
        pyarrow.parquet.write_table(pa.table(columns), part)


def _print(spec: Spec, found: Found) -> None:
    names = list(found.best.params)
    rows = [
        [str(t.number) if t.number else "present", f"{t.value:.4f}", *(str(t.params[name]) for name in names)]
        for t in found.ranked[:SHOWN]
    ]
    title = f"{spec.name}: the best of {len(found.trials) - 1} trials, by {found.metric.name} on validation"
    console.table(title, ["trial", found.metric.name, *names], rows)
    console.say(found.verdict)


def _listed(params: Params) -> str:
    return ", ".join(f"{name} = {value}" for name, value in params.items())
