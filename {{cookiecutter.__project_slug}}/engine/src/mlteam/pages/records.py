"""Pages that are written once and then kept: decisions, postmortems and the checklist of each launch."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from mlteam.pages.blocks.markup import escape_cell

DECISION = ("Context", "Options", "Decision", "Case against", "Confirmation")
POSTMORTEM = ("Impact", "Detection", "Timeline (UTC)", "Causes", "What went well", "What went badly")
ACTIONS = """
## Actions

| Action | Kind (prevent, detect, mitigate) | Owner | Due |
| --- | --- | --- | --- |
"""
BEFORE = (
    "The approver has read the evaluation report of this version.",
    "Every feature is known, with this value, at the time of the prediction.",
    "The owner of each source knows that this model depends on it.",
    "No slice is worse than the requirements allow, or the approver accepts it in writing.",
)
AFTER = (
    '`nox -s verify` ended with "verified".',
    "Errors, latency and traffic on the dashboard look as before, after 15 minutes and after a day.",
    "`nox -s monitor` found no problem on the first full day.",
    "The users have been told what has changed.",
)


def build_decision(title: str, day: dt.date) -> str:
    """Return an empty architecture decision record."""
    front = f"---\nstatus: draft\ndate: {day}\ndecided_by: engineering_manager\n---\n"
    return "\n".join([front, f"# {title}\n", *(f"## {name}\n\n**Open:** to be written\n" for name in DECISION)])


def build_postmortem(title: str, day: dt.date) -> str:
    """Return an empty postmortem."""
    front = f"---\nstatus: draft\ndate: {day}\n---\n"
    sections = [f"## {name}\n\n**Open:** to be written\n" for name in POSTMORTEM]
    return "\n".join([front, f"# {title}\n", *sections]).rstrip("\n") + "\n" + ACTIONS


def save_launch_page(
    root: Path, pipeline: str, version: int, role: str, day: dt.date, by: str, reason: str, gates: Sequence[str]
) -> str:
    """Write the checklist of a launch: the gates as decided, and what people tick.

    Returns:
        Its path. A second launch of the same version on the same day gets a page of its own.
    """
    base = f"docs/launches/{day}-{pipeline}-v{version}"
    names = (f"{base}.md", *(f"{base}-{count}.md" for count in range(2, 1000)))
    path = next(name for name in names if not (root / name).exists())
    lines = [
        f"---\nstatus: draft\ndate: {day}\ndecided_by: {by}\n---\n",
        f"# {pipeline} version {version} as {role}\n",
        f"Reason: {escape_cell(reason)}\n",
        "## Gates\n",
        *(f"- [{'x' if ': passed' in gate else ' '}] {escape_cell(gate)}" for gate in gates),
        "\n## Before the launch\n",
        *(f"- [ ] {line}" for line in BEFORE),
        "\n## After the launch\n",
        *(f"- [ ] {line}" for line in AFTER),
    ]
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return path
