"""Variants of the small project: another label, a trained version, a model that explains nothing."""

import dataclasses

from conftest import edit, run_sql

from mlteam.commands import train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.data import datasets, features, snapshot
from mlteam.data.features import EvaluationRows
from mlteam.registry.versions import RegisteredVersion

METRICS = '["roc_auc", "average_precision", "log_loss", "brier_score"]'


def become(spec: Spec, task: str, label: str, metrics: str) -> Spec:
    """The same pipeline with another label."""
    run_sql(f"alter table features.flights add column target varchar; update features.flights set target = {label}")
    if task == "regression":
        run_sql("alter table features.flights alter target type double")
    edit(spec.path, 'label = "late"', 'label = "target"')
    edit(spec.path, 'task = "binary"', f'task = "{task}"')
    edit(spec.path, METRICS, metrics)
    edit(spec.path, 'primary = "roc_auc"', f"primary = {metrics.strip('[]').split(',')[0]}")
    return pipelines.load_spec(None)


def rows_of(spec: Spec, version: RegisteredVersion) -> EvaluationRows:
    return features.build_evaluation_rows(
        spec, version.schema, "test", datasets.read_snapshot_rows(snapshot.load_newest(spec.name), spec, "test")
    )


def trained(spec: Spec) -> tuple[RegisteredVersion, EvaluationRows]:
    version = train.train_version(spec, snapshot.take(spec))
    return version, rows_of(spec, version)


def without_contributions(version: RegisteredVersion) -> RegisteredVersion:
    return dataclasses.replace(version, model=version.baseline)
