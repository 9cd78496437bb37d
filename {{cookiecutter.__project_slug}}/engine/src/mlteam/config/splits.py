"""What a pipeline file may say about which rows are for what: `[splits]`, `[datasets.NAME]`."""

import datetime as dt
import itertools
import re
from functools import partial
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self, get_args

import pydantic
from pydantic import AfterValidator, Discriminator, Field, Tag

from mlteam.config.settings import Settings

ColumnName = str
Split = Literal["train", "validation", "test"]
TABLE_FILE_SUFFIXES = (".csv", ".parquet", ".pq")


def _match(pattern: str, example: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(f"write it as in {example}, or each split as {{ from = 2013-01-01, until = 2013-10-01 }}")
    return text


def _count_days(text: str) -> int:
    return int("".join(filter(str.isdigit, text)))


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
    """Stretches of time that never overlap and come in this order, so that no model is evaluated on its past.

    Attributes:
        by: They are split by `data.time`.
        train: What a model learns from.
        validation: What decides when training stops.
        test: What a model is evaluated on.
        unused: Largest share of the rows that may be in no split.
    """

    by: Literal["time"]
    train: Window
    validation: Window
    test: Window
    unused: float = Field(default=0.2, ge=0, le=1)

    @pydantic.model_validator(mode="after")
    def _come_in_order(self) -> Self:
        for earlier, later in (("train", "validation"), ("validation", "test")):
            end, start = getattr(self, earlier).until, getattr(self, later).start
            if start < end:
                raise ValueError(f"{later} starts on {start}, before {earlier} ends on {end}")
        return self


class MovingSplits(Settings):
    """Stretches of time that move with the newest day of the rows, which is the last one of the test.

    Attributes:
        by: They are split by `data.time`.
        train: The days before the validation, as in "300 days before", or "all before".
        validation: The days before the test, as in "30 days before".
        test: The last days, as in "last 60 days".
    """

    by: Literal["time"]
    train: Annotated[str, AfterValidator(partial(_match, r"(all|[1-9]\d* days?) before", '"300 days before"'))]
    validation: Annotated[str, AfterValidator(partial(_match, r"[1-9]\d* days? before", '"30 days before"'))]
    test: Annotated[str, AfterValidator(partial(_match, r"last [1-9]\d* days?", '"last 60 days"'))]

    def fix(self, oldest: dt.date, newest: dt.date) -> TimeSplits:
        """Return the stretches for rows of these days.

        Raises:
            ValueError: No day is left to train on.
        """
        end = newest + dt.timedelta(days=1)
        test = end - dt.timedelta(days=_count_days(self.test))
        validation = test - dt.timedelta(days=_count_days(self.validation))
        train = oldest if self.train == "all before" else validation - dt.timedelta(days=_count_days(self.train))
        ends = [max(train, oldest), validation, test, end]
        windows = [Window.model_validate({"from": a, "until": b}) for a, b in itertools.pairwise(ends)]
        # Rows that are older than the training are left out by intention.
        return TimeSplits(by="time", train=windows[0], validation=windows[1], test=windows[2], unused=1)


class HashSplits(Settings):
    """Shares of the rows, drawn by a hash: of the key, or of a group whose rows must stay together."""

    by: Literal["key", "group"]
    column: ColumnName
    validation: float = Field(default=0.15, gt=0, lt=0.5)
    test: float = Field(default=0.15, gt=0, lt=0.5)


def _name_kind(splits: Any) -> str | None:
    """Return which kind of splits a table, or an object, is."""
    if not isinstance(splits, dict):
        return "moving" if isinstance(splits, MovingSplits) else "time" if isinstance(splits, TimeSplits) else "hash"
    moves = any(isinstance(splits.get(name), str) for name in get_args(Split))
    return {"time": "moving" if moves else "time", "key": "hash", "group": "hash"}.get(str(splits.get("by")))


Splits = Annotated[
    Annotated[TimeSplits, Tag("time")] | Annotated[MovingSplits, Tag("moving")] | Annotated[HashSplits, Tag("hash")],
    Discriminator(_name_kind, "splits", 'by must be "time", "key" or "group"'),
]


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
