"""The rows that training reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.files import hold_lock, reserve_temporary_path
from mlteam.core.paths import TRAINING
from mlteam.data import datasets
from mlteam.data.datasets import LazySnapshotTable
from mlteam.data.features import Examples, Schema, TableLike
from mlteam.data.snapshot import Snapshot


@contextmanager
def reserve_scratch(spec: Spec, part: str = "") -> Iterator[Path | None]:
    """Hand out the folder for what training keeps on disk, if the pipeline says so, and remove it at the end.

    Args:
        spec: Says so.
        part: Of several trainings at once, which one this is.

    Raises:
        ProjectError: Another process has this folder.
    """
    if spec.training.memory == "ram":
        yield None
        return
    home = TRAINING / f"{spec.name}{part}"
    # Another training of the same pipeline would take its files for those of one that was killed.
    what = f"the training files of {home.name} are used by another process"
    lock = hold_lock(home.with_suffix(".lock"), what, "wait for it to end, then run the command again")
    with lock, reserve_temporary_path(home) as folder:
        folder.mkdir()
        yield folder


def load_training_examples(
    spec: Spec, taken: Snapshot, scratch: Path | None = None
) -> tuple[Schema, Examples, Examples]:
    """Return the features as the training rows show them, the training rows, and those of the validation."""
    return encode_training_rows(spec, *open_training_rows(spec, taken), scratch)


def open_training_rows(spec: Spec, taken: Snapshot) -> tuple[LazySnapshotTable, LazySnapshotTable]:
    """Find the training rows and those of the validation; their columns are read one by one when they are needed."""
    return datasets.LazySnapshotTable(taken, spec, "train"), datasets.LazySnapshotTable(taken, spec, "validation")


def encode_training_rows(
    spec: Spec, train: TableLike, validation: TableLike, scratch: Path | None = None
) -> tuple[Schema, Examples, Examples]:
    """Return the features as the training rows show them, and both sets of rows as a model takes them.

    Args:
        spec: Names the features and the label.
        train: The training rows.
        validation: Those of the validation.
        scratch: Where their matrices are kept; in memory where nothing is said.
    """
    from mlteam.data import features

    with console.show_progress("read and encode the rows"):
        schema = features.learn_schema(spec, train)
        learn = features.build_examples(spec, schema, "train", train, scratch)
        watch = features.build_examples(spec, schema, "validation", validation, scratch)
    return schema, learn, watch
