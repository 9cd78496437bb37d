"""The rows that a registered version is evaluated on."""

from mlteam.config.spec import Spec
from mlteam.data import datasets, snapshot
from mlteam.data.features import EvaluationRows
from mlteam.registry.versions import RegisteredVersion


def build_evaluation_spec(spec: Spec, version: RegisteredVersion) -> Spec:
    """Return the spec that a version was trained by, with today's metrics, slices and datasets.

    Rows and splits are those of the training, whatever the file says by now: a model never meets rows it has seen.
    """
    return version.spec.model_copy(update={"evaluation": spec.evaluation, "datasets": spec.datasets})


def load_version_rows(spec: Spec, version: RegisteredVersion, dataset: str, where: str | None = None) -> EvaluationRows:
    """Load the rows of a dataset, or those that SQL chooses, from the snapshot that a version was trained on."""
    return datasets.load_evaluation_rows(
        spec, version.schema, snapshot.load(spec.name, version.snapshot), dataset, where
    )
