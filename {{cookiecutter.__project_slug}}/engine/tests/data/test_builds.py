"""A build is reused while nothing that it comes from has changed, and only then."""

import dataclasses
import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import edit, run_sql

from mlteam.commands import data
from mlteam.commands.new_pipeline import create_pipeline
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.paths import DBT_MANIFEST, DBT_RESULTS, WAREHOUSE
from mlteam.data import builds, loaders, snapshot, targets, warehouse
from mlteam.data.sources import load_sources
from mlteam.onboarding.plan import OnboardingRequest

FEATURES = Path("sql/models/features/orders_features.sql")
STAGING = Path("sql/models/staging/stg_orders.sql")
NOW = dt.datetime.now(dt.UTC)
REUSED = "the SQL was built and tested today"


@pytest.fixture
def orders(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A pipeline that `new_pipeline` has just built; SQL is not built a second time."""
    create_pipeline(OnboardingRequest("orders", "returned"), "orders.csv")
    monkeypatch.setattr(warehouse, "parse", lambda _: None)

    def fail(*_: object) -> set[str]:
        raise ProjectError("it is built again")

    monkeypatch.setattr(warehouse, "build", fail)
    return pipelines.load_spec(None)


def test_what_new_pipeline_has_built_is_not_built_again(orders: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot.load_newest("orders")
    os.utime(DBT_RESULTS, (0, 0))
    assert data.generate_data(orders) == before
    assert REUSED in capsys.readouterr().out
    # What the tests of dbt said is what they say now.
    assert DBT_RESULTS.stat().st_mtime > 0


def add_a_comment() -> None:
    edit(FEATURES, "select\n", "select  -- all\n")


def deliver_another_row() -> None:
    edit(Path("orders.csv"), "card", "gift")
    (source,) = load_sources()
    loaders.fetch_source(source)


def write_into_the_warehouse() -> None:
    run_sql("create table main.notes as select 1 as note")


def lose_the_warehouse() -> None:
    WAREHOUSE.unlink()


def wait_a_day() -> None:
    edit_record(lambda kept: kept | {"day": "2026-01-31"})


def update_a_library() -> None:
    edit_record(lambda kept: kept | {"libraries": kept["libraries"] | {"duckdb": "0.1"}})


def build_only_a_part() -> None:
    edit_record(lambda kept: kept | {"models": ["stg_orders"]})


def read_the_sql_for_another_engine() -> None:
    manifest = json.loads(DBT_MANIFEST.read_text(encoding="utf-8"))
    DBT_MANIFEST.write_text(json.dumps(manifest | {"metadata": {"adapter_type": "spark"}}), encoding="utf-8")


def edit_record(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    kept = json.loads(builds.KEPT.read_text(encoding="utf-8"))
    builds.KEPT.write_text(json.dumps(change(kept)), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        add_a_comment,
        deliver_another_row,
        write_into_the_warehouse,
        lose_the_warehouse,
        wait_a_day,
        update_a_library,
        build_only_a_part,
        read_the_sql_for_another_engine,
    ],
)
def test_it_is_built_again_after_a_change(orders: Spec, change: Callable[[], None]) -> None:
    change()
    with pytest.raises(ProjectError, match="it is built again"):
        data.generate_data(orders)


def test_it_is_built_again_when_rows_are_asked_for(orders: Spec) -> None:
    with pytest.raises(ProjectError, match="it is built again"):
        data.generate_data(orders, refresh=True)


@pytest.mark.parametrize(
    "expression",
    ["now()", "CURRENT_DATE", "random ( )", "uuid()", "(select max(x) from read_csv('x.csv'))", "(from 'x.csv')"],
)
def test_what_depends_on_time_or_place_is_built_each_time(orders: Spec, expression: str) -> None:
    edit(STAGING, "from source\n", f"from source  -- {expression}\n")
    builds.keep_build(["stg_orders", "orders_features"], ())
    assert builds.find_built_models() == {"stg_orders", "orders_features"}
    assert not builds.reuse_build(None, [], NOW)
    edit(STAGING, f"  -- {expression}", "")
    builds.keep_build(["stg_orders", "orders_features"], ())
    assert builds.reuse_build(None, [], NOW)


@pytest.mark.parametrize(("key", "value"), [("materialized", "incremental"), ("language", "python")])
def test_models_that_are_more_than_a_query_are_built_each_time(orders: Spec, key: str, value: str) -> None:
    manifest = json.loads(DBT_MANIFEST.read_text(encoding="utf-8"))
    for node in manifest["nodes"].values():
        (node if key == "language" else node["config"])[key] = value
    DBT_MANIFEST.write_text(json.dumps(manifest), encoding="utf-8")
    builds.keep_build(["stg_orders", "orders_features"], ())
    assert not builds.reuse_build(None, [], NOW)


@pytest.mark.parametrize(("days", "late"), [(0, False), (89, False), (91, True)])
def test_a_stale_source_is_left_to_dbt(orders: Spec, days: int, late: bool) -> None:
    (source,) = load_sources()
    assert source.late_after_hours == 24 * 90
    now = NOW + dt.timedelta(days=days)
    assert builds.reuse_build(None, [source], now) != late
    # Nobody knows how old a source is that does not say.
    assert not builds.reuse_build(None, [dataclasses.replace(source, loaded_at="gone")], now)


def test_two_pipelines_keep_what_the_other_has_built(shop: Path) -> None:
    for name in ("orders", "sales"):
        create_pipeline(OnboardingRequest(name, "returned"), "orders.csv")
    names = {"stg_orders", "orders_features", "stg_sales", "sales_features"}
    # The second one has changed the SQL, and the first one's is built again.
    assert builds.find_built_models() == {"stg_sales", "sales_features"}
    for name in ("orders", "sales"):
        data.build_tables(pipelines.load_spec(name), targets.load_target())
    assert builds.find_built_models() == names
