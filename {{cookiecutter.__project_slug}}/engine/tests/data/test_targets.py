"""Targets of sql/profiles.yml: which engine builds, what it needs, and what its messages never show."""

from pathlib import Path

import pytest
import sqlglot
import yaml
from conftest import edit

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import rebuild, servers, snapshot, sources, targets, warehouse
from mlteam.data.targets import PROFILES, Target

PROD = """
    prod:
      type: postgres
      host: "{{ env_var('WAREHOUSE_HOST') }}"
      port: "{{ env_var('WAREHOUSE_PORT', '5432') | as_number }}"
      user: "{{ env_var('WAREHOUSE_USER') }}"
      password: "{{ env_var('WAREHOUSE_PASSWORD') }}"
      dbname: shop
      schema: public
"""
SOURCES = """
sources:
  - name: shop
    config: {meta: {owner: ada, external_location: "data/raw/{identifier}.parquet"}}
    tables: [{name: orders}]
"""


@pytest.fixture
def profiles(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's profiles with a second target, whose libraries are said to be there."""
    with PROFILES.open("a") as file:
        file.write(PROD.lstrip("\n"))
    monkeypatch.setattr(targets, "LIBRARIES", dict.fromkeys(targets.LIBRARIES, ("json",)))
    monkeypatch.delenv(targets.TARGET_VARIABLE, raising=False)
    monkeypatch.delenv("PGTZ", raising=False)
    Path("sql/models").mkdir(exist_ok=True)
    sources.SOURCES_FILE.write_text(SOURCES)
    return PROFILES


def test_a_target_is_named_by_option_by_variable_or_by_the_profile(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert targets.load_target().name == "dev"
    assert targets.load_target().is_local
    monkeypatch.setenv(targets.TARGET_VARIABLE, "prod")
    assert not targets.load_target().is_local
    assert targets.load_target("dev").is_local


@pytest.mark.parametrize(
    ("old", "new", "name", "message"),
    [
        ("prod:", "prod:", "prd", "there is no target 'prd'\ndid you mean 'prod'?"),
        (
            "type: postgres",
            "type: oracle",
            "prod",
            "target prod has type 'oracle'\nknown: duckdb, postgres, spark, bigquery, snowflake",
        ),
    ],
)
def test_a_target_that_cannot_be_used_is_named(profiles: Path, old: str, new: str, name: str, message: str) -> None:
    edit(profiles, old, new)
    with pytest.raises(ProjectError) as refused:
        targets.load_target(name)
    assert str(refused.value) == f"sql/profiles.yml: {message}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"warehouse:\n  target: dev\n outputs: [\n", "sql/profiles.yml:3: not YAML"),
        ("warehouse: {}".encode("utf-16"), "sql/profiles.yml:1: not YAML"),
        (b"", "it lacks the profile warehouse"),
        (b"warehouse: 1\n", "it lacks the profile warehouse"),
        (b"warehouse: {outputs: {}}\n", "it lacks the profile warehouse"),
        (b"warehouse: {outputs: {dev: duckdb}}\n", "it lacks the profile warehouse"),
        (b"warehouse: {outputs: {dev: {type: duckdb}}}\n", "there is no target 'default'"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_profile_is_named(profiles: Path, content: bytes | None, said: str) -> None:
    profiles.unlink()
    if content is not None:
        profiles.write_bytes(content)
    with pytest.raises(ProjectError) as refused:
        targets.load_target()
    assert said in str(refused.value)


@pytest.mark.parametrize("content", ["sources: 1\n", "sources: [1]\n", "- 1\n", "sources: [{name: a, tables: 3}]\n"])
def test_sources_of_another_form_are_named(profiles: Path, content: str) -> None:
    sources.SOURCES_FILE.write_text(content)
    with pytest.raises(ProjectError, match="the sources are not tables"):
        sources.load_sources()


def test_a_missing_library_says_what_to_install(profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "LIBRARIES", {"postgres": ("json", "no_such.driver")})
    with pytest.raises(ProjectError, match=r"needs no_such.driver, which is not installed\nrun `uv add") as refused:
        targets.load_target("prod")
    assert '"mlteam[postgres]"' in str(refused.value)


def test_the_address_takes_variables_and_messages_never_show_the_password(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = targets.load_target("prod")
    for name, value in (("HOST", "db.example.org"), ("USER", "ada"), ("PASSWORD", "s/cr@t")):
        with pytest.raises(ProjectError, match=f"needs the environment variable WAREHOUSE_{name}"):
            servers.build_postgres_address(target)
        monkeypatch.setenv(f"WAREHOUSE_{name}", value)
    address, shown = servers.build_postgres_address(target)
    assert address.startswith("postgresql://ada:")
    assert address.removeprefix("postgresql://ada:") == "s%2Fcr%40t@db.example.org:5432/shop"
    assert shown == "postgresql://ada@db.example.org:5432/shop"


def test_another_engine_reads_its_own_tables_and_no_file(profiles: Path) -> None:
    (here,) = sources.load_sources(targets.load_target("dev"))
    (there,) = sources.load_sources(targets.load_target("prod"))
    assert (here.location, here.relation) == (
        Path("data/raw/orders.parquet"),
        "read_parquet('data/raw/orders.parquet')",
    )
    assert (there.location, there.relation) == (None, '"shop"."orders"')


def test_what_reads_the_warehouse_goes_by_the_target_that_built_it_last(profiles: Path) -> None:
    assert sources.load_sources()[0].location
    targets.keep_built_target(targets.load_target("prod"))
    assert sources.load_sources()[0].location is None
    targets.keep_built_target(targets.load_target("dev"))
    assert sources.load_sources()[0].location


def test_the_warehouse_here_keeps_its_settings_beside_another_target(spec: Spec, profiles: Path) -> None:
    edit(profiles, "target: dev", "target: prod")
    with warehouse.connect() as connection:
        assert connection.sql("select current_setting('TimeZone')").fetchall() == [("UTC",)]
    assert snapshot.take(spec).metadata["rows"] == 1500


def test_a_rebuild_knows_nothing_of_the_other_engine(profiles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    copy = rebuild.copy_sql_project(folder)
    profile = yaml.safe_load((copy / "profiles.yml").read_text())["warehouse"]
    assert (profile["target"], list(profile["outputs"])) == ("dev", ["dev"])
    assert profile["outputs"]["dev"]["path"] == str(folder / "warehouse.duckdb")


def test_the_zone_of_a_role_changes_no_time(profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    assert isinstance(targets.load_target("prod"), Target)
    assert os.environ["PGTZ"] == "UTC"


@pytest.mark.parametrize(
    ("kind", "columns", "rows"),
    [
        (
            "bigquery",
            "from `shop`.INFORMATION_SCHEMA.COLUMNS where table_schema = 'shop' and table_name = 'orders'",
            "select `id`, cast(`Amount` as float64) as `Amount` from `shop`.`orders`",
        ),
        (
            "snowflake",
            "from information_schema.columns where table_schema = 'SHOP' and table_name = 'ORDERS'",
            'select "ID" as "id", "Amount" from "SHOP"."ORDERS"',
        ),
    ],
)
def test_a_table_is_asked_for_in_the_words_of_its_server(kind: str, columns: str, rows: str) -> None:
    server = servers.SERVERS[kind]
    first = {"bigquery": "id", "snowflake": "ID"}[kind]
    assert server.list_columns("shop", "orders") == f"select column_name, data_type {columns} order by ordinal_position"
    assert server.select_columns("shop", "orders", [(first, "INT64"), ("Amount", "NUMERIC")]) == rows
    for query in (server.list_columns("shop", "orders"), rows):
        sqlglot.parse_one(query, dialect=kind)


def test_drivers_are_told_what_the_profile_says_and_nothing_that_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "s/cr@t")
    settings = {"account": "org-one", "user": "ada", "password": "{{ env_var('WAREHOUSE_PASSWORD') }}"}
    target = Target("prod", "snowflake", settings | {"database": "db"})
    told = servers.build_snowflake_options(target)
    assert (told["username"], told["password"]) == ("ada", "s/cr@t")
    assert (told["adbc.snowflake.sql.account"], told["adbc.snowflake.sql.db"]) == ("org-one", "db")
    assert "adbc.snowflake.sql.role" not in told
    assert servers.SERVERS["snowflake"].describe(target) == "Snowflake, account org-one"
    target = Target("prod", "bigquery", {"project": "shop-1", "location": "EU"})
    options = {"adbc.bigquery.sql.project_id": "shop-1", "adbc.bigquery.sql.location": "EU"}
    assert servers.build_bigquery_options(target) == options
