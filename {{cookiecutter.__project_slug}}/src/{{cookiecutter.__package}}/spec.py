"""What a pipeline file may say: frozen settings, in which an unknown key is an error."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import pydantic
from pydantic import Field

from .errors import ProjectError
from .operation import Gates, Monitoring, Serving
from .paths import PIPELINES
from .privacy import Privacy
from .search import Tune
from .selection import Dataset, HashSplits, Split, TimeSplits
from .settings import Settings, explain, suggest

Column = str
Task = Literal["binary", "multiclass", "regression"]


class Data(Settings):
    """Which rows, and which of their columns mean what.

    Attributes:
        relation: The table that dbt builds, as schema.table.
        key: Names a row; no two rows share it.
        time: When the row happened, where that is known.
        label: What is to be predicted; never missing.
        positive: Which of two labels the model gives the probability of; else the last in alphabetical order.
        known_after_event: Columns that must not be features.
        allowed_leaks: Features that give the label away and are allowed to, by the team's decision.
        licence: SPDX id of the data's licence.
        url: Where the data can be asked for.
    """

    relation: str = Field(pattern=r"^\w+\.\w+$")
    key: Column
    time: Column | None = None
    label: Column
    positive: str | None = None
    known_after_event: tuple[Column, ...] = ()
    allowed_leaks: tuple[Column, ...] = ()
    licence: str = "unknown"
    url: str = "unknown"


class Features(Settings):
    """The columns that the model sees, in this order."""

    categorical: tuple[Column, ...] = ()
    numeric: tuple[Column, ...] = ()

    @property
    def names(self) -> tuple[Column, ...]:
        """All features: categorical ones first."""
        return self.categorical + self.numeric


class Factory(Settings):
    """A class that makes a model, named `module:Class` inside this package, and its parameters."""

    factory: str = Field(pattern=r"^[a-z_][\w.]*:[A-Za-z_]\w*$")
    seed: int = 0
    params: dict[str, Any] = Field(default_factory=dict)


class Evaluation(Settings):
    """How a model is judged."""

    primary: str
    metrics: tuple[str, ...] = Field(min_length=1)
    slices: tuple[Column, ...] = ()
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=200, ge=20)

    @pydantic.model_validator(mode="after")
    def _primary_is_computed(self) -> Self:
        if self.primary not in self.metrics:
            raise ValueError(f"primary is {self.primary!r}, which is not among metrics")
        return self


class Spec(Settings):
    """One model, from its data to its judgement."""

    name: str
    description: str
    task: Task
    data: Data
    privacy: Privacy
    features: Features
    splits: Annotated[TimeSplits | HashSplits, Field(discriminator="by")]
    model: Factory
    baseline: Factory
    tune: Tune = Tune()
    evaluation: Evaluation
    datasets: dict[str, Dataset] = Field(default_factory=dict)
    gates: Gates = Gates()
    serving: Serving = Serving()
    monitoring: Monitoring = Monitoring()

    @pydantic.model_validator(mode="after")
    def _features_are_known_before_the_event(self) -> Self:
        names = self.features.names
        if not names:
            raise ValueError("features name no column")
        roles = {self.data.label: "the label", self.data.key: "the key"}
        roles |= dict.fromkeys(self.data.known_after_event, "known only after the event")
        for name in names:
            if name in roles:
                raise ValueError(f"feature {name!r} is {roles[name]}, so a model must not see it")
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"features name {', '.join(sorted(repeated))} twice")
        return self

    @pydantic.model_validator(mode="after")
    def _splits_have_their_column(self) -> Self:
        if isinstance(self.splits, TimeSplits) and self.data.time is None:
            raise ValueError("splits by time need data.time")
        return self

    @pydantic.model_validator(mode="after")
    def _datasets_have_names_of_their_own(self) -> Self:
        for name in self.datasets:
            if name in get_args(Split) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"datasets.{name}: use small letters, digits and underscores, and no split's name")
        return self

    @property
    def judged(self) -> tuple[str, ...]:
        """The datasets that a model is judged on, the most important one first."""
        return ("test", "validation", *self.datasets)

    @property
    def path(self) -> Path:
        """The file that the spec was read from."""
        return PIPELINES / f"{self.name}.toml"


def names() -> list[str]:
    """The pipelines of this repository, in alphabetical order."""
    return sorted(path.stem for path in PIPELINES.glob("*.toml"))


def choose(name: str | None, overrides: Sequence[str] = ()) -> Spec:
    """Read the pipeline called `name`, or the only one there is.

    Args:
        name: The pipeline.
        overrides: Settings that stand above the file, such as "model.params.max_depth=4".
    """
    known = names()
    if not known:
        raise ProjectError(
            "no pipeline yet",
            where=f"{PIPELINES}/",
            fix="bring a table: `nox -s new_pipeline -- NAME --table FILE --label COLUMN`",
        )
    if name is None and len(known) > 1:
        raise ProjectError(f"which pipeline? there are {', '.join(known)}", fix=f"add --pipeline {known[0]}")
    wanted = name or known[0]
    if wanted not in known:
        raise ProjectError(f"there is no pipeline {wanted!r}", where=f"{PIPELINES}/", fix=suggest(wanted, known))
    return read(PIPELINES / f"{wanted}.toml", overrides)


def read(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read one pipeline file, with settings that stand above it.

    Raises:
        ProjectError: The file is not TOML, or says something that a spec does not know; names the line.
    """
    text = path.read_text(encoding="utf-8")
    try:
        return Spec.model_validate(_overridden({"name": path.stem, **tomllib.loads(text)}, overrides))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ProjectError(
            f"not TOML: {error}", where=f"{path}:{line[1] if line else 1}", fix="mend the line"
        ) from None
    except pydantic.ValidationError as error:
        raise explain(error, path) from None


def _overridden(settings: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The settings with each `dotted.key=value` set; a value is TOML, or else a text."""
    for override in overrides:
        dotted, separator, value = override.partition("=")
        if not separator:
            raise ProjectError(f"--set {override!r} has no value", fix="say --set model.params.max_depth=4")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        *tables, key = dotted.strip().split(".")
        inner = settings
        for table in tables:
            inner = inner.setdefault(table, {})
            if not isinstance(inner, dict):
                raise ProjectError(f"--set {dotted}: {table} is no table", fix="say --set model.params.max_depth=4")
        inner[key] = parsed
    return settings
