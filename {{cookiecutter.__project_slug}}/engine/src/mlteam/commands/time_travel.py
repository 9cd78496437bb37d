"""`time_travel`: do features use what was not yet known?"""

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.paths import SQL
from mlteam.data import leak_report
from mlteam.data.leak_report import LeakReport
from mlteam.data.sources import SOURCES_FILE

ARROW = " ← "


def check_time_travel(spec: Spec) -> LeakReport:
    """Rebuild the features from what was known, print what differs.

    Raises:
        ProjectError: A feature differs, so it uses what was not yet known.
    """
    with console.show_progress("rebuild the features from what was known") as progress:
        report = leak_report.make_report(spec, progress)
    rows = [
        [f"known at {cut.instant}" if cut.instant else "test labels altered", f"{cut.rows:,}", str(len(cut.leaks))]
        for cut in report.cuts
    ]
    console.print_text_table(
        f"time travel of {spec.name}", ["rebuilt from what is", "rows", "features that differ"], rows
    )
    console.print_line(report.describe())
    if report.unchecked and report.cuts:
        console.print_line(f"taken as known at any time, without a known_at: {', '.join(report.unchecked)}")
    for leak in report.leaks:
        console.print_line(
            f"leak: {leak.column} differs in {leak.rows:,} rows, such as {leak.example}: {leak.full}, "
            f"but {leak.known} from what was known"
        )
        console.print_line(f"  {leak.column}{ARROW}{ARROW.join(leak.path)}")
    if leaks := report.leaks:
        what = f"{', '.join(leak.column for leak in leaks)} of {spec.data.relation}: uses what was not yet known"
        fix = f"fix the SQL on the path above, or known_at in {SOURCES_FILE} if the value is known earlier"
        model = next((SQL / "models").rglob(f"{leaks[0].path[0]}.sql"), SQL)
        raise ProjectError(what, where=model.as_posix(), fix=fix)
    return report
