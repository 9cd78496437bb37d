"""The loader of the engine's page reads a real PostgreSQL server: first all rows, then what has changed."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import baking
import pytest

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
    command = [sys.executable, "-m", "uv", "run", "--quiet", "--with", driver, "python", "-c", SCRIPT]
    done = baking.run(
        *command,
        project / "engine" / "README.md",
        tmp_path,
        cwd=project,
        env=baking.fresh_machine() | {"SHOP_DATABASE": database},
    )
    assert done.returncode == 0, done.stdout + done.stderr
