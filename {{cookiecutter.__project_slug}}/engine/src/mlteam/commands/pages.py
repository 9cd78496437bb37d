"""Pages that show results: refreshed by the commands that change these results."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slugify import slugify

from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.files import remove, write_atomically
from mlteam.core.paths import TEAM_FILE
from mlteam.registry import evaluations
from mlteam.reports import page
from mlteam.serving.bundle import is_launched, read_live_pointer

if TYPE_CHECKING:
    from mlteam.config.spec import Spec
    from mlteam.registry.launch_log import LaunchRecord
    from mlteam.reports.charts.common import Picture

FIGURES = Path("docs/figures")


def refresh_pages() -> None:
    """Bring the generated blocks of PROCESS.md and docs/ up to date, and print each page that has changed."""
    if not TEAM_FILE.exists():
        return
    from mlteam.pages import writing

    try:
        changes = writing.refresh_pages(Path())
    except ProjectError as error:
        # The result is there; a mistake in team.toml or process.toml is for `nox -s process` to report.
        changes = [f"note: the pages are not refreshed: {error}"]
    for change in changes:
        console.print_line(change)


def save_figures(report: Path, pipeline: str, pictures: "Sequence[Picture]") -> list[dict[str, str]]:
    """Write the pictures of a report into the folder beside it that has its name, replacing those of before.

    Returns:
        For each its title and question, and the file that it is once docs/ shows it.
    """
    folder, shown = get_figures_folder(report), FIGURES / pipeline
    files = {picture: f"{slugify(picture.title)}.svg" for picture in pictures}
    remove(folder)
    for picture, file in files.items():
        with write_atomically(folder / file) as part:
            part.write_text(picture.svg.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    return [{"file": (shown / f).as_posix(), "title": p.title, "question": p.question} for p, f in files.items()]


def get_figures_folder(report: Path) -> Path:
    """Return the folder of the pictures of a report."""
    return report.with_suffix("")


def show_version(spec: "Spec", number: int) -> None:
    """Bring the pages up to date after a version was evaluated, launched or restored.

    They show the champion, or the version evaluated last as long as there is none: what several people try at the same
    time stays in their reports. Where the version was evaluated on another machine, the registry has its report.

    Args:
        spec: The pipeline.
        number: The version.
    """
    shown = not is_launched(spec.name) or read_live_pointer(spec.name).champion.partition("-")[0] == str(number)
    if shown and FIGURES.parent.is_dir():
        report = page.choose_page_path(spec.name, f"v{number}")
        if not report.with_suffix(".json").exists():
            evaluations.fetch_evaluation(spec, number, report.parent)
        if (pictures := get_figures_folder(report)).is_dir():
            remove(FIGURES / spec.name)
            shutil.copytree(pictures, FIGURES / spec.name)
    refresh_pages()


def write_launch_page(pipeline: str, record: "LaunchRecord") -> None:
    """Write the checklist of a launch to docs/launches/; print its path."""
    if not TEAM_FILE.exists() or not FIGURES.parent.is_dir():
        return
    from mlteam.pages.records import save_launch_page

    role = f"canary, {record.canary_share:.0%} of the requests" if record.canary_share else record.kind
    role = {"launch": "champion"}.get(role, role)
    path = save_launch_page(
        Path(), pipeline, record.version, role, record.at.date(), record.by, record.reason, record.gates
    )
    console.print_line(f"checklist: {path}")
