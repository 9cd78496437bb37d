"""A launched version without gates, which have tests of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import lay_out

from {{ cookiecutter.__package }} import bundle, launch, launches, registry, snapshot, steps
from {{ cookiecutter.__package }} import spec as specs
from {{ cookiecutter.__package }}.bundle import Bundle
from {{ cookiecutter.__package }}.launches import Record
from {{ cookiecutter.__package }}.spec import Spec

GOOD = {"carrier": "XX", "hour": 12, "wind": 3.5}


def put(spec: Spec, *, rounds: int = 30, kind: str = "launch", share: float = 0) -> Bundle:
    """Train a version and let it answer."""
    changed = spec.model_copy(update={"model": spec.model.model_copy(update={"params": {"rounds": rounds}})})
    number = steps.train(changed, snapshot.take(spec)).number
    folder = bundle.publish(spec, registry.open_version(spec, str(number)))
    at = launches.now(launches.state(spec))
    said = {"at": at, "kind": kind, "version": number, "folder": folder.name, "canary_share": share}
    launches.write(spec, Record.model_validate({**said, "by": "ada", "reason": "test"}))
    launch.follow(spec)
    return bundle.load(folder)


@contextmanager
def launched(folder: Path) -> Iterator[Bundle]:
    """A project in the folder with its first champion; the folder is the working directory meanwhile."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        lay_out(folder)
        yield put(specs.choose(None))
    finally:
        os.chdir(before)
