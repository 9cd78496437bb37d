"""`train`: train a model and its baseline, or train a registered version further."""

from mlteam.config.spec import ModelSpec, Spec
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.provenance import is_current
from mlteam.data import datasets, snapshot, windows
from mlteam.data.snapshot import Snapshot
from mlteam.modeling.training import load_training_examples, reserve_scratch
from mlteam.registry import versions
from mlteam.registry.version_rows import build_evaluation_spec, load_version_rows
from mlteam.registry.versions import RegisteredVersion

LINEAR = ModelSpec(factory="mlteam.modeling:Linear")


def train_version(spec: Spec, taken: Snapshot) -> RegisteredVersion:
    """Train the model, its baseline and a linear model on the training rows, register them as the candidate."""
    from mlteam.modeling import model, workers
    from mlteam.modeling.linear import Linear

    spec = windows.fix_windows(spec, taken)
    windows.reject_unsplit_rows(spec, taken)
    with reserve_scratch(spec) as scratch:
        schema, learn, watch = load_training_examples(spec, taken, scratch)
        with console.show_progress(f"train on {len(learn.label):,} rows"):
            baseline = model.fit_model(spec, "baseline", learn, watch, schema)
            linear = Linear.fit(learn, watch, schema, LINEAR)
            if spec.training.is_shared:
                trained = workers.fit_on_workers(spec, taken, schema)
            else:
                trained = model.fit_model(spec, "model", learn, watch, schema)
    with console.show_progress("register"):
        version = versions.register(spec, taken.digest, schema, trained, baseline, linear)
    console.print_line(f"registered {spec.name} version {version.number} as {versions.CANDIDATE}")
    if version.tags["git_commit"] == "None" or version.tags["git_dirty"] == "True":
        console.print_line("note: trained on uncommitted files, so `launch` rejects it: commit, then train again")
    return version


def find_version_of_same_rows(spec: Spec, taken: Snapshot) -> int | None:
    """Return the newest version if training again would learn the same: same rows, same settings; else None."""
    numbers = [number for number, _ in versions.list_versions(spec)]
    if not numbers:
        return None
    newest = versions.open_version(spec, str(numbers[-1]))
    learned = ("task", "data", "features", "model", "baseline", "training")
    tags = newest.tags
    if tags["git_commit"] != "None" and not is_current(tags["git_commit"], dirty=tags["git_dirty"] != "False"):
        return None
    if any(getattr(newest.spec, part) != getattr(spec, part) for part in learned):
        return None
    before = snapshot.load(spec.name, newest.snapshot)
    for split in ("train", "validation"):
        if datasets.digest_split(before, newest.spec, split) != datasets.digest_split(taken, spec, split):
            return None
    return newest.number


def fine_tune(spec: Spec, parent: RegisteredVersion, dataset: str) -> RegisteredVersion:
    """Train a registered version further on other rows of its training split, and register the result.

    Args:
        spec: Gives the parameters of the further training, and the dataset.
        parent: The version to go on from; its snapshot, categories and baseline stay.
        dataset: A dataset of the spec with `split = "train"`.

    Raises:
        ProjectError: The dataset holds rows that a model is evaluated on.
    """
    declared, file = spec.datasets.get(dataset), datasets.resolve_dataset_file(spec, dataset)
    if file:
        what = f"the rows of {file} are for evaluation, not for training"
        fix = 'bring them into the features model, or name a dataset with split = "train"'
        raise ProjectError(what, where=str(spec.path), fix=fix)
    if declared and declared.split != "train":
        what = f"dataset {dataset} has rows of the split {declared.split}, which is not for training"
        raise ProjectError(what, where=str(spec.path), fix='write split = "train" in its table')
    if spec.model.factory != parent.spec.model.factory:
        what = f"version {parent.number} is a {parent.spec.model.factory}, and the file says {spec.model.factory}"
        raise ProjectError(what, where=str(spec.path), fix="name its factory under [model], or another version")
    trained = build_evaluation_spec(spec, parent).model_copy(update={"model": spec.model})
    learn, watch = load_version_rows(trained, parent, dataset), load_version_rows(trained, parent, "validation")
    with console.show_progress(f"train version {parent.number} further on {len(learn.label):,} rows"):
        model = parent.model.fit_more(learn, watch, parent.schema, trained.model)
    with console.show_progress("register"):
        tags = {"parent": str(parent.number), "dataset": dataset}
        version = versions.register(
            trained, parent.snapshot, parent.schema, model, parent.baseline, parent.linear, **tags
        )
    console.print_line(
        f"registered {spec.name} version {version.number}, continued from {parent.number}, as {versions.CANDIDATE}"
    )
    return version
