"""What a server needs of one version, and nothing else: files with their digests, in a folder of their own.

data/serving/PIPELINE/VERSION-DIGEST/ holds

bundle.json  which version this is, and the SHA-256 of every other file; DIGEST begins its own SHA-256
model/       the files of the version as they were registered, with its schema and spec
form.json    what a request looks like
golden.json  examples with the predictions that were computed when the bundle was made

and data/serving/PIPELINE/live.json names the bundles that answer. Reading one needs neither registry nor warehouse.
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
from pydantic import Field

from mlteam.config.settings import Settings
from mlteam.core import store
from mlteam.core.errors import ProjectError
from mlteam.core.files import compute_sha256, write_atomically
from mlteam.core.paths import SERVING
from mlteam.data.features import SCHEMA_FILE, Schema
from mlteam.modeling.model import Model, load_model_class
from mlteam.serving.request_schema import RequestSchema

MANIFEST_FILE = "bundle.json"
REQUEST_SCHEMA_FILE = "form.json"
GOLDEN_FILE = "golden.json"
MODEL_FOLDER = "model"
LIVE_FILE = "live.json"
DIGEST_DIGITS = 12
RELAUNCH_FIX = "launch the version again: `nox -s launch`"


class Manifest(Settings):
    """Which version a bundle holds; `files` gives the SHA-256 of each file by its path in the folder.

    `newest_row` is the time of the newest row that the version was trained on, where its rows have a time.
    """

    pipeline: str
    version: int
    snapshot: str
    factory: str = Field(pattern=r"^[a-z_][\w.]*:[A-Za-z_]\w*$")
    trained_at: str
    newest_row: str | None = None
    commit: str
    files: dict[str, str]


class GoldenExample(Settings):
    """One example and what the model predicted for it offline: one number, or one for each class."""

    features: dict[str, Any]
    prediction: list[float]


class LivePointer(Settings):
    """Which bundles answer.

    Attributes:
        champion: Folder of the bundle that answers.
        shadow: Folder of a bundle that predicts beside it, unseen unless it is a canary.
        canary_share: Share of the requests that the shadow answers.
        launched_at: When this was decided, ISO 8601 in UTC.
        by: Who decided it.
    """

    champion: str = Field(pattern=r"^\d+-[0-9a-f]{12}$")
    shadow: str | None = Field(default=None, pattern=r"^\d+-[0-9a-f]{12}$")
    canary_share: float = Field(default=0, ge=0, le=0.5)
    launched_at: str
    by: str


@dataclass(frozen=True)
class Bundle:
    """An opened bundle, whose files are what they were when it was made."""

    folder: Path
    manifest: Manifest
    schema: Schema
    request_schema: RequestSchema
    model: Model
    golden_examples: tuple[GoldenExample, ...]


def get_bundles_folder(pipeline: str) -> Path:
    """Return the folder of a pipeline's bundles."""
    return SERVING / pipeline


def load(folder: Path) -> Bundle:
    """Open a bundle after checking that every file is the one that was written.

    Raises:
        ProjectError: A file is missing, was added or altered; names it.
    """
    store.pull_folder(folder, MANIFEST_FILE)
    try:
        if compute_sha256(folder / MANIFEST_FILE)[:DIGEST_DIGITS] != folder.name.rpartition("-")[2]:
            raise ProjectError("has changed since it was written", where=str(folder / MANIFEST_FILE), fix=RELAUNCH_FIX)
        about = Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
        _verify_files(folder, about)
        schema = Schema.model_validate_json((folder / MODEL_FOLDER / SCHEMA_FILE).read_bytes())
        asked = RequestSchema.model_validate_json((folder / REQUEST_SCHEMA_FILE).read_bytes())
        examples = tuple(GoldenExample.model_validate(row) for row in json.loads((folder / GOLDEN_FILE).read_bytes()))
        return Bundle(
            folder,
            about,
            schema,
            asked,
            load_model_class(about.factory, str(folder / MANIFEST_FILE)).load(folder / MODEL_FOLDER),
            examples,
        )
    except (OSError, ValueError) as error:
        raise ProjectError(f"cannot be opened: {type(error).__name__}", where=str(folder), fix=RELAUNCH_FIX) from None


def find_bundle(pipeline: str, version: int) -> Bundle | None:
    """Open the bundle of a version, if there is one that is whole."""
    for folder in sorted(get_bundles_folder(pipeline).glob(f"{version}-*")):
        with contextlib.suppress(ProjectError):
            return load(folder)
    return None


def is_intact(folder: Path) -> bool:
    """Return whether a bundle is there and whole."""
    try:
        load(folder)
    except ProjectError:
        return False
    return True


def write_live_pointer(pipeline: str, live: LivePointer) -> None:
    """Let other bundles answer, in one step."""
    pointer = get_bundles_folder(pipeline) / LIVE_FILE
    with write_atomically(pointer) as part:
        part.write_text(live.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if opened := store.open_store():
        opened.push_file(pointer)


def pull_live_pointer(pipeline: str) -> None:
    """Take over what colleagues have launched, if the team has a store."""
    if opened := store.open_store():
        opened.pull_file(get_bundles_folder(pipeline) / LIVE_FILE)


def is_launched(pipeline: str) -> bool:
    """Return whether a version of a pipeline was ever launched, here or by a colleague."""
    pull_live_pointer(pipeline)
    return (get_bundles_folder(pipeline) / LIVE_FILE).exists()


def read_live_pointer(pipeline: str) -> LivePointer:
    """Return which bundles answer now.

    Raises:
        ProjectError: Nothing was launched yet, or the pointer cannot be read.
    """
    pointer = get_bundles_folder(pipeline) / LIVE_FILE
    try:
        return LivePointer.model_validate_json(pointer.read_bytes())
    except FileNotFoundError:
        raise ProjectError(f"no version of {pipeline} is launched", where=str(pointer), fix=RELAUNCH_FIX) from None
    except pydantic.ValidationError:
        raise ProjectError("is not a pointer to a bundle", where=str(pointer), fix=RELAUNCH_FIX) from None


def _verify_files(folder: Path, about: Manifest) -> None:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST_FILE}
    for name in sorted(there ^ set(about.files)):
        what = "was added" if name in there else "is missing"
        raise ProjectError(what, where=str(folder / name), fix=RELAUNCH_FIX)
    for name, digest in about.files.items():
        if compute_sha256(folder / name) != digest:
            raise ProjectError("has changed", where=str(folder / name), fix=RELAUNCH_FIX)
