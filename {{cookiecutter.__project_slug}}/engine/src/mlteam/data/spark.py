"""Tables of Spark, as streams, and the session that dbt and these share."""

import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import SPARK
from mlteam.data.targets import PROFILES, Target

# What a worker does, by its rank from 0, its address, and a function that gives every worker what worker 0 says.
Work = Callable[[int, str, Callable[[str], str]], bytes]

MASTER = "spark.master"
# The same meaning of times as on other engines: without a zone, and UTC where one is needed.
MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A sum that overflows or a text that is not a number ends the build, as it does elsewhere.
    "spark.sql.ansi.enabled": "true",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}


def open_session(target: Target) -> Any:
    """Return the Spark session of this process, which dbt uses as well.

    Settings are those of `server_side_parameters`. Without a `spark.master`, Spark runs in this process, listens to
    nobody else, and keeps its tables in data/.

    Raises:
        ProjectError: There is no Java, or no session.
    """
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        what = f"target {target.name} needs Java, which is not installed"
        raise ProjectError(what, where=str(PROFILES), fix="install Java 17 or later, or set JAVA_HOME")
    with _ignore_pandas():
        from pyspark.sql import SparkSession

    given = {str(key): str(value) for key, value in (target.settings.get("server_side_parameters") or {}).items()}
    builder = SparkSession.builder.enableHiveSupport()
    for name, value in (({} if MASTER in given else _keep_to_this_machine()) | MEANING | given).items():
        builder = builder.config(name, value)
    try:
        with _keep_java_quiet():
            return builder.getOrCreate()
    except Exception as error:
        raise _explain(target, error) from None


@contextmanager
def _ignore_pandas() -> Iterator[None]:
    """Keep a warning from the user: only tables of Arrow are exchanged with Spark, not those of pandas."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        yield


def _keep_to_this_machine() -> dict[str, str]:
    home = SPARK.absolute()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    # Workers would take the first Python of the path, which need not have the packages of this one.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    return {
        MASTER: "local[*]",
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={home}",
        "spark.sql.warehouse.dir": str(home / "tables"),
        # Two hundred parts, the default, are for a cluster.
        "spark.sql.shuffle.partitions": "8",
        # Here no further cores will come: by default, Spark waits ten minutes for those of a cluster.
        "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "1",
    }


@contextmanager
def _keep_java_quiet() -> Iterator[None]:
    """Let Java, which keeps the stderr that it is started with, write to a file."""
    SPARK.mkdir(parents=True, exist_ok=True)
    terminal = os.dup(2)
    try:
        with (SPARK / "spark.log").open("ab") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


@dataclass(frozen=True)
class Change:
    """What workers make of the rows of a table.

    Attributes:
        run: Makes batches of batches; each worker gets a copy.
        typed: The columns whose type it changes, each with the new one in Spark's words.
        added: The columns that it adds, or moves to the end, likewise.
    """

    run: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
    typed: Mapping[str, str]
    added: Mapping[str, str]


@contextmanager
def stream_table(
    target: Target, schema: str, table: str, where: str = "", change: Change | None = None
) -> Iterator[pa.RecordBatchReader]:
    """Stream a table: the workers write it to a folder, which is read from there.

    Args:
        target: The Spark.
        schema: Where the table is.
        table: Its name.
        where: SQL of Spark that chooses among its rows.
        change: What the workers make of the rows before they write them.

    Raises:
        ProjectError: There is no such table, Spark does not answer, `where` is not SQL over the columns, or a worker
            failed.
    """
    # Imported here because it takes pandas along.
    import pyarrow.dataset as ds

    session = open_session(target)
    with reserve_temporary_path(SPARK / "streamed") as folder:
        try:
            frame = session.table(f"{_quote_name(schema)}.{_quote_name(table)}")
            for column, kind in frame.dtypes:
                if kind.startswith("decimal"):
                    frame = frame.withColumn(column, frame[_quote_name(column)].cast("double"))
            frame = frame.where(where) if where else frame
            frame = _apply(change, frame) if change else frame
            frame.write.parquet(folder.absolute().as_uri())
        except Exception as error:
            raise _explain_work(target, error, f"{schema}.{table}") from None
        yield ds.dataset(folder, format="parquet").scanner().to_reader()


def _apply(change: Change, frame: Any) -> Any:
    kept = {column: kind for column, kind in frame.dtypes if column not in change.added}
    made = {**kept, **change.typed, **change.added}.items()
    with _ignore_pandas():
        return frame.mapInArrow(change.run, ", ".join(f"{_quote_name(column)} {kind}" for column, kind in made))


def _quote_name(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def run_on_workers(target: Target, workers: int, work: Work) -> list[bytes]:
    """Run something on several workers of Spark at once; where one fails, all end.

    Args:
        target: The Spark.
        workers: How many.
        work: What each of them does.

    Returns:
        What each of them returned.

    Raises:
        ProjectError: Spark does not answer, has fewer free cores, or a worker failed.
    """
    session = open_session(target)

    def run(_: Any) -> Iterator[bytes]:
        from pyspark import BarrierTaskContext

        context = BarrierTaskContext.get()
        rank = context.partitionId()
        host = context.getTaskInfos()[rank].address.partition(":")[0]
        yield work(rank, host, lambda said: context.allGather(said)[0])

    try:
        found: list[bytes] = (
            session.sparkContext.parallelize(range(workers), workers).barrier().mapPartitions(run).collect()
        )
    except Exception as error:
        if "requires more slots" in str(error):
            what = f"target {target.name} has fewer than {workers} free cores"
            raise ProjectError(what, where=str(PROFILES), fix="ask for fewer workers, or give Spark more") from None
        raise _explain_work(target, error) from None
    return found


def _explain_work(target: Target, error: Exception, table: str = "") -> ProjectError:
    """Return why workers failed, which Spark hides between two stacks of Java."""
    said = str(error)
    if own := re.search(r"^\S*ProjectError: (.+)\n(.*)", said, re.MULTILINE):
        return ProjectError(f"a worker failed: {own[1]}", fix=own[2].strip())
    if "Python worker exited" in said:
        what = f"a worker of target {target.name} was ended"
        return ProjectError(what, where=str(PROFILES), fix='give it memory: more workers, or memory = "disk"')
    if other := re.search(r"^[\w.]*(?:Error|Exception): (.+)", said.partition("Traceback")[2], re.MULTILINE):
        return ProjectError(f"a worker of target {target.name} failed: {other[1][:200]}", fix="read its log")
    return _explain(target, error, table)


def _explain(target: Target, error: Exception, table: str = "") -> ProjectError:
    """Return what Spark's error means; errors of ours stay as they are."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    if "TABLE_OR_VIEW_NOT_FOUND" in said:
        what = f"target {target.name} has no table {table}"
        return ProjectError(what, fix="look at its name, and at the catalog that Spark uses")
    if re.match(r"\[(PARSE_SYNTAX_ERROR|UNRESOLVED_COLUMN|DATATYPE_MISMATCH)[\w.]*\]", said):
        return ProjectError(f"target {target.name}: {said}", where=table, fix="look at --where")
    fix = "see that its master answers, and read the settings in server_side_parameters"
    return ProjectError(f"target {target.name}: {said}", where=str(PROFILES), fix=fix)
