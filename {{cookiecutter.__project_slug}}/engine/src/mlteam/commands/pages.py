"""Pages that show results: refreshed by the commands that change these results."""

from pathlib import Path

from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.paths import TEAM_FILE


def refresh_pages() -> None:
    """Bring the generated blocks of PROCESS.md and docs/ up to date, and print each page that has changed."""
    if not TEAM_FILE.exists():
        return
    from mlteam.process import writing

    try:
        changes = writing.refresh_pages(Path())
    except ProjectError as error:
        # The result is there; a mistake in team.toml or process.toml is for `nox -s process` to report.
        changes = [f"note: the pages are not refreshed: {error}"]
    for change in changes:
        console.print_line(change)
