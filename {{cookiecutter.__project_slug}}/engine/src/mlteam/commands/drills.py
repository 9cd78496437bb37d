"""`drills`: break one thing at a time, and see who notices it and how fast."""

import time
from dataclasses import asdict, dataclass

from mlteam.commands import launch
from mlteam.commands.data import generate_data
from mlteam.config.spec import Spec
from mlteam.config.team import load_team
from mlteam.core import console, provenance
from mlteam.core.errors import ProjectError
from mlteam.core.files import write_json
from mlteam.core.paths import DRILLS
from mlteam.drills.faults import Drill, list_drills
from mlteam.drills.scratch import enter_scratch_copy


@dataclass(frozen=True)
class DrillResult:
    """The outcome of one drill; `state` is noticed, missed or not run."""

    name: str
    command: str
    state: str
    seconds: float
    message: str


def run_drills(spec: Spec) -> bool:
    """Run every drill in a scratch copy of its own, print and keep the results.

    Returns:
        Whether nothing was missed; a drill that could not run is said, and is not missed.
    """
    results = []
    drills = list(list_drills(generate_data, _roll_back))
    with console.show_progress("drills") as progress:
        for number, drill in enumerate(drills, 1):
            progress(f"{number}/{len(drills)} {drill.name}")
            results.append(_run_drill(spec, drill))
    rows = [[r.name, r.command, r.state.replace("missed", "MISSED"), f"{r.seconds:.1f} s", r.message] for r in results]
    console.print_text_table(f"drills of {spec.name}", ["what was broken", "who looked", "", "after", "found"], rows)
    content = {"made": provenance.collect_provenance(), "drills": [asdict(result) for result in results]}
    write_json(DRILLS / f"{spec.name}.json", content)
    missed = [result.name for result in results if result.state == "missed"]
    counted = {state: sum(result.state == state for result in results) for state in ("noticed", "missed", "not run")}
    console.print_line(", ".join(f"{number} {state}" for state, number in counted.items()))
    return not missed


def _roll_back(spec: Spec) -> None:
    """Roll back as the first person of the team, who signs only the copy's record."""
    launch.roll_back(spec, next(iter(load_team().list_present_people()), ""), "a drill")


def _run_drill(spec: Spec, drill: Drill) -> DrillResult:
    with enter_scratch_copy(spec) as copied:
        begun = time.perf_counter()
        try:
            message = drill.run(copied)
        except ProjectError as error:
            return DrillResult(drill.name, drill.command, "not run", time.perf_counter() - begun, error.what)
        seconds = time.perf_counter() - begun
    state = "noticed" if message else "missed"
    return DrillResult(drill.name, drill.command, state, seconds, message[:200] or "nothing was said")
