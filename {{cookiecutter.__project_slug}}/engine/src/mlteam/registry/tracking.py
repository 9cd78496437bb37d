"""Where MLflow keeps the record: a file of this repository or of the team's store, or a server."""

import logging
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import ARTIFACTS, DATA, TRACKING, TRACKING_VARIABLE
from mlteam.core.store import WHERE, open_store

if TYPE_CHECKING:
    from mlflow import MlflowClient


def create_mlflow_client() -> "MlflowClient":
    """Return the tracking server that MLFLOW_TRACKING_URI names, or else a SQLite file in the store or in data/.

    Raises:
        ProjectError: The file is none of MLflow's, or of another version of it, or the store cannot hold one.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    # MLflow's own patience with a server that does not answer is four silent minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    server = os.environ.get(TRACKING_VARIABLE)
    if server is None:
        _create_file()
        _update_artifact_paths()
        server = f"sqlite:///{get_tracking_file().absolute().as_posix()}"
    return mlflow.MlflowClient(server)


def is_on_server() -> bool:
    """Return whether a server keeps the record."""
    return TRACKING_VARIABLE in os.environ


def get_tracking_file() -> Path:
    """Return MLflow's SQLite file."""
    return get_registry_folder() / TRACKING.name


def get_artifacts_folder() -> Path:
    """Return the folder of the files that MLflow's SQLite file refers to."""
    return get_registry_folder() / ARTIFACTS.name


def get_registry_folder() -> Path:
    """Return the folder of MLflow's SQLite file and artifacts: the store's where the team has one, or else data/.

    Raises:
        ProjectError: The store is a bucket, which no SQLite file can be in.
    """
    opened = open_store()
    if opened is None:
        return DATA
    if opened.folder is None:
        what = f"the store {opened.address} is not a folder, so the registry needs a server"
        raise ProjectError(what, where=WHERE, fix=f"set {TRACKING_VARIABLE} to that of your MLflow server")
    if not opened.folder.is_dir():
        raise ProjectError(f"there is no folder {opened.address}", where=WHERE, fix="create it, or mount it")
    return opened.folder


def convert_mlflow_error(error: Exception) -> ProjectError | None:
    """Return what MLflow could not do, in two lines; None if the error is not of MLflow."""
    # MLflow takes seconds to import, and only a command that did so can have met its errors.
    loaded = sys.modules.get("mlflow.exceptions")
    if loaded is None or not isinstance(error, loaded.MlflowException):
        return None
    message = str(error).splitlines()[0][:200]
    server = os.environ.get(TRACKING_VARIABLE)
    if server:
        message = message.partition(" failed with exception")[0]
        return ProjectError(
            f"{message} failed",
            where=TRACKING_VARIABLE,
            fix=f"check that {server} responds, or unset {TRACKING_VARIABLE}",
        )
    file = get_tracking_file()
    fix = f"copy {file}, then run `uv run mlflow db upgrade sqlite:///{file.as_posix()}`"
    fix = fix if "schema" in message else "check the permissions of the file"
    return ProjectError(message, where=str(file), fix=fix)


def _create_file() -> None:
    """Make the SQLite file under another name first: a database whose tables are half made cannot be repaired."""
    file = get_tracking_file()
    if file.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with reserve_temporary_path(file) as part:
        store = SqlAlchemyStore(f"sqlite:///{part.as_posix()}", get_artifacts_folder().as_posix())
        store.engine.dispose()
        part.rename(file)


def _update_artifact_paths() -> None:
    """Take the record along when the repository was moved or copied: MLflow writes absolute paths into it."""
    from mlflow.utils.uri import resolve_uri_if_local

    try:
        with closing(sqlite3.connect(get_tracking_file())) as store, store:
            query = "select artifact_location from experiments where experiment_id = 0"
            ((recorded,),) = store.execute(query).fetchall()
            root = {
                "old": str(recorded).removesuffix("/0"),
                "new": resolve_uri_if_local(get_artifacts_folder().as_posix()),
            }
            if root["old"] == root["new"]:
                return
            store.execute("update experiments set artifact_location = replace(artifact_location, :old, :new)", root)
            store.execute("update runs set artifact_uri = replace(artifact_uri, :old, :new)", root)
            store.execute("update model_versions set source = replace(source, :old, :new)", root)
            store.execute("update model_versions set storage_location = replace(storage_location, :old, :new)", root)
    except (sqlite3.Error, ValueError) as error:
        fix = "restore it from a backup, or move it away and train again"
        raise ProjectError(f"is not an MLflow registry ({error})", where=str(get_tracking_file()), fix=fix) from None
