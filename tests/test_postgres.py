"""A real PostgreSQL server: the loader of the engine's page reads it, and the SQL of the project builds on it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import baking
import pytest
from other_engines import (
    LOAD_POSTGRES,
    UV,
    check_own_tests,
    check_values,
    describe_server,
    generate_for_engine,
    run_postgres,
)

pytestmark = pytest.mark.slow

# Runs in the project's environment, with the driver that the page asks for.
SCRIPT = """
import os, re, sys
from pathlib import Path
import pyarrow.parquet
from adbc_driver_postgresql import dbapi
from mlteam.data import loaders
from mlteam.data.sources import Source

page, folder = Path(sys.argv[1]).read_text(), Path(sys.argv[2])
(block,) = [b for b in re.findall(r"```python\\n(.*?)```", page, re.DOTALL) if "def load_from_postgres" in b]
(folder / "shop_loaders.py").write_text(block)
sys.path.insert(0, str(folder))
source = Source(
    "shop", "orders", "shop_loaders:load_from_postgres", "ada", "public.orders", folder / "orders.parquet", "",
    secret="SHOP_DATABASE",
)

def run(*statements):
    with dbapi.connect(os.environ["SHOP_DATABASE"]) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()

def fetch():
    loaders.fetch_source(source)
    rows = pyarrow.parquet.read_table(source.location).sort_by("id").to_pylist()
    return [(row["id"], row["amount"]) for row in rows]

run(
    "create table orders (id bigint primary key, amount double precision, updated_at timestamp not null)",
    "insert into orders select i, i * 1.5, date '2025-01-01' + i * interval '1 day' from generate_series(1, 100) t (i)",
)
assert fetch() == [(i, i * 1.5) for i in range(1, 101)]
run(
    "insert into orders values (101, 7, timestamp '2025-06-01')",
    "update orders set amount = -1, updated_at = timestamp '2025-06-02' where id = 5",
    "update orders set amount = -2 where id = 6",
)
found = dict(fetch())
# As the page says, a change that leaves updated_at as it was is not seen.
assert (len(found), found[5], found[6], found[101]) == (101, -1, 9.0, 7)
"""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a server of Debian's packages."""
    with run_postgres() as address:
        if address is None:
            pytest.skip("a PostgreSQL server of one's own needs Debian's packages and its administrator")
        yield address


def test_a_table_is_fetched_whole_and_then_as_far_as_it_changed(
    demonstrated: tuple[Path, str], database: str, tmp_path: Path
) -> None:
    project, _ = demonstrated
    page = (project / "engine" / "README.md").read_text(encoding="utf-8")
    (driver,) = re.findall(r"`uv add (adbc-[\w-]+)`", page)
    command = [*UV, "run", "--quiet", "--with", driver, "python", "-c", SCRIPT]
    done = baking.run(
        *command,
        project / "engine" / "README.md",
        tmp_path,
        cwd=project,
        env=baking.fresh_machine() | {"SHOP_DATABASE": database},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def on_postgres(
    bake: baking.Bake, demonstrated: tuple[Path, str], database: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """A project for PostgreSQL without raw files, which the server has."""
    env = baking.fresh_machine() | describe_server(database)
    folder = tmp_path_factory.mktemp("warehouse")
    return generate_for_engine(bake, demonstrated[0], folder, "postgres", LOAD_POSTGRES, env), env


def run(on_postgres: tuple[Path, dict[str, str]], *words: str, **variables: str) -> tuple[int, str]:
    project, env = on_postgres
    command = (*UV, "run", "--quiet", "mlteam", *words)
    done = baking.run(*command, cwd=project, env=env | variables)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variables", "message", "code"),
    [
        ({"WAREHOUSE_PORT": "1"}, "Connection refused", 75),
        ({"WAREHOUSE_USER": "nobody"}, 'role "nobody" does not exist', 1),
        ({"MLTEAM_TARGET": "prd"}, "there is no target 'prd'; did you mean 'prod'?", 1),
    ],
)
def test_a_server_that_cannot_be_used_is_named_in_a_line(
    on_postgres: tuple[Path, dict[str, str]], variables: dict[str, str], message: str, code: int
) -> None:
    status, said = run(on_postgres, "data", **{"MLTEAM_TARGET": "prod"} | variables)
    assert status == code
    assert message in said
    assert not (on_postgres[0] / "data" / "dbt" / "target.txt").exists()


def test_the_same_rows_have_the_same_digest_on_both_engines(on_postgres: tuple[Path, dict[str, str]]) -> None:
    project, _ = on_postgres
    newest = project / "data" / "snapshots" / "flight_delays" / "newest"
    here = newest.read_text(encoding="utf-8")
    shutil.rmtree(newest.parent)
    status, said = run(on_postgres, "data", "--target", "prod")
    assert status == 0, said
    assert newest.read_text(encoding="utf-8") == here
    # What reads the warehouse needs neither the raw files nor the name of the target.
    status, said = run(on_postgres, "time_travel")
    assert status == 0, said
    assert "0 of 22 features differ" in said


def test_both_engines_build_the_same_cells(on_postgres: tuple[Path, dict[str, str]]) -> None:
    status, said = run(on_postgres, "parity", "--pipeline", "flight_delays", "--target", "prod")
    assert status == 0, said
    assert "features.flight_features: 327,346 rows and 25 columns are the same on prod (postgres) and here" in said


def test_times_and_numbers_are_read_in_each_notation(on_postgres: tuple[Path, dict[str, str]]) -> None:
    check_values(*on_postgres)


def test_a_table_of_the_server_becomes_a_pipeline(on_postgres: tuple[Path, dict[str, str]]) -> None:
    options = ("--label", "rains", "--time", "measured_at", "--target", "prod")
    status, said = run(on_postgres, "new_pipeline", "rain", "--table", "desk.gusts", *options)
    assert status == 0, said
    assert "speed, measured_at_weekday (measured_at), measured_at_hour (measured_at)" in " ".join(said.split())
    status, said = run(on_postgres, "pipeline", "--pipeline", "rain", MLTEAM_TARGET="prod")
    assert status == 0, said
    assert "rain version 1 on test" in said
    # The server chooses the rows, by its own SQL.
    words = ("predict", "--pipeline", "rain", "--dataset", "features.rain_features", "--target", "prod")
    status, said = run(on_postgres, *words, "--where", "mod(gust_id, 3) = 0")
    assert status == 0, said
    assert "1,000 rows of features.rain_features where mod(gust_id, 3) = 0, version 1" in " ".join(said.split())
    for table, message in (
        ("desk.gone", "target prod has no table desk.gone"),
        ("rows.csv", "reads tables of its own"),
    ):
        status, said = run(on_postgres, "new_pipeline", "other", "--table", table, "--label", "x", "--target", "prod")
        assert status == 1
        assert message in said
    assert not (on_postgres[0] / "pipelines" / "other.toml").exists()
    check_own_tests(*on_postgres)
