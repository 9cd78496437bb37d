"""The 28 tests of Breck et al. 2017, The ML Test Score (doi:10.1109/BigData.2017.8258038).

A test gives one point where it ran and passed on the code as it is, half a point for evidence that is written by hand,
and none otherwise. The score is the least sum of the four sections.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlteam.scorecard.evidence import Evidence, find_owner, is_tracked
from mlteam.scorecard.experiments import list_harmful

SECTIONS = {"D": "data", "M": "model", "I": "infrastructure", "O": "monitoring"}
RENOVATE, DEPENDABOT = Path("renovate.json"), Path(".github/dependabot.yml")
MAX_MISSING = 0.5
MAX_FEATURE_SECONDS = 600
Answer = tuple[float, str]


@dataclass(frozen=True)
class Score:
    """One test: its number, such as D1, what it asks, its points, and the evidence or what would raise it."""

    number: str
    title: str
    points: float
    message: str

    @property
    def section(self) -> str:
        """The section, in words."""
        return SECTIONS[self.number[0]]


def compute_scores(found: Evidence) -> list[Score]:
    """Return all tests in their order."""
    return [Score(number, title, *test(found)) for number, (title, test) in TESTS.items()]


def sum_sections(scores: list[Score]) -> dict[str, float]:
    """Return the points of each section."""
    return {section: sum(s.points for s in scores if s.section == section) for section in SECTIONS.values()}


def _drill(name: str, command: str) -> Callable[[Evidence], Answer]:
    def ask(found: Evidence) -> Answer:
        state = found.drills.get(name)
        if state == "noticed":
            return 1, f"drill: {name}: noticed by {command} in {found.drill_seconds[name]:.1f} s"
        return 0, f"drill: {name}: {state or 'not run on this code'}: `nox -s drills`"

    return ask


def _has_schema(found: Evidence) -> Answer:
    _, _, table = found.spec.data.relation.partition(".")
    nodes = [
        n for n in found.manifest.get("nodes", {}).values() if n["name"] == table and n["resource_type"] == "model"
    ]
    if not nodes or not nodes[0]["config"].get("contract", {}).get("enforced"):
        return 0, f"{table} has no enforced contract: `contract: {{enforced: true}}` in its .yml"
    return (0, f"dbt: {found.failed_dbt[0]}") if found.failed_dbt else (1, f"{table}: enforced contract, tests pass")


def _values_features(found: Evidence) -> Answer:
    harmful = list(list_harmful(found.experiments))
    if harmful:
        return 0, f"better without {', '.join(harmful)}: leave them out"
    best = max(found.experiments.features, key=lambda f: f.gain.value or 0)
    return 1, f"trained without each of {len(found.experiments.features)}; {best.name} brings most, none does harm"


def _costs_features(found: Evidence) -> Answer:
    worst = max(found.experiments.features, key=lambda f: f.missing)
    slow = max(found.experiments.features, key=lambda f: f.seconds)
    if worst.missing > MAX_MISSING:
        return 0, f"{worst.name} is missing in {worst.missing:.0%} of the rows: leave it out"
    return 1, f"{worst.name} is missing in {worst.missing:.0%}; {slow.name} takes {slow.seconds:.2f} s of a training"


def _keeps_requirements(found: Evidence) -> Answer:
    if found.travelled is None:
        return 0, "time travel has not run on this code: `nox -s time_travel`"
    if found.travelled.leaks or not found.travelled.cuts:
        return 0, found.travelled.describe()
    return 1, found.travelled.describe()


def _protects_privacy(found: Evidence) -> Answer:
    privacy = found.spec.privacy
    if privacy.quasi_identifiers and found.taken.metadata.get("privacy"):
        return 1, f"k-anonymity of {', '.join(privacy.quasi_identifiers)} was measured on the snapshot"
    if privacy.none_because:
        return 1, f"no column looks personal; {privacy.none_because}"
    return 0.5 if privacy.identifiers else 0, "declare quasi_identifiers, so that anonymity is measured"


def _adds_features(found: Evidence) -> Answer:
    """The drill adds a feature, builds it, and has it checked: how long that takes is how soon one can be tried."""
    name = "a feature looks ahead"
    points, message = _drill(name, "time_travel")(found)
    seconds = found.drill_seconds.get(name, 0)
    if points and seconds > MAX_FEATURE_SECONDS:
        return 0, f"to add a feature and check it takes {seconds:.0f} s, more than {MAX_FEATURE_SECONDS}"
    return points, message


def _tests_features(found: Evidence) -> Answer:
    _, _, table = found.spec.data.relation.partition(".")
    units = [u for u in found.manifest.get("unit_tests", {}).values() if u["model"] == table]
    if not units:
        return 0, f"{table} has no unit test: write one in its .yml"
    failed = found.failed_dbt
    return (0, f"dbt: {failed[0]}") if failed else (1, f"unit tests of {table} that pass: {len(units)}")


def _reviews_spec(found: Evidence) -> Answer:
    path = found.spec.path
    if not is_tracked(path):
        return 0, f"{path} is not committed as it is"
    owner = find_owner(Path("CODEOWNERS"), path)
    return (1, f"{path} is in git, its owner {owner}") if owner else (0.5, f"{path} is in git, without an owner")


def _compares_online(found: Evidence) -> Answer:
    known = found.read_monitoring("quality")
    if known:
        return 1, "quality of served rows is compared with that of the evaluation"
    return (
        0,
        "no outcomes of served rows yet"
        if known is None
        else "too few outcomes, or worse than at training: `nox -s monitor`",
    )


def _tunes(found: Evidence) -> Answer:
    tuned = sorted(Path("data/reports").glob(f"{found.spec.name}-tune*.parquet"))
    return (1, f"trials: {tuned[-1].name}") if tuned else (0, "parameters were never searched: `nox -s tune`")


def _knows_staleness(found: Evidence) -> Answer:
    ages = found.experiments.ages
    if not ages:
        return 0, "splits are not by time, so the effect of age cannot be measured"
    shown = ", ".join(f"{age.days} days {age.value.value:.4f}" for age in ages if age.value.value is not None)
    return 1, f"{found.spec.evaluation.primary} by age of as many rows: {shown}"


def _beats_simpler(found: Evidence) -> Answer:
    metrics = [m for m in found.evaluation.get("metrics", ()) if m["metric"] == found.spec.evaluation.primary]
    if not metrics:
        return 0, "the candidate was not evaluated on this code: `nox -s pipeline`"
    gain, linear = metrics[0]["gain"], found.evaluation.get("linear")
    if gain["low"] is None or gain["low"] <= 0:
        return 0, "not clearly better than its baseline"
    if linear is None or linear["gain"]["high"] is None or linear["gain"]["high"] < 0:
        return 0, "worse than a linear model" if linear else "no linear model was trained"
    return 1, f"gain over baseline {gain['value']:+.4f}, over a linear model {linear['gain']['value']:+.4f}"


def _evaluates_slices(found: Evidence) -> Answer:
    slices = found.evaluation.get("slices", ())
    return (1, f"{len(slices)} slices, and a gate") if slices else (0, "no slice was evaluated: [evaluation] slices")


def _includes(found: Evidence) -> Answer:
    """Ask for slices of sensitive columns; where none of the scanned columns looks personal, for slices at all."""
    privacy = found.spec.privacy
    if privacy.sensitive:
        missing = set(privacy.sensitive) - {part["column"] for part in found.evaluation.get("slices", ())}
        return (0, f"no slices of {', '.join(sorted(missing))}") if missing else (1, "sensitive columns are slices")
    if not privacy.none_because:
        return 0, "declare sensitive columns"
    scanned = (found.taken.metadata.get("privacy") or {}).get("scanned")
    # That a column only looks personal is also a sentence.
    if scanned and not privacy.not_personal and _evaluates_slices(found)[0]:
        return 1, f"none of {scanned} columns of the snapshot looks personal, and slices are evaluated"
    # A sentence is evidence by hand.
    return 0.5, f"written: {privacy.none_because}"


def _repeats(found: Evidence) -> Answer:
    return (1, "trained twice: the same predictions") if found.experiments.repeats else (0, "two trainings differ")


def _learns(found: Evidence) -> Answer:
    return (1, "learns a few rows by heart") if found.experiments.learns_by_heart else (0, "does not learn a few rows")


def _integrates(found: Evidence) -> Answer:
    if found.evaluation and found.version.snapshot == found.taken.digest:
        return 1, f"snapshot, version {found.version.number} and evaluation are of this code"
    return 0, "run `nox -s pipeline` on the committed code"


def _explains(found: Evidence) -> Answer:
    from mlteam.modeling.attribution import get_contributions

    row = np.full((1, len(found.version.schema.names)), np.nan, dtype=np.float32)
    if get_contributions(found.version.model, row) is not None:
        return 1, "`nox -s predict -- --example FILE --explain`: exact contributions"
    return 0.5, "contributions are estimated by replacing values"


def _canaries(found: Evidence) -> Answer:
    points, message = _drill("a canary fails", "serve")(found)
    shadows = [record for record in found.launches if record.kind == "shadow"]
    # Of an earlier version: dated, and not of the code as it is.
    return (0.5, f"last on {shadows[-1].at:%Y-%m-%d}; {message}") if shadows and not points else (points, message)


def _rolls_back(found: Evidence) -> Answer:
    points, message = _drill("a bad version is launched", "rollback")(found)
    back = [record for record in found.launches if record.kind == "rollback"]
    return (0.5, f"last on {back[-1].at:%Y-%m-%d}; {message}") if back and not points else (points, message)


def _follows_dependencies(found: Evidence) -> Answer:
    """Ask for a bot of packages, and whether a change upstream is noticed, with a person who owns each source."""
    bots = [str(path) for path in (RENOVATE, DEPENDABOT) if path.exists()]
    if not bots:
        return 0, f"add {DEPENDABOT} or {RENOVATE}"
    if not found.sources:
        return 0.5, f"{bots[0]} is configured; no source is declared"
    if nobody := [source.name for source in found.sources if not found.team.get_holder_name(source.owner)]:
        return 0, f"nobody owns {', '.join(nobody)}: name a role of team.toml that somebody has"
    points, message = _drill("a column is gone", "data")(found)
    if not points:
        return 0.5, f"{bots[0]} is configured; {message}"
    return 1, f"{bots[0]}; {len(found.sources)} sources with an owner; {message}"


def _checks_skew(found: Evidence) -> Answer:
    known = found.read_monitoring("skew")
    return (
        (1, "served features are those of the warehouse") if known else (0, "unknown or skewed: see `nox -s monitor`")
    )


def _stays_finite(found: Evidence) -> Answer:
    columns = len(found.version.schema.names)
    rows = np.stack([np.full(columns, value, dtype=np.float32) for value in (np.nan, 0, 3.0e38)])
    rows[1:, [i for i, f in enumerate(found.version.schema.features) if f.kind == "categorical"]] = np.nan
    finite = np.isfinite(found.version.model.predict(rows)).all()
    return (1, "finite answers to missing and extreme values") if finite else (0, "answers that are not numbers")


def _measures_speed(found: Evidence) -> Answer:
    mine = [record for record in found.launches if record.version == found.version.number] if found.trained_here else []
    kept = [gate for record in mine for gate in record.gates if gate.startswith("latency: passed")]
    return (1, kept[-1]) if kept else (0, "latency of this version is measured when it is launched")


TESTS: dict[str, tuple[str, Callable[[Evidence], Answer]]] = {
    "D1": ("feature expectations are in a schema", _has_schema),
    "D2": ("all features are beneficial", _values_features),
    "D3": ("no feature costs too much", _costs_features),
    "D4": ("features keep to what is known in time", _keeps_requirements),
    "D5": ("privacy is controlled", _protects_privacy),
    "D6": ("a feature is added quickly", _adds_features),
    "D7": ("feature code is tested", _tests_features),
    "M1": ("specifications are reviewed and in git", _reviews_spec),
    "M2": ("offline and online metrics correlate", _compares_online),
    "M3": ("parameters are tuned", _tunes),
    "M4": ("the effect of staleness is known", _knows_staleness),
    "M5": ("a simpler model is not better", _beats_simpler),
    "M6": ("quality is known on slices", _evaluates_slices),
    "M7": ("the model is tested for inclusion", _includes),
    "I1": ("training is reproducible", _repeats),
    "I2": ("model code is tested", _learns),
    "I3": ("the pipeline is tested as a whole", _integrates),
    "I4": ("quality is validated before serving", _drill("the model is as weak as its baseline", "launch")),
    "I5": ("one example can be debugged", _explains),
    "I6": ("versions are tried as canaries", _canaries),
    "I7": ("versions can be rolled back", _rolls_back),
    "O1": ("changes of dependencies notify", _follows_dependencies),
    "O2": ("data invariants hold", _drill("a column is gone", "data")),
    "O3": ("training and serving are not skewed", _checks_skew),
    "O4": ("models and data are not stale", _drill("a source is stale", "data")),
    "O5": ("the model is numerically stable", _stays_finite),
    "O6": ("computing performance does not regress", _measures_speed),
    "O7": ("quality does not regress on served data", _drill("labels turn round", "monitor")),
}
