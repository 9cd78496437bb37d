"""What Spark needs, and what is said where it is missing; a real Spark is in the template's tests."""

import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlteam.core.errors import ProjectError
from mlteam.data import spark
from mlteam.data.targets import Target

PROD = Target("prod", "spark", {"server_side_parameters": {"spark.sql.shuffle.partitions": 3}})


class Builder:
    """A builder of sessions as pyspark has it: records what it is told, gives a session with one table, or fails."""

    def __init__(self, failure: str = "") -> None:
        self.settings: dict[str, str] = {}
        self.sparkContext = Tasks()
        self.failure = failure

    def enableHiveSupport(self) -> "Builder":  # noqa: N802 pyspark's name
        return self

    def config(self, name: str, value: str) -> "Builder":
        self.settings[name] = value
        return self

    def getOrCreate(self) -> "Builder":  # noqa: N802 pyspark's name
        if self.failure:
            raise RuntimeError(self.failure)
        print("started", file=sys.stderr)
        return self

    def table(self, name: str) -> "Frame":
        if name != "`shop`.`orders`":
            raise RuntimeError(f"[TABLE_OR_VIEW_NOT_FOUND] The table {name} cannot be found.\nmore")
        return Frame()


class Tasks:
    """The tasks of a job that run at once, one after the other; or the failure of one, as Spark tells it."""

    def __init__(self, failure: str = "") -> None:
        self.failure, self.rank, self.parts = failure, 0, 0
        self.run: Callable[[object], Iterator[bytes]]

    def parallelize(self, numbers: range, parts: int) -> "Tasks":
        assert len(numbers) == parts
        self.parts = parts
        return self

    def barrier(self) -> "Tasks":
        return self

    def mapPartitions(self, run: Callable[[object], Iterator[bytes]]) -> "Tasks":  # noqa: N802 pyspark's name
        self.run = run
        return self

    def collect(self) -> list[bytes]:
        if self.failure:
            raise RuntimeError(self.failure)
        found: list[bytes] = []
        for rank in range(self.parts):
            self.rank = rank
            found.extend(self.run(None))
        return found

    def get(self) -> "Tasks":
        return self

    def partitionId(self) -> int:  # noqa: N802 pyspark's name
        return self.rank

    def getTaskInfos(self) -> list[types.SimpleNamespace]:  # noqa: N802 pyspark's name
        return [types.SimpleNamespace(address=f"10.0.0.{rank}:4040") for rank in range(self.parts)]

    def allGather(self, said: str) -> list[str]:  # noqa: N802 pyspark's name
        return [f"first, not {said}", *[said] * (self.parts - 1)]


class Frame:
    """A table of one decimal column, which is written as it was cast."""

    dtypes = (("amount", "decimal(5,1)"),)
    cast_to = ""

    def __getitem__(self, name: str) -> "Frame":
        assert name == "`amount`"
        return self

    def cast(self, kind: str) -> str:
        return kind

    def withColumn(self, _: str, kind: str) -> "Frame":  # noqa: N802 pyspark's name
        self.cast_to = kind
        return self

    def where(self, condition: str) -> "Frame":
        if "amounts" in condition:
            raise RuntimeError(f"[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column {condition} cannot be resolved.\nmore")
        return self

    @property
    def write(self) -> "Frame":
        return self

    def parquet(self, address: str) -> None:
        assert self.cast_to == "double"
        folder = Path(address.removeprefix("file://"))
        folder.mkdir()
        pq.write_table(pa.table({"amount": [1.5, 2.5]}), folder / "part-0.parquet")


