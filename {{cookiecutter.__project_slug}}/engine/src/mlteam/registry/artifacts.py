"""The files of registered models: fetched from the registry, and checked against their digest."""

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlteam.core.errors import ProjectError
from mlteam.core.files import compute_sha256
from mlteam.modeling.model import Model, load_model_class

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARTIFACT_PATH = "model"


def fetch_model(tracking: "MlflowClient", run: str, digest: str = "") -> tuple[Path, Model]:
    """Fetch and load a run's model, if its files are still those that were logged.

    Args:
        tracking: The registry.
        run: The run that logged it.
        digest: What the digest of its files must be; that of the run's tags where nothing is said.

    Raises:
        ProjectError: The files have changed.
    """
    tags = tracking.get_run(run).data.tags
    try:
        folder = Path(tracking.download_artifacts(run, ARTIFACT_PATH, str(_make_download_folder())))
        whole = hash_folder(folder) == (digest or tags["content_sha256"])
    except OSError:
        whole = False
    if not whole:
        what = "the model's files have changed since they were registered"
        raise ProjectError(what, where=f"run {run}", fix="restore data/artifacts from a backup, or train again")
    return folder, load_model_class(tags["factory"], f"run {run}").load(folder)


def _make_download_folder() -> Path:
    """Make an empty folder that is removed when the process ends; MLflow's own would stay."""
    return Path(tempfile.mkdtemp(dir=_create_downloads().name))


@cache
def _create_downloads() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="mlteam-")


def hash_folder(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, in hexadecimal."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {compute_sha256(path)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
