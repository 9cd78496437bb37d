"""Lists the owners that files name: pages, sources, schedules, escalation, areas."""

import re
from collections.abc import Iterator

from mlteam.repository.documents import list_documents
from mlteam.repository.project import Project
from mlteam.repository.settings import FILE as SETTINGS
from mlteam.repository.team import FILE as TEAM
from mlteam.repository.team import TITLES
from mlteam.repository.toml_files import find_key_line, get_table


def list_owners(project: Project) -> Iterator[tuple[str, int, str]]:
    """Yield every owner that a file names: path, line and the words."""
    for document, page in list_documents(project):
        front, lines = page.front or {}, page.front_lines
        listed = front.get("reviewers")
        yield document.path, lines.get("owner", 1), str(front.get("owner", ""))
        for reviewer in listed if isinstance(listed, list) else ():
            yield document.path, lines.get("reviewers", 1), str(reviewer)
        yield from ((document.path, b.line, b.answer.split("\n")[0]) for b in page.blocks if b.label == "Owner:")
    for source in project.dbt.sources.values():
        lines_above = project.read(source.path).splitlines()
        own = [n for n, text in enumerate(lines_above, 1) if re.match(r"\s*owner:", text)]
        line = next((n for n in reversed(own) if n <= source.line), own[0] if own else source.line)
        yield source.path, line, source.owner
    for name, spec in project.pipelines.items():
        path, jobs = f"pipelines/{name}.toml", get_table(spec, "schedule")
        for command in jobs:
            owner = str(get_table(jobs, command).get("owner", ""))
            yield path, find_key_line(project.read(path), "schedule", command), owner
    for severity, entry in project.team.escalation.items():
        for key in ("role", "then"):
            yield TEAM, project.team.find_line("escalation", severity, key), str(entry.get(key, ""))
    for area, owner in project.settings.areas.items():
        if owner not in TITLES:
            yield SETTINGS, project.settings.find_line("areas", area), owner
