"""`monitor`: run every check, print a table, write the page and the metrics."""

import datetime as dt
import logging

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.monitoring import exposition, page
from mlteam.monitoring.checks import run_checks
from mlteam.serving import bundle


def monitor_pipeline(spec: Spec, now: dt.datetime) -> bool:
    """Run every check; print a table, write the page and the metrics.

    Args:
        spec: Names limits.
        now: The moment that ages are counted to, in UTC.

    Returns:
        Whether nothing is wrong.

    Raises:
        ProjectError: Nothing was launched, or a file is not what was written.
    """
    live = bundle.read_live_pointer(spec.name)
    opened = bundle.load(bundle.get_bundles_folder(spec.name) / live.champion)
    with console.show_progress("look at sources, served rows and model"):
        findings = list(run_checks(spec, opened, dt.datetime.fromisoformat(live.launched_at), now))
    wrong = [found for found in findings if found.state == "wrong"]
    told = [found for state in ("wrong", "unknown") for found in findings if found.state == state]
    rows = [[found.check, found.subject, found.state.replace("wrong", "WRONG"), found.message] for found in told]
    if rows:
        console.print_text_table(
            f"{spec.name} version {opened.manifest.version}", ["check", "subject", "state", "found"], rows
        )
    exposition.write_metrics(spec.name, findings, now)
    target = page.write_monitoring_page(spec, opened.manifest.version, findings, now)
    counted = {state: sum(found.state == state for found in findings) for state in ("ok", "unknown", "wrong")}
    console.print_line(f"{counted['ok']} ok, {counted['unknown']} unknown, {counted['wrong']} wrong; {target}")
    if wrong:
        names = ", ".join(dict.fromkeys(found.check for found in wrong))
        console.print_line(f"what to do about {names}: see docs/runbook.md", logging.WARNING)
    return not wrong
