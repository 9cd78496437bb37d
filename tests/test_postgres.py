"""A real PostgreSQL server: the loader of the engine's page reads it, and the SQL of the project builds on it."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import baking
import pytest
from other_engines import UV, check_own_tests, generate_for_engine

pytestmark = pytest.mark.slow

LIBRARY = "libpq5"
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
    """The address of a server of Debian's packages, run by a user without rights."""
    if not shutil.which("apt-get") or not shutil.which("setpriv") or os.getuid():
        pytest.skip("a PostgreSQL server of one's own needs Debian and its administrator")
    with tempfile.TemporaryDirectory(prefix="postgres-") as home:
        root = Path(home)
        root.chmod(0o755)
        listed = baking.run("apt-cache", "depends", "postgresql", cwd=root).stdout
        servers = re.findall(r"Depends: (postgresql-\d+)$", listed, re.MULTILINE)
        baking.run("apt-get", "download", *servers, LIBRARY, cwd=root)
        packages = list(root.glob("*.deb"))
        if len(packages) < len(servers) + 1 or not servers:
            pytest.skip("apt-get cannot download PostgreSQL")
        for package in packages:
            baking.run("dpkg-deb", "--extract", package, root, cwd=root)
        (programs,) = root.glob("usr/lib/postgresql/*/bin")
        data = root / "data"
        data.mkdir()
        nobody = pwd.getpwnam("nobody")
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (libraries,) = root.glob("usr/lib/*-linux-gnu")
        as_nobody = ("setpriv", f"--reuid={nobody.pw_uid}", "--clear-groups", "env", f"LD_LIBRARY_PATH={libraries}")
        made = baking.run(*as_nobody, programs / "initdb", "-D", data, "-A", "trust", "-U", "ada", cwd=root)
        assert made.returncode == 0, made.stdout + made.stderr
        options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1"
        control = (*as_nobody, str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(data / "log"))
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
        try:
            yield f"postgresql://ada@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)


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


# Loads the raw tables of the flights, and a table that nobody has declared yet.
LOAD = """
import os, sys
from pathlib import Path
import pyarrow.parquet
from adbc_driver_postgresql import dbapi

with dbapi.connect(os.environ["SERVER"], autocommit=True) as connection, connection.cursor() as cursor:
    cursor.execute("create schema nycflights")
    for file in Path(sys.argv[1]).glob("*.parquet"):
        cursor.adbc_ingest(file.stem, pyarrow.parquet.read_table(file), mode="create", db_schema_name="nycflights")
    cursor.execute("create schema desk")
    cursor.execute(
        "create table desk.gusts as select i as gust_id, (i * 7919 % 100) / 10.0 as speed,"
        " case when i % 3 = 0 then 'north' else 'south' end as side,"
        " timestamp '2024-01-01' + i * interval '3 hours' as measured_at,"
        " (i * 7919 % 100) + abs(hashint4(i) % 90) > 80 as rains from generate_series(1, 3000) as t (i)"
    )
    # A role whose clock is elsewhere must not move any row.
    cursor.execute("alter role ada set timezone to 'America/New_York'")
"""


@pytest.fixture(scope="module")
def on_postgres(
    bake: baking.Bake, demonstrated: tuple[Path, str], database: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """A project for PostgreSQL without raw files, which the server has."""
    address = urllib.parse.urlsplit(database)
    env = baking.fresh_machine() | {
        "SERVER": database,
        "WAREHOUSE_HOST": str(address.hostname),
        "WAREHOUSE_PORT": str(address.port),
        "WAREHOUSE_USER": str(address.username),
        "WAREHOUSE_DATABASE": address.path.strip("/"),
    }
    folder = tmp_path_factory.mktemp("warehouse")
    return generate_for_engine(bake, demonstrated[0], folder, "postgres", LOAD, env), env


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


def test_a_table_of_the_server_becomes_a_pipeline(on_postgres: tuple[Path, dict[str, str]]) -> None:
    options = ("--label", "rains", "--time", "measured_at", "--target", "prod")
    status, said = run(on_postgres, "new_pipeline", "rain", "--table", "desk.gusts", *options)
    assert status == 0, said
    assert "speed, measured_at_weekday (measured_at), measured_at_hour (measured_at)" in " ".join(said.split())
    status, said = run(on_postgres, "pipeline", "--pipeline", "rain", MLTEAM_TARGET="prod")
    assert status == 0, said
    assert "rain version 1 on test" in said
    for table, message in (
        ("desk.gone", "target prod has no table desk.gone"),
        ("rows.csv", "reads tables of its own"),
    ):
        status, said = run(on_postgres, "new_pipeline", "other", "--table", table, "--label", "x", "--target", "prod")
        assert status == 1
        assert message in said
    assert not (on_postgres[0] / "pipelines" / "other.toml").exists()
    check_own_tests(*on_postgres)
