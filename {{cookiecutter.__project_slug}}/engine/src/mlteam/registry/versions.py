"""The record of every model: MLflow keeps parameters, metrics, files and versions."""

import datetime as dt
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlteam.config.spec import SPEC_FILE, ModelSpec, Spec
from mlteam.core import provenance
from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path
from mlteam.core.paths import ARTIFACTS
from mlteam.core.references import describe_error
from mlteam.data.features import SCHEMA_FILE, Schema
from mlteam.modeling.model import Model, load_model_class
from mlteam.registry.artifacts import ARTIFACT_PATH, fetch_model, hash_folder
from mlteam.registry.tracking import create_mlflow_client, get_artifacts_folder, is_on_server

if TYPE_CHECKING:
    from mlflow import MlflowClient


CANDIDATE = "candidate"
LINEAR_FACTORY = "mlteam.modeling:Linear"
MAX_LISTED_VERSIONS = 10


@dataclass(frozen=True)
class RegisteredVersion:
    """One registered model with what is needed to use and evaluate it.

    Attributes:
        number: Counted from 1 within the pipeline.
        run_id: Where MLflow keeps it.
        spec: The one that it was trained by.
        snapshot: Digest of the data that it was trained on.
        schema: The features as training saw them.
        model: The model.
        baseline: What it had to beat.
        linear: A linear model of the same rows; None for versions that were registered without one.
        tags: Provenance and digests, as they were registered.
        folder: Its files, once they were fetched and found to be those that were registered.
    """

    number: int
    run_id: str
    spec: Spec
    snapshot: str
    schema: Schema
    model: Model
    baseline: Model
    linear: Model | None = None
    tags: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


def register(
    spec: Spec, snapshot: str, schema: Schema, model: Model, baseline: Model, linear: Model | None, **more_tags: str
) -> RegisteredVersion:
    """Record a trained model and its baseline, and make it the candidate.

    Args:
        spec: What it was made from; its file is kept with it.
        snapshot: Digest of the data that it was trained on.
        schema: The features as training saw them.
        model: The model.
        baseline: What it has to beat.
        linear: A linear model of the same rows, which it should beat, if there is one.
        more_tags: Further tags, such as the version that the training went on from.
    """
    tracking = create_mlflow_client()
    experiment = _ensure_experiment(tracking, spec)
    tags = {"snapshot": snapshot, **_flatten_tags(provenance.collect_provenance()), **more_tags}
    beside = {SCHEMA_FILE: schema.model_dump_json(indent=1), SPEC_FILE: spec.model_dump_json(indent=1, by_alias=True)}
    with _start_run(tracking, experiment, "baseline", tags) as baseline_run:
        _log_model(tracking, baseline_run, spec.baseline, baseline, beside)
    if linear is not None:
        with _start_run(tracking, experiment, "linear", tags) as linear_run:
            _log_model(tracking, linear_run, ModelSpec(factory=LINEAR_FACTORY), linear, beside)
        tags = tags | {"linear_run": linear_run}
    with _start_run(tracking, experiment, "model", tags) as run:
        digest = _log_model(tracking, run, spec.model, model, beside)
    if not tracking.search_registered_models(f"name='{spec.name}'"):
        tracking.create_registered_model(spec.name, description=spec.description)
    source = f"{tracking.get_run(run).info.artifact_uri}/{ARTIFACT_PATH}"
    tags |= {"content_sha256": digest, "baseline_run": baseline_run, **_flatten_tags({"param": spec.model.params})}
    made = tracking.create_model_version(spec.name, source, run, tags=tags)
    tracking.set_registered_model_alias(spec.name, CANDIDATE, made.version)
    return RegisteredVersion(int(made.version), run, spec, snapshot, schema, model, baseline, linear, tags)


def open_version(spec: Spec, which: str = CANDIDATE) -> RegisteredVersion:
    """Open a registered version by its number or alias.

    Raises:
        ProjectError: There is none, or its files are not those that were registered.
    """
    from mlflow.exceptions import MlflowException

    tracking = create_mlflow_client()
    ask = tracking.get_model_version if which.isdecimal() else tracking.get_model_version_by_alias
    try:
        found = ask(spec.name, which)
    except MlflowException:
        there = [str(number) for number, _ in list_versions(spec)]
        fix = f"there are {', '.join(there[-MAX_LISTED_VERSIONS:])}, and {CANDIDATE}" if there else "run `nox -s train`"
        raise ProjectError(f"{spec.name} has no version {which!r}", where="registry", fix=fix) from None
    folder, model = fetch_model(tracking, found.run_id, found.tags["content_sha256"])
    _, baseline = fetch_model(tracking, found.tags["baseline_run"])
    linear = fetch_model(tracking, found.tags["linear_run"])[1] if "linear_run" in found.tags else None
    schema = Schema.model_validate_json((folder / SCHEMA_FILE).read_text(encoding="utf-8"))
    own = Spec.model_validate_json((folder / SPEC_FILE).read_text(encoding="utf-8"))
    tags = dict(found.tags)
    return RegisteredVersion(
        int(found.version), found.run_id, own, tags["snapshot"], schema, model, baseline, linear, tags, folder
    )


