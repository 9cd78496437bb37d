"""Opens again what the pages say about the flights example, so that they wait for the team's own project."""

from pathlib import Path

from mlteam.process.markdown import parse_page
from mlteam.process.page import Page
from mlteam.process.project import Project
from mlteam.process.settings import Document
from mlteam.process.writing import build_section, save_text

EXAMPLE = {
    "docs/product-requirements.md": (
        "Problem and users",
        "Decision the prediction changes",
        "Why a model",
        "Goals and non-goals",
        "Success metrics",
        "Cost of errors",
        "Good enough, and when we stop",
        "Data and privacy",
        "Constraints",
        "Launch plan",
        "Risks and open questions",
    ),
    "docs/design.md": ("Data", "Model and baseline"),
    "docs/project-plan.md": ("Milestones", "Experiments", "Risks", "What we learned from what failed"),
    "docs/report.md": ("Question and decision", "Data used", "Limits"),
    "docs/data-pipeline.md": ("What breaks if a source is late", "Cost"),
    "docs/data-card.md": (
        "Summary and owners",
        "Motivation",
        "Collection and provenance",
        "Transformations",
        "Labels",
        "Splits",
        "Validation",
        "Uses",
        "Access, licence, retention",
        "Maintenance",
    ),
    "docs/model-card.md": ("Intended use", "Factors", "Ethical considerations", "Caveats"),
}
PAGES = ("docs/decisions/0003-cancelled-flights-are-left-out.md",)


def reset_pages(root: Path) -> None:
    """Open every section of the example again and remove its pages; sections that are not there are left out."""
    for name in PAGES:
        (root / name).unlink(missing_ok=True)
    project = Project(root)
    for document in project.documents:
        titles = EXAMPLE.get(document.path, ())
        if titles and document.path in project.pages:
            save_text(root / document.path, opened(project.pages[document.path], document, titles))


def opened(page: Page, document: Document, titles: tuple[str, ...]) -> str:
    """The page's text with the named sections as they are before anybody has answered them."""
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