@pytest.fixture
def builder(project: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """A Spark that is not there, and a Java that is."""
    made = Builder()
    module = types.ModuleType("pyspark.sql")
    module.SparkSession = types.SimpleNamespace(builder=made)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyspark", types.ModuleType("pyspark"))
    monkeypatch.setitem(sys.modules, "pyspark.sql", module)
    made.sparkContext = sys.modules["pyspark"].BarrierTaskContext = Tasks()  # type: ignore[attr-defined]
    monkeypatch.setenv("JAVA_HOME", "/opt/java")
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    return made


def test_without_a_master_it_listens_to_nobody_and_keeps_to_data(builder: Builder) -> None:
    spark.open_session(PROD)
    found = builder.settings
    assert (found["spark.master"], found["spark.ui.enabled"]) == ("local[*]", "false")
    assert found["spark.driver.bindAddress"] == "127.0.0.1"
    assert Path(found["spark.sql.warehouse.dir"]).is_relative_to(Path("data/spark").absolute())
    assert (found["spark.sql.session.timeZone"], found["spark.sql.timestampType"]) == ("UTC", "TIMESTAMP_NTZ")
    assert os.environ["PYSPARK_PYTHON"] == sys.executable
    # What the team says comes last.
    assert found["spark.sql.shuffle.partitions"] == "3"


def test_a_cluster_keeps_its_own_settings(builder: Builder) -> None:
    spark.open_session(Target("prod", "spark", {"server_side_parameters": {"spark.master": "spark://ada:7077"}}))
    assert builder.settings["spark.master"] == "spark://ada:7077"
    assert not {"spark.ui.enabled", "spark.sql.warehouse.dir", "spark.driver.bindAddress"} & set(builder.settings)
    assert builder.settings["spark.sql.session.timeZone"] == "UTC"


def test_java_writes_to_a_file_and_errors_of_ours_to_the_terminal(
    builder: Builder, capfd: pytest.CaptureFixture[str]
) -> None:
    spark.open_session(PROD)
    print("ours", file=sys.stderr)
    sys.stderr.flush()
    assert capfd.readouterr().err.endswith("ours\n")


def test_a_table_is_streamed_with_decimals_as_numbers(builder: Builder) -> None:
    with spark.stream_table(PROD, "shop", "orders") as rows:
        assert rows.read_all().to_pydict() == {"amount": [1.5, 2.5]}
    assert not list(Path("data/spark").glob("*.part"))


def test_a_table_that_is_not_there_and_a_spark_that_fails_are_named(builder: Builder) -> None:
    with (
        pytest.raises(ProjectError, match=r"^target prod has no table shop.gone\nlook at its name"),
        spark.stream_table(PROD, "shop", "gone"),
    ):
        pass
    with (
        pytest.raises(ProjectError, match=r"^shop.orders: target prod: .UNRESOLVED_COLUMN.*\nlook at --where"),
        spark.stream_table(PROD, "shop", "orders", "amounts > 1"),
    ):
        pass
    builder.failure = "All masters are unresponsive!\nat org.apache"
    with pytest.raises(ProjectError, match=r"^sql/profiles.yml: target prod: All masters are unresponsive!\nsee that"):
        spark.open_session(PROD)


def test_workers_know_their_rank_and_address_and_what_the_first_says(builder: Builder) -> None:
    found = spark.run_on_workers(
        PROD, 3, lambda rank, host, broadcast: f"{rank} at {host}: {broadcast(str(rank))}".encode()
    )
    assert found == [f"{rank} at 10.0.0.{rank}: first, not {rank}".encode() for rank in range(3)]


FAILED = """An error occurred while calling z:collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: {}
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:4568)
"""
RAISED = """[PYTHON_EXCEPTION] An exception was thrown from the Python worker: Traceback (most recent call last):
  File "workers.py", line 10, in run
    raise {0}
{0}
"""


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            RAISED.format("mlteam.core.errors.ProjectError: data/snapshots: no such snapshot\nrestore it"),
            r"^a worker failed: data/snapshots: no such snapshot\nrestore it$",
        ),
        (RAISED.format("ValueError: odd"), r"^a worker of target prod failed: odd\nread its log$"),
        ("Python worker exited unexpectedly (crashed)", r"a worker of target prod was ended\ngive it memory"),
        ("a barrier stage that requires more slots than", r"target prod has fewer than 3 free cores\nask for fewer"),
        ("something else", r"^sql/profiles.yml: target prod: An error occurred while calling"),
    ],
)
def test_a_worker_that_fails_is_explained(builder: Builder, failure: str, message: str) -> None:
    builder.sparkContext.failure = FAILED.format(failure)
    with pytest.raises(ProjectError, match=message):
        spark.run_on_workers(PROD, 3, lambda *_: b"")


def test_a_machine_without_java_is_told_what_to_install(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProjectError, match=r"target prod needs Java, which is not installed\ninstall Java 17 or later"):
        spark.open_session(PROD)
