"""What a project for each warehouse has, and its SQL in the words of engines that cannot be run here."""

import shutil
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import baking
import duckdb
import jinja2
import pytest
import sqlglot
import yaml

ENGINES = [kind for kind in baking.CHOICES["warehouse"] if kind != "duckdb"]


def read_target(project: Path) -> dict[str, object]:
    profile = yaml.safe_load((project / "sql" / "profiles.yml").read_text(encoding="utf-8"))["warehouse"]
    assert profile["target"] == "dev"
    return dict(profile["outputs"].get("prod", {}))


def test_a_project_of_its_own_warehouse_alone_has_no_other_target(fresh: Path) -> None:
    assert read_target(fresh) == {}
    assert tomllib.loads((fresh / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"] == ["mlteam"]


@pytest.mark.parametrize("kind", ENGINES)
def test_a_project_for_an_engine_has_its_target_packages_and_dialect(
    bake: baking.Bake, tmp_path: Path, kind: str
) -> None:
    project = bake(tmp_path, warehouse=kind)
    target = read_target(project)
    assert target.pop("type") == kind
    # Nothing secret is in the file: what connects comes from the environment.
    assert all(
        "env_var" in str(target[key]) for key in {"user", "password", "account", "project", "dbname"} & set(target)
    )
    extras = tomllib.loads((project / "engine" / "pyproject.toml").read_text("utf-8"))["project"]
    dependencies = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert dependencies == [f"mlteam[{kind}]"]
    assert kind in extras["optional-dependencies"]
    # As new_pipeline adds it.
    brought = project / "engine" / "src" / "mlteam" / "onboarding" / "templates" / "brought_tables.sql"
    shutil.copy(brought, project / "sql" / "macros" / brought.name)
    linted = baking.run(baking.tool("sqlfluff"), "lint", "--disable-progress-bar", "sql", cwd=project)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert f'"type": "{kind}"' in (project / ".sqlfluff").read_text(encoding="utf-8")


def render_models(project: Path, kind: str) -> dict[str, str]:
    """Render the SQL of each model as dbt does for an engine, in the order of their references."""
    macros = "".join(path.read_text(encoding="utf-8") for path in sorted(project.glob("sql/macros/*.sql")))
    queries, needs = {}, {}
    for path in project.glob("sql/models/*/*.sql"):
        read: set[str] = set()

        def refer(name: str, read: set[str] = read) -> str:
            read.add(name)
            return name

        environment = jinja2.Environment(autoescape=False)  # noqa: S701 it renders SQL
        template = environment.from_string(macros + path.read_text(encoding="utf-8"))
        context = {"ref": refer, "source": lambda _, table: f"raw_{table}", "target": {"type": kind}}
        queries[path.stem] = template.render(**context)
        needs[path.stem] = read
    return {name: queries[name] for name in TopologicalSorter(needs).static_order()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgres", "bigquery", "snowflake"])
def test_the_sql_of_engines_that_are_not_here_gives_the_same_features(
    demonstrated: tuple[Path, str], kind: str
) -> None:
    """Translated back by sqlglot; it leaves Spark's day of the week as it is, and Spark itself is tested."""
    project, _ = demonstrated
    features = []
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for file in (project / "data" / "raw").glob("*.parquet"):
            connection.read_parquet(str(file)).create(f"raw_{file.stem}")
        for engine in ("duckdb", kind):
            for name, query in render_models(project, engine).items():
                (translated,) = sqlglot.transpile(query, read=engine, write="duckdb")
                connection.sql(translated).create(f"{engine}_{name}")
                connection.execute(f"create or replace view {name} as from {engine}_{name}")
            features.append(connection.table(f"{engine}_flight_features"))
        here, there = features
        assert here.columns == there.columns
        assert here.except_(there).fetchall() == there.except_(here).fetchall() == []
        assert here.shape == there.shape
        assert here.shape[0] > 300_000


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("kind", ["bigquery", "snowflake"])
def test_dbt_reads_the_project_for_an_engine_that_is_not_here(bake: baking.Bake, tmp_path: Path, kind: str) -> None:
    project = bake(tmp_path, warehouse=kind)
    names = ("ACCOUNT", "DATABASE", "NAME", "PROJECT", "USER")
    env = baking.fresh_machine() | {f"WAREHOUSE_{name}": "nobody" for name in names}
    folders = ("--project-dir", "sql", "--profiles-dir", "sql", "--target", "prod")
    # BigQuery's adapter wants credentials before it compiles.
    offline = () if kind == "bigquery" else (("compile", "--no-populate-cache", "--no-introspect"),)
    for words in (("sync", "--quiet"), *(("run", "dbt", *command, *folders) for command in (("parse",), *offline))):
        done = baking.run(sys.executable, "-m", "uv", *words, cwd=project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
