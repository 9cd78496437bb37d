"""What a pipeline file may say about which rows are for what: `[splits]`, `[datasets.NAME]`."""

import datetime as dt
from pathlib import PurePath
from typing import Literal, Self

import pydantic
from pydantic import Field

from mlteam.config.settings import Settings

ColumnName = str
Split = Literal["train", "validation", "test"]
TABLE_FILE_SUFFIXES = (".csv", ".parquet", ".pq")


class Window(Settings):
    """A stretch of time; `until` is the first day after it."""

    start: dt.date = Field(alias="from")
    until: dt.date

    @pydantic.model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.until <= self.start:
            raise ValueError(f"until {self.until} must come after from {self.start}")
        return self


class TimeSplits(Settings):
    """Stretches of time that never overlap and come in this order, so that no model is evaluated on its past."""

    by: Literal["time"]
    train: Window
    validation: Window
    test: Window

    @pydantic.model_validator(mode="after")
    def _come_in_order(self) -> Self:
        for earlier, later in (("train", "validation"), ("validation", "test")):
            end, start = getattr(self, earlier).until, getattr(self, later).start
            if start < end:
                raise ValueError(f"{later} starts on {start}, before {earlier} ends on {end}")
        return self


class HashSplits(Settings):
    """Shares of the rows, drawn by a hash: of the key, or of a group whose rows must stay together."""

    by: Literal["key", "group"]
    column: ColumnName
    validation: float = Field(default=0.15, gt=0, lt=0.5)
    test: float = Field(default=0.15, gt=0, lt=0.5)


class DatasetSpec(Settings):
    """Further rows to evaluate a model on: those of a split for which `where` is true, or those of a file.

    Attributes:
        where: SQL over the columns of the rows.
        split: The split that they come from; another one than test may hold rows that the model was trained on.
        file: A CSV or Parquet file of the repository, with a column for each feature and one for the label.
    """

    where: str | None = Field(default=None, min_length=1)
    split: Split = "test"
    file: str | None = None

    @pydantic.model_validator(mode="after")
    def _rows_come_from_one_place(self) -> Self:
        if (self.where is None) == (self.file is None):
            raise ValueError("say either where, SQL that chooses among rows of a split, or file")
        if self.file is None:
            return self
        if self.split != "test":
            raise ValueError("split goes with where: no model learns from the rows of a file")
        # Both kinds of paths, so that a file is rejected on every machine or on none.
        path = PurePath(self.file)
        if path.is_absolute() or ".." in path.parts or self.file.startswith(("/", "\\", "~")) or ":" in self.file:
            raise ValueError(f"file {self.file!r} must be a path inside the repository")
        if path.suffix.lower() not in TABLE_FILE_SUFFIXES:
            raise ValueError(f"file {self.file!r} must end in {', '.join(TABLE_FILE_SUFFIXES)}")
        return self
