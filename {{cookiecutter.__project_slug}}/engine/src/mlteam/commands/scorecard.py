"""`scorecard`: the ML Test Score, from tests that run now or ran on this code."""

from dataclasses import asdict

from mlteam.commands.drills import run_drills
from mlteam.config.spec import Spec
from mlteam.core import console, provenance
from mlteam.core.files import write_json
from mlteam.core.paths import SCORECARD
from mlteam.data import snapshot
from mlteam.scorecard import experiments
from mlteam.scorecard.evidence import Evidence
from mlteam.scorecard.score import Score, compute_scores, sum_sections


def compute_scorecard(spec: Spec, *, drills: bool = True) -> list[Score]:
    """Run drills and trainings, then print and keep every test with its points.

    Args:
        spec: The pipeline.
        drills: Whether to run the drills; else those of before count, where they are of this code.
    """
    if drills:
        run_drills(spec)
    taken = snapshot.load_newest(spec.name)
    with console.show_progress("train for the score") as progress:
        found = experiments.run_experiments(spec, taken, progress)
    scores = compute_scores(Evidence(spec, found))
    rows = [[score.number, score.title, f"{score.points:g}", score.message] for score in scores]
    console.print_text_table(
        f"ML Test Score of {spec.name}", ["", "test", "points", "evidence, or what is missing"], rows
    )
    sums = sum_sections(scores)
    console.print_line(", ".join(f"{section} {points:g} of 7" for section, points in sums.items()))
    console.print_line(f"score: {min(sums.values()):g}, the least of the four")
    content = {
        "made": provenance.collect_provenance(),
        "score": min(sums.values()),
        "sections": sums,
        "tests": [asdict(score) for score in scores],
        "features": [asdict(feature) for feature in found.features],
        "ages": [asdict(age) for age in found.ages],
    }
    write_json(SCORECARD / f"{spec.name}.json", content)
    return scores
