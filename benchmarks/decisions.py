"""Whether the numbers that decide hold what they promise, by simulation.

    python benchmarks/decisions.py [--tries 1000] [--chains 6000] [--candidates 1000] [--project PATH] [--smoke]

needs the packages of the group `test`. Three tables: how often intervals hold the true number, with rows that depend on
each other within a day and without; how often one of many candidates without any gain would be launched, with and
without paying for looks; how far a chain of launches sinks, each a little worse than the one before.
"""

import json
import subprocess
from pathlib import Path

import projects

# Runs inside the project, with the engine's own intervals and gates.
MEASURE = """
import json, sys
from statistics import NormalDist
import numpy as np
from mlteam.config.spec import Evaluation
from mlteam.evaluation.bootstrap import Bootstrap
from mlteam.evaluation.metrics import BUILTIN_METRICS
from mlteam.registry.looks import compute_confidence

tries, chains, candidates = map(int, sys.argv[1:])
ERROR = BUILTIN_METRICS["mean_absolute_error"]
TRUE = np.sqrt(2 / np.pi)

def settings(confidence=0.95):
    names = {"primary": "mean_absolute_error", "metrics": ("mean_absolute_error",)}
    return Evaluation(**names, confidence=confidence)

def cover(days, shared, by_day):
    random, held = np.random.default_rng(days), 0
    for _ in range(tries):
        day = np.repeat(np.arange(days), 20)
        errors = shared * random.normal(size=days)[day] + np.sqrt(1 - shared**2) * random.normal(size=len(day))
        found = Bootstrap(np.zeros(len(day)), settings(), 1, day if by_day else None).estimate(ERROR, errors)
        held += found.low is not None and found.low <= TRUE <= found.high
    return held / tries

def gain(seed, label, rival, ours, confidence):
    drawn = Bootstrap(label, settings(confidence), seed)
    old, new = (drawn.compute_samples(ERROR, scores) for scores in (rival, ours))
    return drawn.summarize(old - new)

def is_hopeless(label, rival, ours, confidence):
    # A gain of half the errors that an interval reaches is not resampled, which would take most of the time.
    gains = np.abs(rival - label) - np.abs(ours - label)
    errors = gains.mean() / gains.std() * np.sqrt(len(gains))
    return errors < NormalDist().inv_cdf((1 + confidence) / 2) / 2

def launch_null(paid):
    random, launched = np.random.default_rng(7), 0
    for _ in range(chains):
        label = random.normal(size=100)
        rival = label + random.normal(size=100)
        for look in range(1, candidates + 1):
            confidence = compute_confidence(0.95, look) if paid else 0.95
            ours, seed = label + random.normal(size=100), int(random.integers(10**6))
            if is_hopeless(label, rival, ours, confidence):
                continue
            if gain(seed, label, rival, ours, confidence).low > 0:
                launched += 1
                break
    return launched / chains

def sink(against_best):
    # Each candidate is worse by a fifth of the margin than the champion before; 2,000 test rows.
    random, margin, depths = np.random.default_rng(9), 0.05, []
    for _ in range(max(1, tries // 25)):
        label = random.normal(size=2000)
        noise = random.normal(size=2000)
        champions = [0.0]
        for step in range(40):
            loss = champions[-1] + margin / 5
            rival = champions[0] if against_best else champions[-1]
            ours, theirs = (label + noise * (1 + level / TRUE) for level in (loss, rival))
            if gain(int(random.integers(10**6)), label, theirs, ours, compute_confidence(0.95, step + 1)).low > -margin:
                champions.append(loss)
            else:
                break
        depths.append(champions[-1] / margin)
    return float(np.mean(depths))

coverage = [
    [days, shared, by_day, cover(days, shared, by_day)]
    for shared in (0.0, 0.7) for by_day in (True, False) for days in (6, 10, 20, 30, 60)
]
found = {"coverage": coverage, "null": [launch_null(False), launch_null(True)], "sunk": [sink(False), sink(True)]}
print(json.dumps(found))
"""


def main(sizes: list[int], project: Path) -> None:
    """Print the three tables."""
    command = [projects.locate_python(project), "-c", MEASURE, *map(str, sizes)]
    done = subprocess.run(command, cwd=project, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    print("share of 95 % intervals that hold the true number")
    print("rows of a day     resampled by     6 days    10      20      30      60")
    for start in range(0, len(found["coverage"]), 5):
        part = found["coverage"][start : start + 5]
        _, shared, by_day, _ = part[0]
        numbers = "  ".join(f"{held:>6.1%}" for *_, held in part)
        print(f"{'dependent' if shared else 'independent':<17} {'day' if by_day else 'row':<15} {numbers}")
    plain, paid = found["null"]
    print(f"\nchains of {sizes[2]} candidates without gain of which one is launched: {plain:.1%}")
    print(f"the same when looks are paid for: {paid:.1%}")
    newest, best = found["sunk"]
    print(f"\na chain of launches, each worse by a fifth of the margin, sinks by {newest:.1f} margins")
    print(f"the same when the best champion so far is the rival: {best:.1f} margins")


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--tries", type=int, default=1_000)
    parser.add_argument("--chains", type=int, default=6_000)
    parser.add_argument("--candidates", type=int, default=1_000)
    given = parser.parse_args()
    with projects.open_project(given.project, smoke=given.smoke, build=False) as opened:
        main([20, 5, 20] if given.smoke else [given.tries, given.chains, given.candidates], opened)
