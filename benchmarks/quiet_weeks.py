"""How often monitoring alerts in real weeks in which nothing happened, and whether it alerts on faults.

    python benchmarks/quiet_weeks.py [--project PATH] [--smoke]

needs the packages of the group `test`. The model of the flights knows January to September; each week after that is
given to the checks as if it had been served, first as it was, then with one fault: a feature shifted by one standard
deviation, a carrier that is gone, weather that is not delivered, labels turned round. Beside it the rule of the
textbooks: a population stability index above 0.2 in ten ranges of equal counts, in NumPy alone.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import projects

MAX_QUIET_ALERTS = 0.05
WEEKS, SMOKE_WEEKS = 13, 2
# Runs inside the project, with the engine's own checks.
MEASURE = """
import datetime as dt
import json
import sys
import numpy as np
import pyarrow as pa
from mlteam.config.pipelines import load_spec
from mlteam.data import datasets, features, snapshot
from mlteam.evaluation.bootstrap import Bootstrap
from mlteam.evaluation.clusters import find_clusters
from mlteam.evaluation.custom_metrics import get_primary_metric
from mlteam.monitoring import drift
from mlteam.monitoring.past_windows import cut_windows
from mlteam.registry import versions

FIRST_TEST_DAY = dt.date(2013, 11, 1)
spec = load_spec(None)
version, limits = versions.open_version(spec), spec.monitoring
taken, schema = snapshot.load(spec.name, version.snapshot), version.schema
learned = datasets.LazySnapshotTable(taken, version.spec, "train")
train = features.build_examples(spec, schema, "train", learned).matrix
past = cut_windows(learned["flight_date"], limits.days, limits.fewest_rows)
test = datasets.read_snapshot_rows(taken, version.spec, "test")
rows = features.build_examples(version.spec, schema, "test", test)
expected = version.model.predict(rows.matrix)
test_past = cut_windows(test["flight_date"], limits.days, limits.fewest_rows)
metric = get_primary_metric(spec)

def bootstrap(label, predicted, table):
    return Bootstrap(label, spec.evaluation, spec.model.seed, find_clusters(version.spec, table))

reference = bootstrap(rows.label, expected, test).estimate(metric, expected)

def check(matrix, predicted, history):
    yield from drift.check_feature_drift(schema, train, matrix, limits.drift, limits.fewest_rows, history)
    yield from drift.check_missing_values(schema, train, matrix, limits.missing, limits.fewest_rows, history)
    yield from drift.check_vanished_categories(schema, train, matrix, limits.fewest_rows)
    windows = test_past if history else ()
    yield drift.check_prediction_drift(expected, predicted, limits.drift, limits.fewest_rows, windows)

def list_alerts(found):
    return {(f.check, f.subject) for f in found if f.state == "wrong"}

def alert_on_quality(label, predicted, table):
    return bootstrap(label, predicted, table).estimate(metric, predicted).high < reference.low

def exceeds_textbook_limit(ours, theirs):
    ours, theirs = ours[~np.isnan(ours)], theirs[~np.isnan(theirs)]
    edges = np.unique(np.quantile(ours, np.linspace(0, 1, 11)[1:-1]))
    p, q = (np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) / max(1, len(x)) for x in (ours, theirs))
    p, q = np.maximum(p, 1e-6), np.maximum(q, 1e-6)
    return float(((q - p) * np.log(q / p)).sum()) > 0.2

