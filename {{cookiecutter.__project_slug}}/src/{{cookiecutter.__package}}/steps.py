"""The steps of a pipeline, each of which leaves its result behind or nothing."""

from collections.abc import Sequence
from pathlib import Path

from . import console, datasets, page, registry, snapshot, sources, stored, upstream, warehouse
from .errors import ProjectError
from .evaluation import Judgement
from .features import Examples, Rows, Schema
from .registry import Version
from .snapshot import Snapshot
from .spec import Spec, names


def data(spec: Spec) -> Snapshot:
    """Fetch what is missing upstream, build and test the SQL, take a snapshot."""
    for source in sources.declared():
        if source.location and not source.location.exists():
            with console.step(f"fetch {source.name}"):
                upstream.fetch(source)
        upstream.check(source)
    # A pipeline beside others builds what it needs: what is wrong with their tables is not its concern.
    _, _, table = spec.data.relation.partition(".")
    with console.step("build and test the SQL") as progress:
        warehouse.build(progress, [f"+{table}"] if len(names()) > 1 else [])
    with console.step("take the snapshot"):
        taken = snapshot.take(spec)
    console.say(f"snapshot {taken.folder}: {taken.metadata['rows']:,} rows")
    return taken


def train(spec: Spec, taken: Snapshot) -> Version:
    """Train the model and its baseline on the training rows, register them as the candidate."""
    from . import model

    schema, learn, watch = learning(spec, taken)
    with console.step(f"train on {len(learn.label):,} rows"):
        baseline = model.fit(spec, "baseline", learn, watch, schema)
        trained = model.fit(spec, "model", learn, watch, schema)
    with console.step("register"):
        version = registry.register(spec, taken.digest, schema, trained, baseline)
    console.say(f"registered {spec.name} version {version.number} as {registry.CANDIDATE}")
    return version


def learning(spec: Spec, taken: Snapshot) -> tuple[Schema, Examples, Examples]:
    """The features as the training rows show them, the training rows, and those of the validation."""
    from . import features

    with console.step("read and encode the rows"):
        rows = stored.ByColumn(taken, spec, "train")
        schema = features.learn_schema(spec, rows)
        learn = features.examples(spec, schema, "train", rows)
        watch = features.examples(spec, schema, "validation", stored.ByColumn(taken, spec, "validation"))
    return schema, learn, watch


def fine_tune(spec: Spec, parent: Version, dataset: str) -> Version:
    """Train a registered version further on other rows of its training split, and register the result.

    Args:
        spec: Gives the parameters of the further training, and the dataset.
        parent: The version to go on from; its snapshot, categories and baseline stay.
        dataset: A dataset of the spec with `split = "train"`.

    Raises:
        ProjectError: The dataset holds rows that a model is judged on.
    """
    declared, file = spec.datasets.get(dataset), datasets.file_of(spec, dataset)
    if file:
        what = f"the rows of {file} are there to judge models on, and must not be learned from"
        fix = 'bring them into the features model, or name a dataset with split = "train"'
        raise ProjectError(what, where=str(spec.path), fix=fix)
    if declared and declared.split != "train":
        what = f"dataset {dataset} holds rows of the split {declared.split}, which must not be learned from"
        raise ProjectError(what, where=str(spec.path), fix='say split = "train" in its table')
    if spec.model.factory != parent.spec.model.factory:
        what = f"version {parent.number} is a {parent.spec.model.factory}, and the file says {spec.model.factory}"
        raise ProjectError(what, where=str(spec.path), fix="name its factory under [model], or another version")
    trained = as_trained(spec, parent).model_copy(update={"model": spec.model})
    learn, watch = rows(trained, parent, dataset), rows(trained, parent, "validation")
    with console.step(f"train version {parent.number} further on {len(learn.label):,} rows"):
        model = parent.model.continued(learn, watch, parent.schema, trained.model)
    with console.step("register"):
        said = {"parent": str(parent.number), "dataset": dataset}
        version = registry.register(trained, parent.snapshot, parent.schema, model, parent.baseline, **said)
    console.say(
        f"registered {spec.name} version {version.number}, continued from {parent.number}, as {registry.CANDIDATE}"
    )
    return version


def evaluate(spec: Spec, version: Version, on: Sequence[str] = ()) -> Path:
    """Judge a version on datasets; print the tables, write the report and its path.

    Args:
        spec: Names metrics, slices and datasets.
        version: What is judged.
        on: Which ones, or files; every one that the spec knows, but the training rows, where nothing is said.
    """
    from . import evaluation, report
    from .files import write_json

    taken = snapshot.load(spec.name, version.snapshot)
    spec = as_trained(spec, version)
    sections = []
    for name in on or spec.judged:
        with console.step(f"judge on {name}"):
            data = rows(spec, version, name)
            ours, theirs = version.model.predict(data.matrix), version.baseline.predict(data.matrix)
            judgement = evaluation.judge(spec, data, ours, theirs)
        sections.append(report.Section(judgement, data, ours, theirs))
    target = page.named(spec.name, f"v{version.number}", *on)
    numbers = target.with_suffix(".json")
    judgements = [section.judgement for section in sections]
    with console.step("write the report"):
        report.write(target, spec, version, taken.metadata, sections)
        content = {"version": version.number, "snapshot": taken.digest, "datasets": [j.as_json() for j in judgements]}
        write_json(numbers, content)
        registry.record(version, judgements, [target, numbers])
    for section in sections:
        _print(spec, version, section.judgement)
        learned = datasets.learned_from(spec, version.spec, taken, section.data.name, section.data.table)
        if note := datasets.learned_note(spec, version.number, learned):
            console.say(f"note: {section.data.name}: {note}")
        if missing := datasets.unsliced(spec, section.data.table):
            console.say(f"note: {section.data.name}: {missing}")
    console.say(f"report: {target}")
    return target


def as_trained(spec: Spec, version: Version) -> Spec:
    """The spec that a version was trained by, with today's metrics, slices and datasets.

    Rows and splits are those of the training, whatever the file says by now: a model never meets rows it has seen.
    """
    return version.spec.model_copy(update={"evaluation": spec.evaluation, "datasets": spec.datasets})


def rows(spec: Spec, version: Version, dataset: str, where: str | None = None) -> Rows:
    """The rows of a dataset in the snapshot that a version was trained on, or those that SQL chooses, ready for it."""
    return datasets.examples(spec, version.schema, snapshot.load(spec.name, version.snapshot), dataset, where)


def _print(spec: Spec, version: Version, judgement: Judgement) -> None:
    title = f"{spec.name} version {version.number} on {judgement.dataset}: {judgement.rows:,} rows"
    rows = [
        [row.metric, row.model.text(), row.baseline.text(), row.gain.text(signed=True)] for row in judgement.metrics
    ]
    console.table(title, ["metric", "model", "baseline", "gain"], rows)
