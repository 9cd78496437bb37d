"""Sources come again: new rows replace the rows before, and worse ones do not."""

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest
from conftest import edit, run_sql
from typer.testing import CliRunner

from mlteam.cli.main import app
from mlteam.commands import data, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import loaders, snapshot, warehouse
from mlteam.data.refresh import needs_fetch
from mlteam.data.sources import Source, load_sources
from mlteam.registry import versions

NOW = dt.datetime.now(dt.UTC)
SOURCES = """
sources:
  - name: shop
    loader: mlteam.data.loaders:load_file
    config:
      freshness: {warn_after: {count: 1, period: day}, error_after: {count: 9, period: day}}
      meta: {owner: ada, external_location: "data/raw/{identifier}.parquet"}
    tables:
      - name: orders
        config: {meta: {origin: upstream.parquet, known_at: placed}}
"""
ROWS = """
    select i as id, i * 2.0::double as amount, timestamp '2025-01-01' + to_days(cast(i as integer)) as placed
    from range({}) t (i)
"""
ALL = f"({ROWS.format(100)})"


def deliver(query: str) -> None:
    """Put rows where the upstream system has them."""
    duckdb.sql(f"copy ({query}) to 'upstream.parquet'")


@pytest.fixture
def source(project: Path) -> Source:
    """A source that was fetched once."""
    Path("sql/models").mkdir()
    Path("sql/models/sources.yml").write_text(SOURCES)
    Path("data/raw").mkdir()
    deliver(ROWS.format(100))
    (declared,) = load_sources()
    loaders.fetch_source(declared)
    return declared


def count_rows() -> int:
    return int(pyarrow.parquet.read_metadata("data/raw/orders.parquet").num_rows)


def test_a_source_is_fetched_when_it_is_missing_old_or_asked_for(source: Source) -> None:
    assert not needs_fetch(source, NOW, refresh=False)
    assert needs_fetch(source, NOW, refresh=True)
    assert not needs_fetch(source, NOW + dt.timedelta(hours=23), refresh=False)
    assert needs_fetch(source, NOW + dt.timedelta(hours=25), refresh=False)
    assert source.location
    source.location.unlink()
    assert needs_fetch(source, NOW, refresh=False)


def test_what_somebody_else_delivers_is_never_fetched(source: Source) -> None:
    edit(Path("sql/models/sources.yml"), "    loader: mlteam.data.loaders:load_file\n", "")
    (declared,) = load_sources()
    assert not needs_fetch(declared, NOW + dt.timedelta(days=99), refresh=True)


def test_new_rows_take_the_place_of_those_before(source: Source) -> None:
    """Also with other widths and units, which SQL casts."""
    widths = "id::integer as id, (amount::integer)::bigint as amount, placed::timestamp_s as placed"
    deliver(f"select {widths} from ({ROWS.format(130)})")
    loaders.fetch_source(source)
    assert count_rows() == 130


WORSE = {
    "a renamed column": (f"select id, amount as price, placed from ({ROWS.format(100)})", "column 'amount' is gone"),
    "another type": (
        f"select id, amount::varchar as amount, placed from ({ROWS.format(100)})",
        "is string, not double",
    ),
    "half the rows": (ROWS.format(49), "49 rows came, 100 were there"),
    "the rows twice": (f"{ROWS.format(100)} union all {ROWS.format(100)}", "each row came twice: 100 of 200"),
    "rows of the future": (
        f"select * replace (placed + interval 9 year as placed) from ({ROWS.format(100)})",
        "future",
    ),
}


@pytest.mark.parametrize("name", WORSE)
def test_a_worse_delivery_is_refused_and_the_rows_before_stay(source: Source, name: str) -> None:
    query, expected = WORSE[name]
    assert source.location
    before = source.location.read_bytes()
    deliver(query)
    with pytest.raises(ProjectError, match=expected) as refused:
        loaders.fetch_source(source)
    assert "delete the file and run `nox -s data`" in refused.value.fix
    assert source.location.read_bytes() == before
    assert [path.name for path in Path("data/raw").iterdir()] == ["orders.parquet"]
    source.location.unlink()
    loaders.fetch_source(source)
    assert source.location.exists(), "what came may be accepted"


def test_an_old_source_that_cannot_be_fetched_is_used_until_it_is_stale(
    source: Source, spec: Spec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warehouse, "parse", lambda _: None)
    monkeypatch.setattr(warehouse, "build", lambda *_: set())
    query = "select * replace (timestamp '2026-01-01' as _loaded_at) from 'data/raw/orders.parquet'"
    duckdb.sql(f"copy ({query}) to 'old.parquet'")
    Path("old.parquet").replace("data/raw/orders.parquet")
    Path("upstream.parquet").unlink()
    assert data.generate_data(spec).metadata["rows"] == 1500
    assert "note: shop.orders is old and was not fetched again: there is no such file" in capsys.readouterr().out
    with pytest.raises(ProjectError, match="there is no such file"):
        data.generate_data(spec, refresh=True)


def test_rows_in_no_split_are_counted(
    spec: Spec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warehouse, "parse", lambda _: None)
    monkeypatch.setattr(warehouse, "build", lambda *_: set())
    data.generate_data(spec)
    assert "in no split" not in capsys.readouterr().out
    edit(spec.path, "until = 2013-06-01", "until = 2013-05-01")
    data.generate_data(pipelines.load_spec(None))
    assert "note: 300 of 1,500 rows are in no split; see [splits] in pipelines/flights.toml" in capsys.readouterr().out


def test_retrain_makes_no_candidate_of_the_same_rows(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "parse", lambda _: None)
    monkeypatch.setattr(warehouse, "build", lambda *_: set())
    train.train_version(spec, snapshot.take(spec))
    run = CliRunner().invoke(app, ["retrain", "--no-log"])
    assert "nothing new to learn: version 1 was trained on the same rows" in " ".join(run.stdout.split()), run.output
    assert len(versions.list_versions(spec)) == 1
    # Rows that no split learns from change nothing.
    later = "select id || 'x', date '2014-01-01', carrier, hour, wind, late from features.flights"
    run_sql(f"insert into features.flights {later}")
    assert train.find_version_of_same_rows(spec, snapshot.take(spec)) == 1
    run_sql("update features.flights set wind = 1 where id = 'F5'")
    assert train.find_version_of_same_rows(spec, snapshot.take(spec)) is None
    edit(spec.path, "rounds = 30", "rounds = 31")
    changed, newest = pipelines.load_spec(None), snapshot.load_newest("flights")
    assert train.find_version_of_same_rows(changed, newest) is None
