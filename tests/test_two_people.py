"""Two people in two clones with one store: a bucket of snapshots and bundles, and an MLflow server on PostgreSQL.

Ada brings a table and launches; Grace clones, repeats, brings a second table, learns from new rows and launches; Ada
rolls back, Grace looks after it, and Ada leaves. Each commits what the commands wrote, and no merge needs a hand.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import baking
import boto3
import pytest
from other_engines import UV, run_postgres
from paging import Stage, address, allow_slow_answers, deliver, get, parcels, wait
from shell import CHECK

pytestmark = pytest.mark.slow

LEFT_ON = "2026-01-31"


@dataclass
class Person(Stage):
    """One person's clone.

    Attributes:
        handle: The person in team.toml.
        variables: Where bucket and server are, and the credentials of the bucket.
    """

    handle: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return super().env | self.variables

    @property
    def printed(self) -> str:
        """What the last command printed, in one line."""
        return " ".join(self.shell.printed.split())

    def git(self, *words: str) -> str:
        identity = ("-c", f"user.name={self.handle}", "-c", f"user.email={self.handle}@example.org")
        done = baking.run("git", *identity, *words, cwd=self.project)
        assert done.returncode == 0, (words, done.stdout + done.stderr)
        return done.stdout

    def share(self, message: str) -> None:
        """Commit everything, take over what the other one has pushed, and push."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("pull", "--quiet", "--rebase")
        self.git("push", "--quiet", "origin", "HEAD")

    def launch(self, version: str, pipeline: str = "parcels") -> None:
        said = ("--by", self.handle, "--reason", "better on the test rows")
        self.run("launch", "--pipeline", pipeline, "--version", version, *said)


@pytest.fixture(scope="module")
def people(
    empty: Path, demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Person, Person]]:
    """Ada, who has a project with a store, and Grace, who has nothing yet; a bucket, a server and a remote."""
    folder = tmp_path_factory.mktemp("two")
    python, bucket, server = demonstrated[0] / ".venv" / "bin" / "python", address(), address()
    variables = {
        "AWS_ACCESS_KEY_ID": "ada-and-grace",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "MLFLOW_TRACKING_URI": f"http://{server}",
    }
    with ExitStack() as stack, (folder / "servers.log").open("w") as log:

        def start(*command: str | Path, **own: str) -> None:
            words, env = list(map(str, command)), os.environ | own
            process = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
            # MLflow's own workers would outlive it.
            stack.callback(os.killpg, process.pid, signal.SIGKILL)

        start(baking.tool("moto_server"), "-H", "127.0.0.1", "-p", bucket.rpartition(":")[2])
        # PostgreSQL is what teams run under MLflow; where its packages cannot be had, SQLite is.
        tables = (stack.enter_context(run_postgres()) or "sqlite:///mlflow.db").replace("sql:", "sql+psycopg2:")
        driver = folder / "driver"
        done = baking.run(
            *UV, "pip", "install", "--quiet", "--target", driver, "--python", python, "psycopg2-binary", cwd=folder
        )
        assert done.returncode == 0, done.stderr
        local = ("--backend-store-uri", tables, "--artifacts-destination", "artifacts", "--workers", "1")
        words = ("-m", "mlflow", "server", "--host", "127.0.0.1", "--port", server.rpartition(":")[2], *local)
        start(python, *words, PYTHONPATH=str(driver))
        wait("the bucket answers", lambda: get(bucket, "/moto-api/"))
        wait("MLflow answers", lambda: get(server, "/health"))
        keys = {"aws_access_key_id": "ada-and-grace", "aws_secret_access_key": "not-a-secret"}
        s3 = boto3.client("s3", endpoint_url=f"http://{bucket}", region_name="us-east-1", **keys)
        s3.create_bucket(Bucket="team")
        baking.run("git", "init", "--quiet", "--bare", "remote", cwd=folder)
        first = folder / "ada" / "parcel-arrivals"
        baking.copy(empty, first, ".git")
        team = (first / "team.toml").read_text(encoding="utf-8")
        grace = '[people.grace]\nname = "Grace Hopper"\nemail = "grace@example.org"\n\n[roles]\n'
        (first / "team.toml").write_text(team.replace("[roles]\n", grace), encoding="utf-8")
        settings = first / "pyproject.toml"
        where = f"s3://team/parcels?scheme=http&endpoint_override={bucket}&region=us-east-1"
        text = settings.read_text(encoding="utf-8").replace("[tool.mlteam]\n", f'[tool.mlteam]\nstore = "{where}"\n')
        settings.write_text(text, encoding="utf-8")
        ada = Person(first, python, address(), handle="ada", variables=variables)
        stack.callback(ada.close)
        baking.run("git", "init", "--quiet", "--initial-branch", "main", cwd=first)
        ada.git("remote", "add", "origin", str(folder / "remote"))
        ada.run("--fix", call=CHECK)
        ada.git("add", "--all")
        ada.git("commit", "--quiet", "--message", "a project")
        ada.git("push", "--quiet", "--set-upstream", "origin", "HEAD")
        second = folder / "grace" / "parcel-arrivals"
        baking.run("git", "clone", "--quiet", "--branch", "main", folder / "remote", second, cwd=folder)
        other = Person(second, python, address(), handle="grace", variables=variables)
        stack.callback(other.close)
        yield ada, other


