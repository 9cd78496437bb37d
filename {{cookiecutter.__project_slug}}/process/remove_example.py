"""Remove the flights example, once, so that the project contains only the team's own work.

Run from the root of the project. Files that are not listed here stay as they are.
"""

import re
from pathlib import Path

from mlteam.pages.writing import build_section, fix_project, save_text
from mlteam.repository.dbt_files import remove_source
from mlteam.repository.markdown import parse_page
from mlteam.repository.page import Page
from mlteam.repository.project import Project
from mlteam.repository.settings import Document

STAGING = "airlines airports flights planes weather"
FEATURES = "carrier_history departures_per_hour flight_features flown_flights route_history"
FILES = [
    "examples/flight_delays.json",
    "pipelines/flight_delays.toml",
    "process/remove_example.py",
    *(f"{prefix}cost_per_flight.py" for prefix in ("metrics/", "tests/test_")),
    *(f"sql/macros/{name}.sql" for name in ("clock_minutes", "late_history")),
    *(f"sql/models/staging/stg_{name}.{end}" for name in STAGING.split() for end in ("sql", "yml")),
    *(f"sql/models/features/{name}.{end}" for name in FEATURES.split() for end in ("sql", "yml")),
]
FOLDERS = {
    "examples": "One JSON file per pipeline: an example to predict, with a value for each feature.",
    "pipelines": "One TOML file per model: its data, how it is trained and how it is evaluated.",
    "sql/models/features": "The tables that models are trained on, one file each: one row per thing to predict.",
    "sql/models/staging": "One model per source, which renames, casts and cleans it.",
}
BEGIN = """\
```sh skip=example
nox -s new_pipeline -- NAME --table FILE --label COLUMN
```

This creates a pipeline from a CSV or Parquet file: SQL with its tests, a pipeline file and an example. It prints what
it decided, why, and where to change it. `nox -s pipeline` then trains and evaluates the model. If you have no table
yet, run `nox -s lint process tests`: it installs the environment and checks the project.
"""
# File, pattern to replace, and replacement.
REPLACED = [
    ("README.md", r"```sh[^\n]*\nnox -s pipeline\n```.*?(?=\n#)", BEGIN),
    ("noxfile.py", r"\n\n\n@nox\.session[^\n]*\ndef remove_example\(.*?(?=\n\n\n|\n\Z)", ""),
    ("pyproject.toml", r"\n# Commands without --pipeline[^\n]*\npipeline = .flight_delays.\n", ""),
    ("pyproject.toml", r"example = \[\n(?: [^\n]*\n)*\]\n", ""),
    ("src/*/loaders.py", r"\nimport .*\Z", ""),
]

# The sections of each page that are about the example.
EXAMPLE = {
    "docs/product-requirements.md": (
        "Problem and users; Use cases; Decision the prediction changes; Why a model; Goals and non-goals; "
        "Requirements; Success metrics; Cost of errors; Stop criteria; Data and privacy; Constraints; "
        "Stakeholders and approvals; Risks and open questions"
    ),
    "docs/design.md": "Data; Model and baseline",
    "docs/project-plan.md": (
        "Outcome and decision dates; Milestones; Experiments; Dependencies; Risks; Status; Lessons from failed "
        "experiments"
    ),
    "docs/report.md": "Question and decision; Data used; Limits",
    "docs/data-pipeline.md": "What breaks if a source is late",
    "docs/data-card.md": (
        "Summary and owners; Motivation; Representativeness; Collection and provenance; Transformations; Labels; "
        "Splits; Validation; Uses; Access, licence, retention; Maintenance"
    ),
    "docs/model-card.md": "Intended use; Factors; Ethical considerations; Caveats",
}
PAGES = ("docs/decisions/0008-cancelled-flights-are-left-out.md",)


def main() -> None:
    """Remove the example's files, the parts of other files that belong to it, and this script; reset its answers."""
    for name in FILES:
        Path(name).unlink(missing_ok=True)
    Path("process").rmdir()
    remove_source(Path("sql/models/sources.yml"), "nycflights")
    for files, pattern, replacement in REPLACED:
        for path in Path().glob(files):
            replace(path, pattern, replacement)
    for name, purpose in FOLDERS.items():
        Path(name, "README.md").write_text(f"{purpose}\n", encoding="utf-8", newline="\n")
    reset_pages(Path())
    fix_project(Path())


def replace(path: Path, pattern: str, replacement: str) -> None:
    """Replace what a pattern matches in a file."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(pattern, replacement, text, flags=re.DOTALL), encoding="utf-8", newline="\n")


def reset_pages(root: Path) -> None:
    """Reset every section of the example to an open item, and remove its pages."""
    for name in PAGES:
        (root / name).unlink(missing_ok=True)
    project = Project(root)
    for document in project.documents:
        titles = tuple(filter(None, EXAMPLE.get(document.path, "").split("; ")))
        if titles and document.path in project.pages:
            save_text(root / document.path, reset_sections(project.pages[document.path], document, titles))


def reset_sections(page: Page, document: Document, titles: tuple[str, ...]) -> str:
    """Return the page's text with the named sections as they are before anybody has answered them."""
    text = page.text
    for title in titles:
        lines = text.split("\n")
        headings = parse_page(text).headings
        index = next((i for i, h in enumerate(headings) if h.text == title), None)
        if index is None:
            continue
        end = next((h.line - 1 for h in headings[index + 1 :] if h.level <= headings[index].level), len(lines))
        fresh = build_section(document.sections[title]).split("\n")
        text = "\n".join([*lines[: headings[index].line - 1], *fresh, *lines[end:]])
    return text.rstrip("\n") + "\n"


if __name__ == "__main__":
    main()
