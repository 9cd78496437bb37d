"""The rows that training reads."""

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.data import datasets
from mlteam.data.features import Examples, Schema
from mlteam.data.snapshot import Snapshot


def load_training_examples(spec: Spec, taken: Snapshot) -> tuple[Schema, Examples, Examples]:
    """Return the features as the training rows show them, the training rows, and those of the validation."""
    from mlteam.data import features

    with console.show_progress("read and encode the rows"):
        rows = datasets.LazySnapshotTable(taken, spec, "train")
        schema = features.learn_schema(spec, rows)
        learn = features.build_examples(spec, schema, "train", rows)
        watch = features.build_examples(
            spec, schema, "validation", datasets.LazySnapshotTable(taken, spec, "validation")
        )
    return schema, learn, watch
