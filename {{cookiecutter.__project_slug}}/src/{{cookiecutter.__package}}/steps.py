"""The steps of a pipeline, each of which leaves its result behind or nothing."""

from pathlib import Path

from . import console, registry, snapshot, sources, upstream, warehouse
from .evaluation import Judgement
from .metrics import Estimate
from .paths import REPORTS
from .registry import Version
from .snapshot import Snapshot
from .spec import Spec


def data(spec: Spec) -> Snapshot:
    """Fetch what is missing upstream, build and test the SQL, take a snapshot."""
    for source in sources.declared():
        if source.location and not source.location.exists():
            with console.step(f"fetch {source.name}"):
                upstream.fetch(source)
        upstream.check(source)
    with console.step("build and test the SQL") as progress:
        warehouse.build(progress)
    with console.step("take the snapshot"):
        taken = snapshot.take(spec)
    console.say(f"snapshot {taken.folder}: {taken.metadata['rows']:,} rows")
    return taken


def train(spec: Spec, taken: Snapshot) -> Version:
    """Train the model and its baseline on the training rows, register them as the candidate."""
    from . import features, model

    with console.step("read and encode the rows"):
        rows = features.read(taken, spec, "train")
        schema = features.learn_schema(spec, rows)
        learn = features.examples(spec, schema, "train", rows)
        watch = features.examples(spec, schema, "validation", features.read(taken, spec, "validation"))
    with console.step(f"train on {len(learn.label):,} rows"):
        baseline = model.fit(spec, "baseline", learn, watch, schema)
        trained = model.fit(spec, "model", learn, watch, schema)
    with console.step("register"):
        version = registry.register(spec, taken.digest, schema, trained, baseline)
    console.say(f"registered {spec.name} version {version.number} as {registry.CANDIDATE}")
    return version


def evaluate(spec: Spec, version: Version) -> Path:
    """Judge a version on the splits that it did not learn from; print the table, write the report and its path."""
    from . import evaluation, features, report
    from .files import write_json

    taken = snapshot.load(spec.name, version.snapshot)
    # Rows and splits are those of the training, whatever the file says by now: a model never meets rows it has seen.
    spec = version.spec.model_copy(update={"evaluation": spec.evaluation})
    sections = []
    for split in ("test", "validation"):
        with console.step(f"judge on {split}"):
            rows = features.examples(spec, version.schema, split, features.read(taken, spec, split))
            ours, theirs = version.model.predict(rows.matrix), version.baseline.predict(rows.matrix)
            judgement = evaluation.judge(spec, rows, ours, theirs)
        sections.append(report.Section(judgement, rows, ours, theirs))
    page = REPORTS / f"{spec.name}-v{version.number}.html"
    numbers = page.with_suffix(".json")
    judgements = [section.judgement for section in sections]
    with console.step("write the report"):
        report.write(page, spec, version, taken.metadata, sections)
        write_json(
            numbers,
            {"version": version.number, "snapshot": taken.digest, "datasets": [j.as_json() for j in judgements]},
        )
        registry.record(version, judgements, [page, numbers])
    for judgement in judgements:
        _print(spec, version, judgement)
    console.say(f"report: {page}")
    return page


def _print(spec: Spec, version: Version, judgement: Judgement) -> None:
    title = f"{spec.name} version {version.number} on {judgement.dataset}: {judgement.rows:,} rows"
    rows = [
        [row.metric, _text(row.model), _text(row.baseline), _text(row.gain, signed=True)] for row in judgement.metrics
    ]
    console.table(title, ["metric", "model", "baseline", "gain"], rows)


def _text(estimate: Estimate, *, signed: bool = False) -> str:
    if estimate.value is None:
        return f"not defined: {estimate.undefined}"
    return f"{estimate.value:{'+' if signed else ''}.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"
