"""A scratch copy of the project, in which things may break."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tomlkit

from mlteam.config.spec import Spec
from mlteam.core import console, git, store
from mlteam.core.errors import ProjectError
from mlteam.core.paths import DATA, PREDICTIONS, RAW, REPORTS, SQL, STORE_VARIABLE, TRACKING_VARIABLE
from mlteam.core.sql import quote_identifier
from mlteam.data import snapshot, windows
from mlteam.registry import versions
from mlteam.registry.tracking import is_on_server
from mlteam.registry.versions import RegisteredVersion

# What a command writes for people; no drill reads it.
LEFT_OUT = (REPORTS, PREDICTIONS, DATA / "tmp")


@contextlib.contextmanager
def enter_scratch_copy(spec: Spec) -> Iterator[Spec]:
    """Copy what git tracks or would add, and data/; work there until the block ends.

    Yields:
        The pipeline, as its file says.
    """
    files = git.list_files()
    shared = _open_shared_version(spec)
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        root = Path(folder)
        # The engine runs from where it is installed.
        for path in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, root / path)
        left_out = {str(path) for path in LEFT_OUT} | {str(RAW)}
        shutil.copytree(DATA, root / DATA, ignore=lambda at, names: [n for n in names if str(Path(at, n)) in left_out])
        _link_sources(root)
        with contextlib.chdir(root), _mute(), _keep_apart():
            if shared:
                versions.register(spec, shared.snapshot, shared.schema, shared.model, shared.baseline, shared.linear)
            yield windows.load_spec(spec.name)


def _open_shared_version(spec: Spec) -> RegisteredVersion | None:
    """Open the candidate if its record is outside data/, so that the copy gets one of its own; None if data/ has it."""
    if store.open_store() is None and not is_on_server():
        return None
    try:
        opened = versions.open_version(spec)
    except ProjectError:
        return None
    snapshot.load(spec.name, opened.snapshot)
    return opened


@contextlib.contextmanager
def _keep_apart() -> Iterator[None]:
    """Let nothing that happens in the copy reach the team's store or server."""
    before = {name: os.environ.get(name) for name in (STORE_VARIABLE, TRACKING_VARIABLE)}
    os.environ[STORE_VARIABLE] = ""
    os.environ.pop(TRACKING_VARIABLE, None)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _link_sources(root: Path) -> None:
    """Link the fetched sources, which may be large; a drill that changes one replaces the link."""
    for path in RAW.rglob("*") if RAW.exists() else ():
        if path.is_file():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(path.absolute())


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    quiet, console.out.quiet = console.out.quiet, True
    level = console.logger.level
    console.logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        console.out.quiet = quiet
        console.logger.setLevel(level)


def wrap_features_model(spec: Spec, select: str) -> None:
    """Replace the SQL of the features by a query over what it gave, without its contract.

    Args:
        spec: Names the relation.
        select: What to select from `features`.

    Raises:
        ProjectError: No SQL model makes the relation.
    """
    _, _, table = spec.data.relation.partition(".")
    found = next((SQL / "models").rglob(f"{table}.sql"), None)
    if found is None:
        raise ProjectError(f"no model in {SQL}/models makes {spec.data.relation}")
    text = "{{ config(contract={'enforced': false}) }}\n"
    text += f"with features as (\n{found.read_text(encoding='utf-8')}\n)\nselect {select} from features\n"
    found.write_text(text, encoding="utf-8")


def add_numeric_feature(spec: Spec, name: str) -> Spec:
    """Add a numeric feature to the pipeline file; return the pipeline."""
    text = spec.path.read_text(encoding="utf-8")
    document = tomlkit.parse(text)
    features = document["features"]
    features["numeric"] = [*features.get("numeric", []), name]
    spec.path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return windows.load_spec(spec.name)


def express_label(spec: Spec) -> str:
    """Return SQL that makes a number of the label."""
    label = quote_identifier(spec.data.label)
    if spec.task == "regression":
        return f"cast({label} as double)"
    return f"cast(hash(cast({label} as varchar)) % 1000003 as double)"


def rewrite_text(path: Path, pattern: str, new: str) -> None:
    """Replace the first match of a pattern in a file.

    Raises:
        ProjectError: There is none.
    """
    text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1)
    if not count:
        raise ProjectError(f"nothing to break: no {pattern!r}", where=str(path))
    path.write_text(text, encoding="utf-8")
