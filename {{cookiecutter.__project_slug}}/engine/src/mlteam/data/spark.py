"""Tables of Spark, as streams, and the session that dbt and these share."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import SPARK
from mlteam.data.targets import PROFILES, Target

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
    with warnings.catch_warnings():
        # Only tables of Arrow are exchanged with Spark, not those of pandas.
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
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


def _keep_to_this_machine() -> dict[str, str]:
    home = SPARK.absolute()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    return {
        MASTER: "local[*]",
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={home}",
        "spark.sql.warehouse.dir": str(home / "tables"),
        # Two hundred parts, the default, are for a cluster.
        "spark.sql.shuffle.partitions": "8",
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


@contextmanager
def stream_table(target: Target, schema: str, table: str) -> Iterator[pa.RecordBatchReader]:
    """Stream a whole table: the workers write it to a folder, which is read from there.

    Raises:
        ProjectError: There is no such table, or Spark does not answer.
    """
    session = open_session(target)
    with reserve_temporary_path(SPARK / "streamed") as folder:
        try:
            frame = session.table(f"`{schema}`.`{table}`")
            for column, kind in frame.dtypes:
                if kind.startswith("decimal"):
                    frame = frame.withColumn(column, frame[f"`{column}`"].cast("double"))
            frame.write.parquet(folder.absolute().as_uri())
        except Exception as error:
            raise _explain(target, error, f"{schema}.{table}") from None
        yield ds.dataset(folder, format="parquet").scanner().to_reader()


def _explain(target: Target, error: Exception, table: str = "") -> ProjectError:
    """Return what Spark's error means; errors of ours stay as they are."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    if "TABLE_OR_VIEW_NOT_FOUND" in said:
        what = f"target {target.name} has no table {table}"
        return ProjectError(what, fix="look at its name, and at the catalog that Spark uses")
    fix = "see that its master answers, and read the settings in server_side_parameters"
    return ProjectError(f"target {target.name}: {said}", where=str(PROFILES), fix=fix)