def test_a_bucket_that_denies_access_is_named_and_not_asked_again(demonstrated: tuple[Path, str]) -> None:
    project, bucket = demonstrated[0], address()
    keys = {"AWS_ACCESS_KEY_ID": "ada", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    store = f"s3://team/flights?scheme=http&endpoint_override={bucket}&region=us-east-1"
    command = [baking.tool("moto_server"), "-H", "127.0.0.1", "-p", bucket.rpartition(":")[2]]
    # What comes after the bucket is made needs rights, which nobody has.
    env = baking.fresh_machine() | {"INITIAL_NO_AUTH_ACTION_COUNT": "1"}
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env
    ) as server:
        try:
            wait("the bucket answers", lambda: get(bucket, "/moto-api/"))
            s3 = boto3.client(
                "s3", endpoint_url=f"http://{bucket}", region_name="us-east-1",
                aws_access_key_id="ada", aws_secret_access_key="not-a-secret",
            )  # fmt: skip
            s3.create_bucket(Bucket="team")
            own = baking.fresh_machine() | keys | {"MLTEAM_STORE": store}
            done = baking.run(project / ".venv" / "bin" / "mlteam", "data", cwd=project, env=own)
        finally:
            server.kill()
    assert done.returncode == 1
    assert f"the store {store} denies access: " in done.stderr
    assert "Traceback" not in done.stderr


def test_two_people_share_a_month(people: tuple[Person, Person], tmp_path: Path) -> None:
    ada, grace = people
    first_launch(ada, tmp_path)
    second_person(ada, grace, tmp_path)
    new_rows(ada, grace)
    rollback_and_leaving(ada, grace)


def first_launch(ada: Person, desk: Path) -> None:
    """Ada brings a table from her desk, trains, launches and serves."""
    deliver(desk / "parcels.csv", nearest=0)
    ada.run("new_pipeline", "parcels", "--table", str(desk / "parcels.csv"), "--label", "late", "--key", "id")
    allow_slow_answers(ada.project / "pipelines" / "parcels.toml")
    ada.share("parcels")
    assert baking.run("git", "grep", "-l", str(desk), cwd=ada.project).stdout == ""
    ada.run("pipeline")
    ada.launch("candidate")
    ada.share("launched")
    ada.serve()
    assert ada.version == 1


def second_person(ada: Person, grace: Person, desk: Path) -> None:
    """Grace clones: what Ada made can be repeated and opened, and a second pipeline goes beside it."""
    grace.git("pull", "--quiet")
    grace.run("evaluate", "--version", "champion")
    grace.run("data")
    assert "data/tables/parcels.csv was pulled from the store" in grace.printed
    (digest,) = {path.name for path in (grace.project / "data" / "snapshots" / "parcels").iterdir() if path.is_dir()}
    assert (ada.project / "data" / "snapshots" / "parcels" / digest).is_dir()
    assert grace.git("status", "--porcelain") == ""
    lines = ["id,km,weight,returned"]
    lines += [f"{key},{row['km']},{row['clock']},{not late}" for key, row, late in parcels(600, nearest=0)]
    (desk / "returns.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    grace.run("new_pipeline", "returns", "--table", str(desk / "returns.csv"), "--label", "returned", "--key", "id")
    grace.share("returns")


def new_rows(ada: Person, grace: Person) -> None:
    """Ada puts new rows where the team has them, Grace learns from them and launches; Ada's service follows."""
    deliver(ada.project / "data" / "tables" / "parcels.csv", nearest=700)
    ada.git("pull", "--quiet", "--rebase")
    ada.run("data", "--refresh")
    assert "data/tables/parcels.csv was pushed to the store" in ada.printed
    grace.run("retrain", "--pipeline", "parcels")
    assert "parcels version 2 may be launched" in grace.printed
    # A candidate is for its maker: pages of the team show the champion.
    assert grace.git("status", "--porcelain") == ""
    grace.launch("2")
    grace.share("launched the second")
    wait("Ada's service follows", lambda: ada.version == 2)


def rollback_and_leaving(ada: Person, grace: Person) -> None:
    """Ada goes back to the first version, which Grace sees; then Ada leaves, and can decide no more."""
    ada.git("pull", "--quiet", "--rebase")
    ada.run("rollback", "--pipeline", "parcels", "--by", "ada", "--reason", "too many false alarms")
    ada.share("rolled back")
    ada.ask()
    grace.git("pull", "--quiet", "--rebase")
    grace.run("monitor", "--pipeline", "parcels", allowed=(0, 1))
    assert "parcels version 1" in grace.printed
    assert "Status | champion" in (grace.project / "docs" / "model-card.md").read_text(encoding="utf-8")
    file = grace.project / "team.toml"
    team = file.read_text(encoding="utf-8").replace('["ada"]', '["grace"]')
    entry = 'email = "ada@example.org"\n'
    assert entry in team
    file.write_text(team.replace(entry, f"{entry}left = {LEFT_ON}\n"), encoding="utf-8")
    grace.run("--fix", call=CHECK)
    grace.run(call=CHECK)
    grace.share("Ada has left")
    ada.git("pull", "--quiet", "--rebase")
    ada.run("launch", "--pipeline", "parcels", "--version", "2", "--by", "ada", "--reason", "once more", allowed=(1,))
    assert "--by 'ada': no such person" in ada.printed
    grace.launch("2")
    wait("Ada's service follows", lambda: ada.version == 2)
    assert grace.git("ls-files", "docs/launches").count("parcels") == 2