numeric = [place for place, feature in enumerate(schema.features) if feature.kind == "numeric"]
weather = [schema.names.index(n) for n in ("temperature_f", "humidity_pct", "wind_speed_mph", "pressure_mbar")]
carrier = schema.names.index("carrier")
spread = np.nanstd(train, axis=0)
weeks = []
for start in range(13 - int(sys.argv[1]), 13):
    day = dt.date(2013, 10, 1) + dt.timedelta(days=7 * start)
    where = f"flight_date >= date '{day}' and flight_date < date '{day + dt.timedelta(days=7)}'"
    splits = [name for name in ("validation", "test") if day < FIRST_TEST_DAY or name == "test"]
    splits = splits if day + dt.timedelta(days=7) > FIRST_TEST_DAY else ["validation"]
    table = pa.concat_tables(datasets.read_snapshot_rows(taken, version.spec, name, where) for name in splits)
    week = features.build_examples(version.spec, schema, "week", table)
    predicted = version.model.predict(week.matrix)
    quiet = list_alerts(check(week.matrix, predicted, past))
    fixed = list_alerts(check(week.matrix, predicted, ()))
    textbook = [schema.names[p] for p in numeric if exceeds_textbook_limit(train[:, p], week.matrix[:, p])]
    shifted = {}
    for place in numeric:
        moved = week.matrix.copy()
        moved[:, place] += spread[place]
        shifted[schema.names[place]] = ("drift", schema.names[place]) in list_alerts(check(moved, predicted, past))
    most = np.bincount(week.matrix[:, carrier].astype(int)).argmax()
    gone = week.matrix[week.matrix[:, carrier] != most]
    stopped = week.matrix.copy()
    stopped[:, weather] = np.nan
    in_test = day >= FIRST_TEST_DAY
    weeks.append({
        "day": str(day),
        "alerts": sorted(map("/".join, quiet)),
        "fixed_limits": len(fixed),
        "textbook": len(textbook),
        "shifted": shifted,
        "vanished": ("vanished", "carrier") in list_alerts(check(gone, predicted[: len(gone)], past)),
        "stopped": any(c == "missing" for c, _ in list_alerts(check(stopped, predicted, past))),
        "quality": alert_on_quality(week.label, predicted, table) if in_test else None,
        "flipped": alert_on_quality(1 - week.label, predicted, table) if in_test else None,
    })
print("RESULT" + json.dumps(weeks))
"""


def show(weeks: list[dict[str, Any]]) -> int:
    """Print the tables; return the number of quiet weeks with an alert."""
    print("week        alerts  fixed limits  textbook  which")
    for week in weeks:
        named = ", ".join(week["alerts"] + ["quality"] * bool(week["quality"]))
        print(f"{week['day']}  {len(week['alerts']):>6}  {week['fixed_limits']:>12}  {week['textbook']:>8}  {named}")
    evaluated = [week for week in weeks if week["quality"] is not None]
    alerted, fixed, textbook = (
        sum(bool(week[name]) for week in weeks) for name in ("alerts", "fixed_limits", "textbook")
    )
    print(
        f"quiet weeks with an alert: {alerted} of {len(weeks)}; with fixed limits {fixed}; by the textbook {textbook}"
    )
    print(f"of quality: {sum(week['quality'] for week in evaluated)} of {len(evaluated)}")
    for name in weeks[0]["shifted"]:
        found = sum(week["shifted"][name] for week in weeks)
        print(f"{name} shifted by one standard deviation: found in {found} of {len(weeks)} weeks")
    for fault in ("vanished", "stopped"):
        print(f"{fault}: found in {sum(week[fault] for week in weeks)} of {len(weeks)} weeks")
    print(f"labels turned round: found in {sum(week['flipped'] for week in evaluated)} of {len(evaluated)} weeks")
    return alerted


def main(project: Path, weeks: int) -> int:
    """Measure and print; return 1 if more quiet weeks have an alert than the limit permits."""
    command = [projects.locate_python(project), "-c", MEASURE, str(weeks)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(show(json.loads(done.stdout.split("RESULT")[1])) > MAX_QUIET_ALERTS * weeks)


if __name__ == "__main__":
    given = projects.build_parser(__doc__).parse_args()
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        failed = main(opened, SMOKE_WEEKS if given.smoke else WEEKS)
    raise SystemExit(failed and not given.smoke)