def list_versions(spec: Spec) -> list[tuple[int, dt.datetime]]:
    """Return all versions of a pipeline's model and when each was registered (UTC), the oldest first."""
    found = create_mlflow_client().search_model_versions(f"name = '{spec.name}'", max_results=10_000)
    stamped = [(int(v.version), dt.datetime.fromtimestamp(v.creation_timestamp / 1000, dt.UTC)) for v in found]
    return sorted(stamped)


def get_model_tags(spec: Spec) -> dict[str, str]:
    """Return the tags of a pipeline's registered model; none before its first training."""
    from mlflow.exceptions import MlflowException

    try:
        return dict(create_mlflow_client().get_registered_model(spec.name).tags)
    except MlflowException as error:
        # Only a model that does not exist has no tags: a server that fails once must not look like an empty launch log.
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}


def set_model_tag(spec: Spec, key: str, value: str) -> None:
    """Set a tag of a pipeline's registered model."""
    create_mlflow_client().set_registered_model_tag(spec.name, key, value)


def set_aliases(spec: Spec, wanted: dict[str, int | None]) -> None:
    """Let each alias name its version, or none."""
    tracking = create_mlflow_client()
    if not tracking.search_registered_models(f"name='{spec.name}'"):
        return
    there = tracking.get_registered_model(spec.name).aliases
    for alias, number in wanted.items():
        if number is None and alias in there:
            tracking.delete_registered_model_alias(spec.name, alias)
        elif number is not None and str(there.get(alias)) != str(number):
            tracking.set_registered_model_alias(spec.name, alias, str(number))


def _ensure_experiment(tracking: "MlflowClient", spec: Spec) -> str:
    found = tracking.get_experiment_by_name(spec.name)
    if found:
        return str(found.experiment_id)
    folder = None if is_on_server() else (get_artifacts_folder() / spec.name).as_posix()
    return str(tracking.create_experiment(spec.name, folder))


@contextmanager
def _start_run(tracking: "MlflowClient", experiment: str, role: str, tags: dict[str, str]) -> Iterator[str]:
    """Open a run that ends as FINISHED or FAILED; one that was killed while it ran is ended here first."""
    for left in tracking.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if _is_dead(left.data.tags):
            tracking.set_terminated(left.info.run_id, "KILLED")
    process = {"host": platform.node(), "pid": str(os.getpid())}
    run = tracking.create_run(experiment, tags=tags | process | {"role": role}, run_name=role).info.run_id
    try:
        yield run
    except BaseException:
        tracking.set_terminated(run, "FAILED")
        raise
    tracking.set_terminated(run)


def _is_dead(tags: dict[str, str]) -> bool:
    """Return whether a run's process was one of this machine and has ended; a colleague's run is left alone."""
    if tags.get("host") != platform.node() or not tags.get("pid", "").isdecimal():
        return False
    try:
        os.kill(int(tags["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(tags["pid"]) == os.getpid()


def _log_model(tracking: "MlflowClient", run: str, factory: ModelSpec, model: Model, beside: dict[str, str]) -> str:
    """Log a model with its parameters and facts, and the texts beside it; return the digest of all files."""
    for key, value in {"seed": factory.seed, **factory.params}.items():
        tracking.log_param(run, key, value)
    for key, value in model.metadata().items():
        tracking.log_metric(run, key, value)
    with reserve_temporary_path(ARTIFACTS / run) as part:
        folder = part / ARTIFACT_PATH
        model.save(folder)
        _check_reopens(factory, folder)
        for name, text in beside.items():
            (folder / name).write_text(text, encoding="utf-8")
        digest = hash_folder(folder)
        tracking.log_artifacts(run, str(folder), ARTIFACT_PATH)
    tracking.set_tag(run, "content_sha256", digest)
    tracking.set_tag(run, "factory", factory.factory)
    return digest


def _check_reopens(factory: ModelSpec, folder: Path) -> None:
    """Refuse a model that could be registered, but never opened again."""
    try:
        load_model_class(factory.factory, factory.factory).load(folder)
    except ProjectError:
        raise
    except Exception as error:
        what = f"a saved model cannot be loaded again: {describe_error(error)}"
        raise ProjectError(what, where=factory.factory, fix="fix its methods save and load") from None


def _flatten_tags(nested: dict[str, Any]) -> dict[str, str]:
    """Tags of one level, such as libraries.duckdb."""
    flat: dict[str, str] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": text for inner, text in _flatten_tags(value).items()}
        else:
            flat[key] = str(value)
    return flat
