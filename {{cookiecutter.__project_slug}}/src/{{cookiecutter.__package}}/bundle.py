"""What a server needs of one version, and nothing else: files with their digests, in a folder of their own.

data/serving/PIPELINE/VERSION-DIGEST/ holds

bundle.json  which version this is, and the SHA-256 of every other file; DIGEST begins its own SHA-256
model/       the files of the version as they were registered, with its schema and spec
form.json    what a request looks like
golden.json  examples with the predictions that were computed when the bundle was made

and data/serving/PIPELINE/live.json names the bundles that answer. Reading one needs neither registry nor warehouse.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
from pydantic import Field

from . import features, form, snapshot, stored
from .errors import ProjectError
from .features import Rows, Schema
from .files import scratch, sha256, whole, write_json
from .form import Form
from .model import Model, resolve
from .paths import SERVING
from .registry import SCHEMA, Version
from .settings import Settings
from .spec import Spec

ABOUT = "bundle.json"
FORM = "form.json"
GOLDEN = "golden.json"
MODEL = "model"
LIVE = "live.json"
DIGITS = 12
GOLDEN_ROWS = 20
FIX = "launch the version again: `nox -s launch`"


class About(Settings):
    """Which version a bundle holds; `files` gives the SHA-256 of each file by its path in the folder."""

    pipeline: str
    version: int
    snapshot: str
    factory: str = Field(pattern=r"^[a-z_][\w.]*:[A-Za-z_]\w*$")
    trained_at: str
    commit: str
    files: dict[str, str]


class Golden(Settings):
    """One example and what the model predicted for it offline: one number, or one for each class."""

    features: dict[str, Any]
    prediction: list[float]


class Live(Settings):
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
    about: About
    schema: Schema
    form: Form
    model: Model
    golden: tuple[Golden, ...]


def home(pipeline: str) -> Path:
    """Where a pipeline's bundles stand."""
    return SERVING / pipeline


def publish(spec: Spec, version: Version) -> Path:
    """Write the bundle of a version, whole or not at all; one that is there already is kept if it is whole.

    Args:
        spec: Today's; its `[serving]` says what is answered.
        version: An opened version; its golden examples are test rows of the snapshot that it was trained on.

    Returns:
        The bundle's folder.
    """
    if version.folder is None:
        raise ProjectError(f"version {version.number} was not opened from the registry", fix=FIX)
    target = home(version.spec.name)
    taken = snapshot.load(version.spec.name, version.snapshot)
    rows = features.rows(version.spec, version.schema, "test", stored.read(taken, version.spec, "test"))
    with scratch(target / f"{version.number}") as part:
        shutil.copytree(version.folder, part / MODEL)
        write_json(part / FORM, form.learn(spec, taken, version.schema).model_dump())
        write_json(part / GOLDEN, [example.model_dump() for example in golden(version, rows)])
        files = {path.relative_to(part).as_posix(): sha256(path) for path in sorted(part.rglob("*")) if path.is_file()}
        about = About(
            pipeline=version.spec.name,
            version=version.number,
            snapshot=version.snapshot,
            factory=version.spec.model.factory,
            trained_at=version.tags["created_at"],
            commit=version.tags["git_commit"],
            files=files,
        )
        write_json(part / ABOUT, about.model_dump())
        folder = target / f"{version.number}-{sha256(part / ABOUT)[:DIGITS]}"
        if not opens(folder):
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
    return folder


def load(folder: Path) -> Bundle:
    """Open a bundle after checking that every file is the one that was written.

    Raises:
        ProjectError: A file is missing, was added or altered; names it.
    """
    try:
        if sha256(folder / ABOUT)[:DIGITS] != folder.name.rpartition("-")[2]:
            raise ProjectError("is not the one that was written", where=str(folder / ABOUT), fix=FIX)
        about = About.model_validate_json((folder / ABOUT).read_bytes())
        _check(folder, about)
        schema = Schema.model_validate_json((folder / MODEL / SCHEMA).read_bytes())
        asked = Form.model_validate_json((folder / FORM).read_bytes())
        examples = tuple(Golden.model_validate(row) for row in json.loads((folder / GOLDEN).read_bytes()))
        return Bundle(folder, about, schema, asked, resolve(about.factory).load(folder / MODEL), examples)
    except (OSError, ValueError) as error:
        raise ProjectError(f"cannot be opened: {type(error).__name__}", where=str(folder), fix=FIX) from None


def opens(folder: Path) -> bool:
    """Whether a bundle is there and whole."""
    try:
        load(folder)
    except ProjectError:
        return False
    return True


def point(pipeline: str, live: Live) -> None:
    """Let other bundles answer, in one step."""
    with whole(home(pipeline) / LIVE) as part:
        part.write_text(live.model_dump_json(indent=2) + "\n", encoding="utf-8")


def live(pipeline: str) -> Live:
    """Which bundles answer now.

    Raises:
        ProjectError: Nothing was launched yet, or the pointer cannot be read.
    """
    pointer = home(pipeline) / LIVE
    try:
        return Live.model_validate_json(pointer.read_bytes())
    except FileNotFoundError:
        raise ProjectError(f"no version of {pipeline} is launched", where=str(pointer), fix=FIX) from None
    except pydantic.ValidationError:
        raise ProjectError("is no pointer to a bundle", where=str(pointer), fix=FIX) from None


def _check(folder: Path, about: About) -> None:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {ABOUT}
    for name in sorted(there ^ set(about.files)):
        what = "was added" if name in there else "is missing"
        raise ProjectError(what, where=str(folder / name), fix=FIX)
    for name, digest in about.files.items():
        if sha256(folder / name) != digest:
            raise ProjectError("was altered", where=str(folder / name), fix=FIX)


def golden(version: Version, rows: Rows) -> list[Golden]:
    """Examples spread over the rows, each with its prediction."""
    step = max(1, rows.table.num_rows // GOLDEN_ROWS)
    chosen = rows.table.select(version.schema.names).take(list(range(0, rows.table.num_rows, step))[:GOLDEN_ROWS])
    predicted = version.model.predict(version.schema.encode(chosen)).reshape(chosen.num_rows, -1)
    kinds = {feature.name: feature.kind for feature in version.schema.features}
    return [
        Golden(
            features={name: _plain(value, kinds[name]) for name, value in row.items()},
            prediction=[float(number) for number in numbers],
        )
        for row, numbers in zip(chosen.to_pylist(), predicted, strict=True)
    ]


def _plain(value: Any, kind: str) -> Any:
    """A value as JSON can hold it: a number, a text, or null."""
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return None
    if kind == "numeric":
        return float(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
