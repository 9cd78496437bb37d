"""Builds the generated part of CODEOWNERS."""

from mlteam.repository.project import Project

FILE = "CODEOWNERS"
MARKS = ("# generated: owners\n", "# end generated\n")


def build_code_owners(project: Project) -> str:
    """Return CODEOWNERS with its generated lines up to date; what the team added around them stays."""
    text = project.read(FILE).replace("\r\n", "\n")
    before, first, rest = text.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2] if first else before
    rules = [("*", "engineering_manager")]
    rules += [(f"/{area}", role) for area, role in project.settings.areas.items() if project.exists(area.strip("/"))]
    rules += [(f"/{d.path}", project.find_owner(d.path)) for d in project.documents if project.exists(d.path)]
    people = [(pattern, [p.code_owner for p in project.team.list_code_owners(owner)]) for pattern, owner in rules]
    lines = [f"{pattern} {' '.join(owners)}\n" for pattern, owners in people if owners]
    return "".join([before if first else "", MARKS[0], *lines, MARKS[1], after])
