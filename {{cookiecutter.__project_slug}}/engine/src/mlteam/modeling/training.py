"""The rows that training reads."""

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.data import datasets
from mlteam.data.datasets import LazySnapshotTable
from mlteam.data.features import Examples, Schema
from mlteam.data.snapshot import Snapshot


def load_training_examples(spec: Spec, taken: Snapshot) -> tuple[Schema, Examples, Examples]:
    """Return the features as the training rows show them, the training rows, and those of the validation."""
    return encode_training_rows(spec, *open_training_rows(spec, taken))


def open_training_rows(spec: Spec, taken: Snapshot) -> tuple[LazySnapshotTable, LazySnapshotTable]:
    """Find the training rows and those of the validation; their columns are read one by one when they are needed."""
    return datasets.LazySnapshotTable(taken, spec, "train"), datasets.LazySnapshotTable(taken, spec, "validation")


def encode_training_rows(
    spec: Spec, train: LazySnapshotTable, validation: LazySnapshotTable
) -> tuple[Schema, Examples, Examples]:
    """Return the features as the training rows show them, and both sets of rows as a model takes them."""
    from mlteam.data import features

    with console.show_progress("read and encode the rows"):
        schema = features.learn_schema(spec, train)
        learn = features.build_examples(spec, schema, "train", train)
        watch = features.build_examples(spec, schema, "validation", validation)
    return schema, learn, watch
