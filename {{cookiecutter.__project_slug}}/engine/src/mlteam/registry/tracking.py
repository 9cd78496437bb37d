"""Where MLflow keeps the record: a file of this repository, or a server."""

import logging
import os
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import ARTIFACTS, TRACKING

if TYPE_CHECKING:
    from mlflow import MlflowClient


SERVER_VARIABLE = "MLFLOW_TRACKING_URI"
MIGRATION_FIX = f"copy {TRACKING}, then run `uv run mlflow db upgrade sqlite:///{TRACKING.as_posix()}`"


def create_mlflow_client() -> "MlflowClient":
    """Return the tracking server that MLFLOW_TRACKING_URI names, or else a SQLite file in data/.

    Raises:
        ProjectError: The file is none of MLflow's, or of another version of it.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    # MLflow's own patience with a server that does not answer is four silent minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    server = os.environ.get(SERVER_VARIABLE)
    if server is None:
        _create_store()
        _update_artifact_paths()
    return mlflow.MlflowClient(server or f"sqlite:///{TRACKING.absolute().as_posix()}")


def convert_mlflow_error(error: Exception) -> ProjectError | None:
    """Return what MLflow could not do, in two lines; None if the error is not of MLflow."""
    # MLflow takes seconds to import, and only a command that did so can have met its errors.
    loaded = sys.modules.get("mlflow.exceptions")
    if loaded is None or not isinstance(error, loaded.MlflowException):
        return None
    message = str(error).splitlines()[0][:200]
    server = os.environ.get(SERVER_VARIABLE)
    if server:
        message = message.partition(" failed with exception")[0]
        return ProjectError(
            f"{message} failed", where=SERVER_VARIABLE, fix=f"check that {server} responds, or unset {SERVER_VARIABLE}"
        )
    if "schema" in message:
        return ProjectError(message, where=str(TRACKING), fix=MIGRATION_FIX)
    return ProjectError(message, where=str(TRACKING), fix="check the permissions of the file")


def _create_store() -> None:
    """Make the SQLite file under another name first: a database whose tables are half made cannot be repaired."""
    if TRACKING.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with reserve_temporary_path(TRACKING) as part:
        store = SqlAlchemyStore(f"sqlite:///{part.as_posix()}", ARTIFACTS.as_posix())
        store.engine.dispose()
        part.rename(TRACKING)


def _update_artifact_paths() -> None:
    """Take the record along when the repository was moved or copied: MLflow writes absolute paths into it."""
    from mlflow.utils.uri import resolve_uri_if_local

    try:
        with closing(sqlite3.connect(TRACKING)) as store, store:
            query = "select artifact_location from experiments where experiment_id = 0"
            ((recorded,),) = store.execute(query).fetchall()
            root = {"old": str(recorded).removesuffix("/0"), "new": resolve_uri_if_local(ARTIFACTS.as_posix())}
            if root["old"] == root["new"]:
                return
            store.execute("update experiments set artifact_location = replace(artifact_location, :old, :new)", root)
            store.execute("update runs set artifact_uri = replace(artifact_uri, :old, :new)", root)
            store.execute("update model_versions set source = replace(source, :old, :new)", root)
            store.execute("update model_versions set storage_location = replace(storage_location, :old, :new)", root)
    except (sqlite3.Error, ValueError) as error:
        fix = "restore it from a backup, or move it away and train again"
        raise ProjectError(f"is not an MLflow registry ({error})", where=str(TRACKING), fix=fix) from None
