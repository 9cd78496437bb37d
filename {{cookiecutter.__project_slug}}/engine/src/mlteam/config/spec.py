"""What a pipeline file may say: frozen settings, in which an unknown key is an error."""

import re
from pathlib import Path
from typing import Any, Literal, Self, get_args

import pydantic
from pydantic import Field

from mlteam.config.operations import Gates, Monitoring, Serving
from mlteam.config.privacy import Privacy
from mlteam.config.schedule import Schedule
from mlteam.config.settings import Settings
from mlteam.config.splits import DatasetSpec, Split, Splits
from mlteam.config.tuning import Tuning
from mlteam.core.paths import PIPELINES

ColumnName = str
Task = Literal["binary", "multiclass", "regression"]


class Data(Settings):
    """Which rows, and which of their columns mean what.

    Attributes:
        relation: The table that dbt builds, as schema.table.
        key: Names a row; no two rows share it.
        time: When the row happened, where that is known.
        decided_at: SQL over the relation: the instant (UTC) at which a row's prediction is asked for; the beginning of
            its `time` where nothing is said.
        label: What is to be predicted; never missing.
        positive: Which of two labels the model gives the probability of; else the last in alphabetical order.
        known_after_event: Columns that must not be features.
        allowed_leaks: Features that give the label away and are allowed to, by the team's decision.
        licence: SPDX id of the data's licence.
        url: Where the data can be asked for.
    """

    relation: str = Field(pattern=r"^\w+\.\w+$")
    key: ColumnName
    time: ColumnName | None = None
    decided_at: str | None = Field(default=None, min_length=1)
    label: ColumnName
    positive: str | None = None
    known_after_event: tuple[ColumnName, ...] = ()
    allowed_leaks: tuple[ColumnName, ...] = ()
    licence: str = "unknown"
    url: str = "unknown"


class Features(Settings):
    """The columns that the model sees, in this order."""

    categorical: tuple[ColumnName, ...] = ()
    numeric: tuple[ColumnName, ...] = ()

    @property
    def names(self) -> tuple[ColumnName, ...]:
        """All features: categorical ones first."""
        return self.categorical + self.numeric


class ModelSpec(Settings):
    """A model class (`factory`, as `package.module:Class`), its random seed and its parameters."""

    factory: str = Field(pattern=r"^[a-z_][\w.]*:[A-Za-z_]\w*$")
    seed: int = 0
    params: dict[str, Any] = Field(default_factory=dict)


class Training(Settings):
    """Where a model is trained when its rows are too many for the memory or the cores of one process.

    Attributes:
        memory: "disk" keeps the training rows in files.
        workers: How many processes share the training rows.
        target: The Spark of sql/profiles.yml whose workers they are; else they run on this machine.
    """

    memory: Literal["ram", "disk"] = "ram"
    workers: int = Field(default=1, ge=1, le=1000)
    target: str | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other processes than this one train."""
        return self.workers > 1 or self.target is not None


class Evaluation(Settings):
    """How a model is evaluated.

    Attributes:
        primary: The metric that decides.
        metrics: All metrics that are computed.
        slices: The columns whose values are evaluated one by one.
        protected: The columns whose groups must not be treated differently without reason, such as sex or age; the
            report compares them, whether or not they are features.
        cluster: The column whose rows are resampled together; `row` for each row by itself. By default the day of
            splits by time and the group of splits by group.
        confidence: Of the intervals.
        resamples: Number of bootstrap resamples.
    """

    primary: str
    metrics: tuple[str, ...] = Field(min_length=1)
    slices: tuple[ColumnName, ...] = ()
    protected: tuple[ColumnName, ...] = ()
    cluster: ColumnName | None = None
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=200, ge=20)

    @pydantic.model_validator(mode="after")
    def _primary_is_computed(self) -> Self:
        if self.primary not in self.metrics:
            raise ValueError(f"primary is {self.primary!r}, which is not among metrics")
        return self


class Spec(Settings):
    """One model, from its data to its evaluation."""

    name: str
    description: str
    task: Task
    data: Data
    privacy: Privacy
    features: Features
    splits: Splits
    model: ModelSpec
    baseline: ModelSpec
    training: Training = Training()
    tune: Tuning = Tuning()
    evaluation: Evaluation
    datasets: dict[str, DatasetSpec] = Field(default_factory=dict)
    gates: Gates = Gates()
    serving: Serving = Serving()
    monitoring: Monitoring = Monitoring()
    schedule: Schedule = Field(default_factory=lambda: Schedule.model_validate({}))

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
        if self.splits.by == "time" and self.data.time is None:
            raise ValueError("splits by time need data.time")
        return self

    @pydantic.model_validator(mode="after")
    def _datasets_have_names_of_their_own(self) -> Self:
        for name in self.datasets:
            if name in get_args(Split) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"datasets.{name}: use small letters, digits and underscores, and no split's name")
        return self

    @property
    def evaluation_datasets(self) -> tuple[str, ...]:
        """The datasets that a model is evaluated on, the most important one first."""
        return ("test", "validation", *self.datasets)

    @property
    def path(self) -> Path:
        """The file that the spec was read from."""
        return PIPELINES / f"{self.name}.toml"


SPEC_FILE = "spec.json"
