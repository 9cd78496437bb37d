"""The drills: what is broken, and which check must notice."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.files import write_atomically
from mlteam.core.paths import ARTIFACTS, TEAM_FILE
from mlteam.core.sql import quote_identifier, quote_literal
from mlteam.data import leak_report, warehouse
from mlteam.data.sources import SOURCES_FILE
from mlteam.drills import rehearsals, served
from mlteam.drills.scratch import add_numeric_feature, express_label, rewrite_text, wrap_features_model
from mlteam.launch import evidence, gates
from mlteam.registry import versions

LEAK = "drill_feature"
LONG_AGO = "timestamp '2000-01-01'"


@dataclass(frozen=True)
class Drill:
    """One fault.

    Attributes:
        name: What is broken.
        command: Who must notice it.
        run: Breaks it in the working directory, and returns what was noticed, or nothing.
    """

    name: str
    command: str
    run: Callable[[Spec], str]


def list_drills(generate: Callable[[Spec], object], roll_back: Callable[[Spec], object]) -> Iterator[Drill]:
    """Yield every drill.

    Args:
        generate: The command `data`, which is above this room.
        roll_back: The command `rollback`, likewise.
    """

    def notice(broken: Callable[[Spec], Spec | None], expected: str = "") -> Callable[[Spec], str]:
        def run(spec: Spec) -> str:
            changed = broken(spec) or spec
            try:
                generate(changed)
            except ProjectError as error:
                said = f"{error.where}: {error.what}" if error.where else error.what
                return said if (expected or spec.features.names[-1]) in said else ""
            return ""

        return run

    yield Drill("the label is a feature", "data", notice(_leak_label, "suspected leak"))
    yield Drill("a feature looks ahead", "time_travel", _look_ahead)
    yield Drill("a column is gone", "data", notice(_drop_column))
    yield Drill("a source is stale", "data", notice(_age_source, "is stale"))
    yield Drill("the model is as weak as its baseline", "launch", _degrade_model)
    yield Drill("the files of a model were swapped", "evaluate", _swap_artifact)
    yield Drill("a feature shifts", "monitor", _shift_feature)
    yield Drill("labels turn round", "monitor", _flip_labels)
    yield Drill("a person has no address", "process", _remove_contact)
    yield Drill("a canary fails", "serve", rehearsals.fail_canary)
    yield Drill("a bad version is launched", "rollback", lambda spec: rehearsals.take_back(spec, roll_back))


def _leak_label(spec: Spec) -> Spec:
    wrap_features_model(spec, f"*, {express_label(spec)} as {LEAK}")
    return add_numeric_feature(spec, LEAK)


def _look_ahead(spec: Spec) -> str:
    wrap_features_model(spec, f"*, avg({express_label(spec)}) over () as {LEAK}")
    changed = add_numeric_feature(spec, LEAK)
    warehouse.build_apart(Path("sql"), spec.data.relation)
    report = leak_report.make_report(changed, lambda _: None)
    return report.describe() if any(leak.column == LEAK for leak in report.leaks) else ""


def _drop_column(spec: Spec) -> None:
    wrap_features_model(spec, f"* exclude ({quote_identifier(spec.features.names[-1])})")


def _age_source(spec: Spec) -> None:
    used = warehouse.load_upstream_sources(spec.data.relation)
    watched = [source for source in used if source.location and source.late_after_hours]
    if not watched:
        raise ProjectError("no source has a limit of freshness")
    # What can be fetched is fetched: a source is stale when nobody can.
    text = SOURCES_FILE.read_text(encoding="utf-8")
    SOURCES_FILE.write_text(re.sub(r"(?m)^ *loader: .*\n", "", text), encoding="utf-8")
    location = watched[0].location
    query = f"select * replace ({LONG_AGO} as _loaded_at) from read_parquet({quote_literal(str(location))})"
    with write_atomically(Path(str(location))) as part, duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to {quote_literal(str(part))} (format parquet)")


def _degrade_model(spec: Spec) -> str:
    """Replace the model by the mean of all rows, and ask the gates."""
    made = rehearsals.register_mean(spec)
    decided = gates.evaluate_gates(spec.gates, evidence.gather_evidence(spec, made, None))
    refused = [gate for gate in decided if not gate.passed and gate.name == "gain over baseline"]
    return f"{refused[0].name}: {refused[0].message}" if refused else ""


def _swap_artifact(spec: Spec) -> str:
    run = versions.open_version(spec).run_id
    files = [path for folder in ARTIFACTS.rglob(run) for path in folder.rglob("model/*") if path.is_file()]
    if not files:
        raise ProjectError("the files of the model are on a server")
    file = max(files, key=lambda path: path.stat().st_size)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        versions.open_version(spec)
    except ProjectError as error:
        return error.what
    return ""


def _shift_feature(spec: Spec) -> str:
    """Add a standard deviation to a number, or replace a category by another in half of the rows."""
    opened, rows = served.open_newest_as_bundle(spec), served.read_rows(spec)
    name = (*spec.features.numeric, *spec.features.categorical)[0]
    column = rows[name]
    if name in spec.features.numeric:
        spread = pc.stddev(column).as_py() or 1.0
        moved = pc.add(pc.cast(column, pa.float64()), spread)
        # Within the range that the service accepts.
        highest = pa.scalar(float(pc.max(column).as_py()))
        shifted = pc.cast(pc.min_element_wise(moved, highest), column.type, safe=False)
    else:
        first = pc.cast(pa.array([column[0].as_py()] * len(column)), column.type)
        shifted = pc.if_else(pa.array(np.arange(len(column)) % 2 == 0), first, column)
    rows = rows.set_column(rows.column_names.index(name), name, shifted)
    found = [f for f in served.find_alarms(spec, opened, rows, served.predict_rows(opened, rows)) if f.check == "drift"]
    named = [f for f in found if f.subject == name]
    return f"drift of {name}: {named[0].message}" if named else ""


def _flip_labels(spec: Spec) -> str:
    """Answer the opposite, which is what answers become when labels turn round."""
    opened, rows = served.open_newest_as_bundle(spec), served.read_rows(spec)
    predicted = served.predict_rows(opened, rows)
    if spec.task == "regression":
        turned = predicted.max() + predicted.min() - predicted
    else:
        turned = np.roll(predicted, 1, axis=1) if predicted.ndim > 1 else 1 - predicted
    found = [f for f in served.find_alarms(spec, opened, rows, turned) if f.check == "quality"]
    return f"quality: {found[0].message}" if found else ""


def _remove_contact(spec: Spec) -> str:  # noqa: ARG001
    from mlteam.process.runner import run_checks

    rewrite_text(TEAM_FILE, r'(?m)^email = ".*"$', 'email = ""')
    found = [finding for finding in run_checks(Path()).errors if finding.code == "PRC022"]
    return found[0].format_line() if found else ""
