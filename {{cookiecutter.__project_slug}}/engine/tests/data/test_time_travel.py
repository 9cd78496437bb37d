"""Seeded leaks in four projects are found and named; what is known in time raises no alarm."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import edit, run_sql
from seeded import lay_out_project

from mlteam.commands.time_travel import check_time_travel
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import time_travel
from mlteam.data.leak_report import LeakReport, find_report, make_report

NAMES = ("orders", "loans", "readings", "patients")
Travelled = tuple[Spec, LeakReport]


@pytest.fixture(scope="module", params=NAMES)
def travelled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Travelled]:
    """A project with its leaks, and what was found in it."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp(request.param))
    try:
        spec = lay_out_project(request.param)
        yield spec, make_report(spec, lambda _: None)
    finally:
        os.chdir(before)


def test_every_leak_is_named_and_nothing_else(travelled: Travelled) -> None:
    spec, report = travelled
    expected = {name for name in spec.features.names if name.startswith("leak_")}
    assert {leak.column for leak in report.leaks} == expected


@pytest.mark.parametrize("travelled", ["orders"], indirect=True)
def test_a_leak_is_told_with_rows_values_and_the_sql_that_carries_it(
    travelled: Travelled, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, report = travelled
    paths = {leak.column: leak.path for leak in report.leaks}
    assert paths["leak_season"] == ("order_features", "seasons", "week_returns", "day_returns", "shop.orders.returned")
    assert paths["leak_customer_return_rate"] == ("order_features", "customer_returns", "shop.orders.returned")
    with pytest.raises(ProjectError, match=r"leak_season.*uses what was not yet known"):
        check_time_travel(spec)
    said = capsys.readouterr().out
    assert "leak_season ← order_features ← seasons ← week_returns ← day_returns ← shop.orders.returned" in said
    assert "taken as known at any time, without a known_at: shop.products" in said
    leak = next(leak for leak in report.leaks if leak.column == "leak_customer_orders")
    assert f"leak_customer_orders differs in {leak.rows:,} rows, such as {leak.example}: {leak.full}" in said
    assert int(leak.known) < int(leak.full)


@pytest.mark.parametrize("travelled", ["patients"], indirect=True)
def test_the_result_is_kept_until_sql_rows_or_features_change(
    travelled: Travelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, report = travelled
    assert find_report(spec) == report
    with monkeypatch.context() as patched:
        patched.setattr(time_travel, "travel", lambda *_: pytest.fail("travelled twice"))
        assert make_report(spec, lambda _: None) == report
    fewer = spec.model_copy(update={"features": spec.features.model_copy(update={"numeric": ("ok_age",)})})
    assert find_report(fewer) is None
    model = Path("sql/models/features/clinics.sql")
    text = model.read_text()
    model.write_text(text + "-- changed\n")
    assert find_report(spec) is None
    model.write_text(text)
    assert find_report(spec) == report
    run_sql("update clinic.patients set age = age + 1 where patient_id = 7")
    assert find_report(spec) is None


@pytest.fixture
def loans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """The project of the loans, without its leaks."""
    monkeypatch.chdir(tmp_path)
    spec = lay_out_project("loans")
    known = tuple(name for name in spec.features.numeric if name.startswith("ok_"))
    return spec.model_copy(update={"features": spec.features.model_copy(update={"numeric": known})})


def test_what_cannot_be_read_is_a_sentence(loans: Spec) -> None:
    declared = Path("sql/models/sources.yml")
    text = declared.read_text()
    for old, new, says in (
        ("known_at: issued", "known_at: issued_at", "known_at of source bank.loans is not SQL over its columns"),
        ("name: defaulted", "name: default", "source bank.loans has no column 'default', whose known_at is declared"),
    ):
        edit(declared, old, new)
        with pytest.raises(ProjectError, match=says) as refused:
            make_report(loans, lambda _: None)
        assert refused.value.where == "sql/models/sources.yml"
        declared.write_text(text)
    late = loans.model_copy(update={"data": loans.data.model_copy(update={"decided_at": "due"})})
    with pytest.raises(ProjectError, match=r"data.decided_at is not SQL over features.loan_features") as refused:
        make_report(late, lambda _: None)
    assert refused.value.where == "pipelines/loans.toml"
    edit(Path("sql/models/features/stg_loans.sql"), "1 else 0", "1 else cast('none' as integer)")
    with pytest.raises(ProjectError, match="the SQL does not run on what was known at 20"):
        make_report(loans, lambda _: None)
    assert not list(Path("data/time_travel").glob(".*")), "nothing half-written is left"


def test_sources_without_a_time_are_named_and_nothing_is_promised(
    loans: Spec, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = Path("sql/models/sources.yml")
    edit(declared, "config: {meta: {known_at: issued}}", "description: Loans.")
    edit(declared, "known_after_event: true", "unwatched: true")
    report = check_time_travel(loans)
    assert report.cuts == ()
    assert report.unchecked == ("bank.loans",)
    assert "nothing to check: no source has a known_at" in capsys.readouterr().out


def test_rows_decided_later_in_the_day_may_know_more(loans: Spec) -> None:
    """A label that is known within the day is a leak for rows decided at its beginning, and none at its end."""
    edit(Path("sql/models/sources.yml"), "known_after_event: true", "known_at: issued + interval 6 hour")
    wider = loans.features.model_copy(update={"numeric": ("leak_bad_to_today",)})
    early = loans.model_copy(update={"features": wider})
    assert [leak.column for leak in make_report(early, lambda _: None).leaks] == ["leak_bad_to_today"]
    late = early.model_copy(update={"data": early.data.model_copy(update={"decided_at": "issued + interval 7 hour"})})
    assert make_report(late, lambda _: None).leaks == []


def test_a_source_that_is_not_here_is_a_sentence(loans: Spec) -> None:
    declared = Path("sql/models/sources.yml")
    edit(declared, "meta: {owner: data_engineer}", 'meta: {owner: ada, external_location: "data/raw/loans.parquet"}')
    with pytest.raises(ProjectError, match=r"source bank\.loans is not here") as refused:
        make_report(loans, lambda _: None)
    assert refused.value.where == "data/raw/loans.parquet"
