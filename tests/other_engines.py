"""A project that was generated for the warehouse of another engine, with what the demo's project has made."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import baking

UV = (sys.executable, "-m", "uv")
LIBRARY = "libpq5"

# Loads the raw tables of the flights, and a table that nobody has declared yet.
LOAD_POSTGRES = """
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
LOAD_SPARK = """
import sys
from pathlib import Path
from mlteam.data import spark, targets

session = spark.open_session(targets.load_target("prod"))
for schema in ("nycflights", "desk"):
    session.sql(f"create schema {schema}")
for file in Path(sys.argv[1]).glob("*.parquet"):
    session.read.parquet(str(file)).write.saveAsTable(f"nycflights.{file.stem}")
session.sql('''
    create table desk.gusts as select id + 1 as `Gust Id`, cast((id * 7919 % 100) / 10.0 as decimal(5, 1)) as speed,
    if(id % 3 = 0, 'north', 'south') as Side,
    timestamp_ntz '2024-01-01' + make_interval(0, 0, 0, 0, 3 * id) as measured_at,
    timestamp_ntz '2024-01-01' + make_interval(0, 0, 0, 0, 2 * id) as called,
    (id * 7919 % 100) + abs(hash(id) % 90) > 80 as rains from range(0, 3000)
''')
"""

# Reads a value of each notation that new_pipeline knows, by the macros of the project, on the engine of its target.
READ_VALUES = """
import datetime as dt
from pathlib import Path
import jinja2
from mlteam.core.sql import connect_duckdb
from mlteam.data import servers, spark, targets
from mlteam.onboarding import writer
from mlteam.onboarding.columns import DATE_FORMATS, NOTATIONS
from mlteam.onboarding.portable import make_portable
from mlteam.onboarding.time_column import list_readings

target = targets.load_target("prod")
own = Path(writer.__file__).parent / "templates" / "brought_tables.sql"
macros = Path("sql/macros/portable.sql").read_text() + own.read_text()
moment = dt.datetime(2013, 2, 5, 3, 4, 6, 250000, dt.timezone(dt.timedelta(hours=5, minutes=30)))
cases = []
for form in DATE_FORMATS:
    line = f"cast(strptime(nullif(read, '-'), '{form}') as timestamp) as read"
    text = moment.strftime(form)
    texts = {text}
    if "%z" in form:
        texts = {text, text[:-2] + ":" + text[-2:], text[:-5] + "-03"}
    elif not any(part in form for part in ("%H", "%Y%m", "%m%d")):
        texts = {text, text.replace("02", "2", 1) if "%m/" in form else text, text.replace("05", "5", 1)}
    cases += [(line, f"'{text}'") for text in texts]
for number in (2013, 20130205, 201302, 1360069446, 1360069446250, 1360069446250125):
    readings = list_readings("cast(read as bigint)")
    asked = ((sql, connect_duckdb().execute(f"select {fits} from (select {number} as read)")) for sql, fits in readings)
    sql = next(sql for sql, answer in asked if answer.fetchall() == [(True,)])
    cases.append((f"cast({sql} as timestamp) as read" if sql.startswith("cast") else f"{sql} as read", str(number)))
for notation, text in (("percent", "-12.5 %"), ("thousands", "-$1,234,567.5"), ("comma", "+1.234,5 \u20ac")):
    cases.append((f"cast({NOTATIONS[notation][1].format('read')} as double precision) as read", f"'{text}'"))
for number in ("NaN", "-Infinity", "2.5"):
    cases.append(("case when isfinite(read) then read end as read", f"cast('{number}' as double precision)"))
for line, given in cases:
    given = make_portable(given)
    query = f"select {make_portable(line)}\\nfrom (select {given} as read) as rows"
    query = jinja2.Environment().from_string(macros + query).render(target={"type": target.kind}).strip()
    if target.kind == "spark":
        found = spark.open_session(target).sql(query).collect()[0][0]
    else:
        with servers.stream_query(target, query) as rows:
            (found,) = rows.read_all()[0].to_pylist()
    ours = f"select {line} from (select {given.replace('{{ double() }}', 'double')} as read) as rows"
    assert found == connect_duckdb().execute(ours).fetchone()[0], (line, given, found, query)
print(len(cases), "values")
"""


def check_values(project: Path, env: dict[str, str]) -> None:
    """Read times and numbers that are written in some notation on the engine of a project, as DuckDB reads them."""
    done = baking.run(*UV, "run", "--quiet", "python", "-c", READ_VALUES, cwd=project, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d\d values$", done.stdout, re.MULTILINE)


def generate_for_engine(
    bake: baking.Bake, demonstrated: Path, folder: Path, kind: str, load: str, env: dict[str, str]
) -> Path:
    """Generate a project for an engine, and let the engine have the demo's raw files instead of the project.

    Args:
        bake: Generates it.
        demonstrated: The project of the demo.
        folder: Where it is generated.
        kind: The engine, as the question names it.
        load: A Python script that loads the files of the folder in its first argument.
        env: The environment of the commands.
    """
    project = bake(folder, warehouse=kind)
    baking.copy(demonstrated / "data", project / "data", "warehouse.duckdb")
    for command in (("sync", "--quiet"), ("run", "python", "-c", load, "data/raw")):
        done = baking.run(*UV, *command, cwd=project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(project / "data" / "raw")
    return project


def check_own_tests(project: Path, env: dict[str, str]) -> None:
    """Run what the project has to say about its own code and SQL."""
    for command in (
        ("sqlfluff", "lint", "--disable-progress-bar", "sql"),
        ("pytest", "-q", "tests"),
        ("ruff", "check"),
    ):
        done = baking.run(*UV, "run", "--quiet", *command, cwd=project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr


def download_packages(folder: Path) -> list[Path]:
    """Download the packages of a PostgreSQL server into a folder; return none unless all are there."""
    if not shutil.which("apt-get") or not shutil.which("setpriv") or os.getuid():
        return []
    listed = baking.run("apt-cache", "depends", "postgresql", cwd=folder).stdout
    servers = re.findall(r"Depends: (postgresql-\d+)$", listed, re.MULTILINE)
    baking.run("apt-get", "download", *servers, LIBRARY, cwd=folder)
    packages = list(folder.glob("*.deb"))
    return packages if servers and len(packages) > len(servers) else []


@contextmanager
def run_postgres() -> Iterator[str | None]:
    """Run a PostgreSQL server of Debian's packages as the user nobody; yield its address, or None without packages."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as home:
        root = Path(home)
        root.chmod(0o755)
        packages = download_packages(root)
        if not packages:
            yield None
            return
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


def describe_server(address: str) -> dict[str, str]:
    """Return the variables by which a project and its tests reach a server."""
    place = urllib.parse.urlsplit(address)
    found = {
        "HOST": place.hostname,
        "PORT": place.port,
        "USER": place.username,
        "DATABASE": place.path.strip("/"),
    }
    return {"SERVER": address} | {f"WAREHOUSE_{name}": str(value) for name, value in found.items()}
