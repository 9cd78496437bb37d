"""Pages that show results: refreshed by the commands that change these results."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slugify import slugify

from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.files import write_atomically
from mlteam.core.paths import TEAM_FILE

if TYPE_CHECKING:
    from mlteam.registry.launch_log import LaunchRecord
    from mlteam.reports.charts.common import Picture

FIGURES = Path("docs/figures")


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


def save_figures(pipeline: str, pictures: "Sequence[Picture]") -> list[dict[str, str]]:
    """Write the pictures of a report to docs/figures/, replacing those of an earlier version.

    Returns:
        File, title and question of each; none in a folder without docs/, such as a container for jobs.
    """
    folder = FIGURES / pipeline
    if not folder.parents[1].is_dir():
        return []
    files = {picture: folder / f"{slugify(picture.title)}.svg" for picture in pictures}
    for old in set(folder.glob("*.svg")) - set(files.values()):
        old.unlink()
    for picture, file in files.items():
        with write_atomically(file) as part:
            part.write_text(picture.svg.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    return [{"file": f.as_posix(), "title": p.title, "question": p.question} for p, f in files.items()]


def write_launch_page(pipeline: str, record: "LaunchRecord") -> None:
    """Write the checklist of a launch to docs/launches/; print its path."""
    if not TEAM_FILE.exists() or not FIGURES.parent.is_dir():
        return
    from mlteam.process.records import save_launch_page

    role = f"canary, {record.canary_share:.0%} of the requests" if record.canary_share else record.kind
    role = {"launch": "champion"}.get(role, role)
    path = save_launch_page(
        Path(), pipeline, record.version, role, record.at.date(), record.by, record.reason, record.gates
    )
    console.print_line(f"checklist: {path}")
