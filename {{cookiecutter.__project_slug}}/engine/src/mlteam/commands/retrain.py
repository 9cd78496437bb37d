"""`retrain`: fetch the sources again, and make a candidate if there is something new to learn."""

import logging

from mlteam.commands import data, evaluate, launch, train
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.data import windows
from mlteam.registry import launch_log, versions


def retrain_pipeline(spec: Spec) -> None:
    """Fetch the sources again, then train, evaluate and ask the gates, unless the rows are those of before.

    Args:
        spec: Today's.
    """
    taken = data.generate_data(spec, refresh=True)
    spec = windows.fix_windows(spec, taken)
    windows.reject_unsplit_rows(spec, taken)
    if known := train.find_version_of_same_rows(spec, taken):
        console.print_line(f"nothing new to learn: version {known} was trained on the same rows with the same settings")
        return
    trained = train.train_version(spec, taken)
    evaluate.evaluate_version(spec, trained)
    rival = launch.open_rival(spec, launch_log.get_launch_state(spec))
    decided = launch.run_gates(spec, versions.open_version(spec, str(trained.number)), rival)
    refused = [gate.name for gate in decided if not gate.passed]
    verdict = f"would be rejected: {', '.join(refused)}" if refused else "may be launched"
    level = logging.WARNING if refused else logging.INFO
    console.print_line(f"{spec.name} version {trained.number} {verdict}", level)
