import datetime as dt
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet
import pytest
from conftest import edit

from {{ cookiecutter.__package }} import compare, history, know, launches, snapshot, steps
from {{ cookiecutter.__package }} import spec as specs
from {{ cookiecutter.__package }}.errors import ProjectError
from {{ cookiecutter.__package }}.registry import Version
from {{ cookiecutter.__package }}.spec import Spec


def test_the_better_of_two_versions_is_told_with_the_numbers(spec: Spec, version: Version, shallow: Version) -> None:
    result = compare.compare(spec, shallow, version, "test")
    assert result.verdict("roc_auc").startswith("version 1 is better than version 2 by roc_auc: +0.")
    back = compare.compare(spec, version, shallow, "test")
    assert back.verdict("roc_auc").startswith("version 2 is worse than version 1 by roc_auc: -0.")
    keys = {key for key, _, _ in result.differences}
    assert {"model.params.max_depth", "model.params.rounds"} <= keys
    assert set(result.seen.values()) == {0}


def test_a_comparison_is_drawn(spec: Spec, version: Version, shallow: Version) -> None:
    know.beside(spec, "2", "1", "test", None)
    page = Path("data/reports/flights-v2-v1-compare-test.html").read_text()
    assert "version 1 is better than version 2 by roc_auc" in page
    assert page.count("<svg") == len(spec.evaluation.metrics) + 1
    assert "carrier" in page
    assert "model.params.max_depth" in page


def test_a_version_and_its_twin_cannot_be_told_apart(spec: Spec, version: Version) -> None:
    twin = steps.train(spec, snapshot.newest("flights"))
    result = compare.compare(spec, version, twin, "test")
    assert result.verdict("roc_auc").startswith("version 2 and version 1 cannot be told apart")
    assert result.differences == []


def test_rows_that_a_version_has_learned_from_are_counted(spec: Spec, version: Version, shallow: Version) -> None:
    result = compare.compare(spec, shallow, version, "train")
    assert result.seen == {1: 590, 2: 590}


def test_the_version_of_a_day_is_the_last_one_until_then(spec: Spec, version: Version, shallow: Version) -> None:
    today = dt.datetime.now(dt.UTC).date()
    assert compare.as_of(spec, today) == ("2", f"was registered last until {today}; nothing was launched by then")
    with pytest.raises(ProjectError, match="had no version on"):
        compare.as_of(spec, today - dt.timedelta(days=300))


def launched(spec: Spec, number: int, at: dt.datetime, kind: Literal["launch", "rollback"] = "launch") -> None:
    """Keep the record of a launch that happened at some moment."""
    record = launches.Record(at=at, kind=kind, version=number, folder="1-x", by="ada", reason="better")
    launches.write(spec, record)


def test_the_version_of_a_day_is_the_champion_of_that_day(
    spec: Spec, version: Version, shallow: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    today, one = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    launched(spec, 2, today - 300 * one)
    launched(spec, 1, today - 200 * one)
    launched(spec, 2, today - 100 * one, "rollback")
    for days, number in ((299, "2"), (200, "1"), (101, "1"), (100, "2"), (0, "2")):
        day = (today - days * one).date()
        assert compare.as_of(spec, day) == (number, f"was the champion on {day}")
    with pytest.raises(ProjectError, match="had no version on"):
        compare.as_of(spec, (today - 301 * one).date())
    know.beside(spec, "", "candidate", "test", (today - 150 * one).date())
    assert f"version 1 was the champion on {(today - 150 * one).date()}" in capsys.readouterr().out


def test_the_champion_of_a_day_that_is_todays_candidate_is_named(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match=r"both are version 1: it was registered .*, and is the candidate"):
        know.beside(spec, "", "candidate", "test", dt.datetime.now(dt.UTC).date())


def test_lists_that_differ_show_by_what(spec: Spec, version: Version) -> None:
    edit(spec.path, 'numeric = ["hour", "wind"]', 'numeric = ["hour"]')
    without = steps.train(specs.choose(None), snapshot.newest("flights"))
    result = compare.compare(spec, version, without, "test")
    assert result.differences == [("features.numeric", "wind", "")]


def test_history_keeps_every_evaluation(spec: Spec, version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        steps.evaluate(spec, version)
    rows = history.recorded(spec)
    assert len(rows) == 2 * 2 * 4
    page = know.over_time(spec, None)
    assert pyarrow.parquet.read_table(page.with_suffix(".parquet")).num_rows == 16
    assert page.read_text().count("<svg") == 2 * 4
    assert "<script" not in page.read_text()


def test_all_versions_are_scored_on_the_same_rows_and_a_lost_one_says_so(
    spec: Spec, version: Version, shallow: Version
) -> None:
    rows = history.rescored(spec, "test")
    values = {row["version"]: row["value"] for row in rows if row["metric"] == "roc_auc"}
    assert values[1] > values[2]
    (file,) = Path("data/artifacts").rglob(f"{version.run}/**/model.ubj")
    file.unlink()
    lost = next(row for row in history.rescored(spec, "test") if row["version"] == 1)
    assert lost["undefined"] == "the model's files are not those that were registered"
    assert np.isfinite(next(row for row in history.rescored(spec, "test") if row["version"] == 2)["value"])


def test_nothing_evaluated_yet_says_what_to_run(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match="has no evaluation yet\nrun `nox -s evaluate`"):
        history.recorded(spec)
