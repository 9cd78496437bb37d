"""Splits that move with the newest day, and rows that are in no split."""

import datetime as dt
import json

import pytest
from conftest import day, edit, run_sql
from typer.testing import CliRunner

from mlteam.cli.main import app
from mlteam.commands import train
from mlteam.commands.retrain import retrain_pipeline
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.config.splits import TimeSplits
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, snapshot, windows
from mlteam.data.splits import build_split_condition, describe_dataset

FIXED = """train = { from = 2013-01-01, until = 2013-03-01 }
validation = { from = 2013-03-01, until = 2013-04-01 }
test = { from = 2013-04-01, until = 2013-06-01 }
"""
MOVING = """train = "{train}"
validation = "20 days before"
test = "last 30 days"
"""
MORE_ROWS = """
insert into features.flights
select 'G' || i, date '2013-05-31' + cast(i // 10 as integer), 'YY', i % 24, 3, i % 24 > 12 from range({}) t (i)
"""


@pytest.fixture
def moving(spec: Spec) -> Spec:
    """The pipeline with windows that move."""
    edit(spec.path, FIXED, MOVING.format(train="all before"))
    return pipelines.load_spec(None)


def test_windows_end_with_the_newest_day_and_follow_it(moving: Spec) -> None:
    first = windows.fix_windows(moving, snapshot.take(moving)).splits
    assert isinstance(first, TimeSplits)
    # The rows run from the first of January until the thirtieth of May.
    assert (first.train.start, first.train.until) == (day(1, 1), day(4, 11))
    assert (first.validation.until, first.test.until) == (day(5, 1), day(5, 31))
    run_sql(MORE_ROWS.format(70))
    later = windows.fix_windows(moving, snapshot.take(moving)).splits
    assert isinstance(later, TimeSplits)
    assert (later.train.start, later.train.until, later.test.until) == (day(1, 1), day(4, 18), day(6, 7))


def test_a_window_may_be_as_long_as_it_was(spec: Spec) -> None:
    edit(spec.path, FIXED, MOVING.format(train="60 days before"))
    moving = pipelines.load_spec(None)
    taken = snapshot.take(moving)
    fixed = windows.fix_windows(moving, taken)
    assert isinstance(fixed.splits, TimeSplits)
    assert fixed.splits.train.start == day(4, 11) - dt.timedelta(days=60)
    assert "400 of 1,500 rows are in no split" in windows.describe_unsplit_rows(fixed, taken)
    windows.reject_unsplit_rows(fixed, taken)  # older rows are left out by intention


def test_a_version_keeps_the_days_that_it_was_trained_on(moving: Spec) -> None:
    version = train.train_version(moving, snapshot.take(moving))
    assert describe_dataset(version.spec, "train") == "train (2013-01-01 until 2013-04-11)"
    assert train.find_version_of_same_rows(windows.load_spec(None), snapshot.load_newest("flights")) == 1
    run_sql(MORE_ROWS.format(70))
    taken = snapshot.take(moving)
    assert train.find_version_of_same_rows(windows.fix_windows(moving, taken), taken) is None
    second = train.train_version(moving, taken)
    assert describe_dataset(second.spec, "train") == "train (2013-01-01 until 2013-04-18)"


def test_every_command_knows_the_days_of_the_newest_snapshot(moving: Spec) -> None:
    run = CliRunner().invoke
    assert describe_dataset(windows.load_spec(None), "test") == "test (last 30 days)"
    taken = snapshot.take(moving)
    assert describe_dataset(windows.load_spec(None), "test") == "test (2013-05-01 until 2013-05-31)"
    assert datasets.read_snapshot_rows(taken, windows.load_spec(None), "test").num_rows == 300
    for command in (["train"], ["evaluate"], ["mistakes"], ["history", "--rescore", "test"]):
        done = run(app, command)
        assert done.exit_code == 0, (command, done.output, done.exception)


def test_before_the_first_snapshot_it_says_what_to_run(moving: Spec) -> None:
    with pytest.raises(ProjectError, match="there is no snapshot yet"):
        build_split_condition(moving, "test")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"last 30 days"', '"30 days"', r'splits.test: write it as in "last 60 days"'),
        ('"20 days before"', '"last 20 days"', r'splits.validation: write it as in "30 days before"'),
        ('"all before"', '"0 days before"', r'splits.train: write it as in "300 days before"'),
        ('by = "time"', 'by = "month"', 'by must be "time", "key" or "group"'),
        ('time = "day"\n', "", "splits by time need data.time"),
    ],
)
def test_a_window_that_is_none_is_refused_with_its_line(moving: Spec, old: str, new: str, message: str) -> None:
    edit(moving.path, old, new)
    with pytest.raises(ProjectError, match=message) as refused:
        pipelines.load_spec(None)
    assert str(refused.value.where).startswith("pipelines/flights.toml:")


def test_windows_longer_than_the_rows_are_refused(moving: Spec) -> None:
    edit(moving.path, "last 30 days", "last 300 days")
    with pytest.raises(ProjectError, match="rows run from 2013-01-01 until 2013-05-30: no day is left"):
        snapshot.take(pipelines.load_spec(None))


def test_no_model_is_trained_where_most_new_rows_are_in_no_split(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    train.train_version(spec, snapshot.take(spec))
    run_sql(MORE_ROWS.format(500))
    taken = snapshot.take(spec)
    with pytest.raises(ProjectError, match=r"490 of 2,000 rows are in no split \(24%, at most 20% may be\)") as refused:
        train.train_version(spec, taken)
    assert refused.value.fix is not None
    assert "last 60 days" in refused.value.fix
    with monkeypatch.context() as patched:
        patched.setattr("mlteam.commands.data.generate_data", lambda *_, **__: taken)
        # The rows in the splits are the same: `retrain` must not say that there is nothing new.
        with pytest.raises(ProjectError, match="490 of 2,000 rows are in no split"):
            retrain_pipeline(spec)
    edit(spec.path, 'by = "time"', 'by = "time"\nunused = 0.3')
    train.train_version(pipelines.load_spec(None), taken)


def test_a_spec_of_an_earlier_edition_is_still_read(spec: Spec) -> None:
    stored = json.loads(spec.model_dump_json(by_alias=True))
    del stored["splits"]["unused"]
    assert Spec.model_validate(stored) == spec
