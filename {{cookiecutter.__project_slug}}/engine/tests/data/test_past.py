"""Snapshots of the past: what a cut of the sources by hand gives, in whatever order they are taken."""

import datetime as dt
import json
import random
from pathlib import Path

import pytest
from conftest import edit, run_sql
from seeded import lay_out_project

from mlteam.commands.data import generate_data
from mlteam.commands.evaluate import evaluate_version
from mlteam.commands.train import train_version
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot, warehouse
from mlteam.data.past import take_past_snapshot

DAYS = [dt.datetime(2025, month, 1, tzinfo=dt.UTC) for month in (5, 6, 7)]
FEATURES = ("ok_amount", "ok_installment", "ok_bad_in_branch_before")


@pytest.fixture
def loans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """The loans of half a year; those whose end is not yet known are no rows."""
    monkeypatch.chdir(tmp_path)
    spec = lay_out_project("loans")
    (features,) = Path("sql/models/features").glob("loan_features.sql")
    edit(features, "window before as", "where l.defaulted is not null\nwindow before as")
    for old, new in (("2013-01-01", "2025-01-01"), ("2013-03-01", "2025-03-01"), ("2013-04-01", "2025-04-01")):
        edit(spec.path, old, new)
    edit(spec.path, "2013-06-01", "2026-01-01")
    edit(spec.path, 'by = ["carrier"]', 'by = ["ok_amount"]')
    warehouse.build(lambda _: None)
    spec = pipelines.load_spec(None)
    return spec.model_copy(update={"features": spec.features.model_copy(update={"numeric": FEATURES})})


def test_the_past_is_what_its_sources_gave(loans: Spec) -> None:
    now, past = snapshot.take(loans), take_past_snapshot(loans, DAYS[1])
    assert past.metadata["as_of"] == "2025-06-01 00:00:00"
    assert past.metadata["rows"] < now.metadata["rows"]
    assert [source["rows"] for source in past.metadata["sources"]] == [152 * 12]
    run_sql("""
        delete from bank.loans where issued > '2025-06-01';
        update bank.loans set defaulted = null where issued = '2025-06-01'
    """)
    warehouse.build(lambda _: None)
    same = snapshot.take(loans)
    assert same.digest == past.digest
    assert same.metadata["as_of"] is None, "what was the past is now the newest"
    assert same.metadata["created_at"] > now.metadata["created_at"]
    assert not list(Path("data/past").glob("*")), "nothing is left of the build"
    run_sql("delete from bank.loans where loan_id = 7")
    warehouse.build(lambda _: None)
    before = snapshot.load_previous(snapshot.take(loans))
    assert before is not None
    assert before.digest == same.digest


def test_the_store_has_the_newest_word_too(loans: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTEAM_STORE", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    past = take_past_snapshot(loans, DAYS[1])
    run_sql("""
        delete from bank.loans where issued > '2025-06-01';
        update bank.loans set defaulted = null where issued = '2025-06-01'
    """)
    warehouse.build(lambda _: None)
    same = snapshot.take(loans)
    assert same.digest == past.digest
    (shared,) = (tmp_path / "store").rglob("metadata.json")
    assert json.loads(shared.read_text(encoding="utf-8")) == same.metadata


def test_any_order_gives_the_same_snapshots_and_the_newest_stays(loans: Spec) -> None:
    now = snapshot.take(loans)
    days = [DAYS[0] + number * dt.timedelta(days=8) for number in range(10)]
    shuffled = random.Random(1).sample(days, len(days))  # noqa: S311 no secret
    orders = [{day: take_past_snapshot(loans, day).digest for day in order} for order in (days, shuffled)]
    assert orders[0] == orders[1]
    assert len({*orders[0].values(), now.digest}) == len(days) + 1
    assert snapshot.load_newest(loans.name).digest == now.digest
    run_sql("delete from bank.loans where loan_id = 7")
    warehouse.build(lambda _: None)
    previous = snapshot.load_previous(snapshot.take(loans))
    assert previous is not None
    assert previous.digest == now.digest, "one of the past is not the one before"


def test_later_values_are_missing_and_not_altered(loans: Spec) -> None:
    edit(Path("sql/models/sources.yml"), "known_after_event: true", "known_at: issued + interval 20 day")
    past = take_past_snapshot(loans, DAYS[0])
    (until,) = [column["max"] for column in past.metadata["columns"] if column["name"] == "issued"]
    assert until == "2025-04-11"


def test_what_cannot_be_taken_is_a_sentence(loans: Spec) -> None:
    with pytest.raises(ProjectError, match=r"split test .* has no rows"):
        take_past_snapshot(loans, dt.datetime(2025, 3, 20, tzinfo=dt.UTC))
    with pytest.raises(ProjectError, match=r"--as-of 2\d{3}-.* is in the future"):
        generate_data(loans, as_of=dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    declared = Path("sql/models/sources.yml")
    edit(declared, "config: {meta: {known_at: issued}}", "description: Loans.")
    edit(declared, "known_after_event: true", "unwatched: true")
    with pytest.raises(ProjectError, match=r"no source of features\.loan_features says when something becomes known"):
        take_past_snapshot(loans, DAYS[0])
    assert not list(Path("data").glob("snapshots/*/*")), "nothing half-written is left"


def test_a_dataset_of_later_days_is_left_out_of_the_evaluation(loans: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    loans.path.write_text(
        loans.path.read_text()
        + """
[datasets.july]
where = "issued >= date '2025-07-01'"
[datasets.april]
where = "issued < date '2025-05-01'"
"""
    )
    spec = pipelines.load_spec(None).model_copy(update={"features": loans.features})
    past = take_past_snapshot(spec, DAYS[1])
    snapshot.take(spec)
    page = evaluate_version(spec, train_version(spec, past))
    results = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert [found["dataset"] for found in results["datasets"]] == ["test", "validation", "april"]
    assert results["snapshot"] == past.digest
    assert "note: july: no rows as of 2025-06-01 00:00:00, so it is left out" in capsys.readouterr().out


def test_the_command_names_sources_of_any_time(loans: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    taken = generate_data(loans, as_of=DAYS[1])
    printed = capsys.readouterr().out
    assert f"snapshot {taken.folder} as of 2025-06-01T00:00:00: {taken.metadata['rows']:,} rows" in printed
    assert "without a known_at" not in printed
