"""Checks of what must not be in the repository: secrets, loose workflows, pickles, ratings of people."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache

import yaml

from mlteam.process.checks.blocks import table
from mlteam.process.checks.dbt import LOADER
from mlteam.process.checks.findings import Finding, check
from mlteam.process.checks.project import Project

# What, the form, and the letters without which a file need not be searched.
SECRETS = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}"), ("PRIVATE KEY",)),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), ("AKIA", "ASIA")),
    ("a GitHub token", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"), ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("a Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"), ("xox",)),
    ("a password in an address", re.compile(r"://[^\s:/@<>$]+:[^\s:/@<>${}*]{3,}@[\w.-]+"), ("://",)),
)
READ = (".md", ".toml", ".yml", ".yaml", ".py", ".sql", ".cfg", ".ini", ".env", ".json", ".sh", ".txt")
PINNED = re.compile(r"@[0-9a-f]{40}$")
LOADERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve"}
RATING = re.compile(r"^\W*(rating|score|grade|assessment)\b.*:", re.IGNORECASE)
EVALUATION_FORM = "docs/performance-expectations.md"
EVALUATED = re.compile(r"^[^\w\n]*(name of the person|period|rating)[^\w\n]*:[^\w\n]*\w", re.IGNORECASE | re.MULTILINE)


@check("PRC070", "no secret is in a file")
def secrets(project: Project) -> Iterator[Finding]:
    """What has the form of a key or a token; the value is never printed."""
    for path in project.files:
        if not path.endswith(READ) or (project.root / path).stat().st_size > 1_000_000:  # noqa: PLR2004
            continue
        text = (project.root / path).read_bytes().decode("utf-8", "replace")
        for line, kind in looks_secret(text):
            fix = "take it out, and make it void where it was issued: history keeps it"
            yield Finding(path, line, f"this looks like {kind}", fix=fix)


@cache
def looks_secret(text: str) -> tuple[tuple[int, str], ...]:
    """Each line of a text on which a secret stands, with its kind."""
    return tuple(
        (text.count("\n", 0, match.start()) + 1, kind)
        for kind, pattern, letters in SECRETS
        if any(part in text for part in letters)
        for match in pattern.finditer(text)
    )


@check("PRC071", "workflows run pinned actions with few rights")
def workflows(project: Project) -> Iterator[Finding]:
    """Actions by commit, `permissions` at the top, no target-branch trigger, no event text in a script."""
    for path in project.matching(".github/workflows/*.y*ml"):
        text = project.text(path)
        try:
            workflow = table(yaml.load(text, Loader=LOADER))  # noqa: S506
        except yaml.YAMLError as error:
            yield Finding(path, 1, f"not YAML: {getattr(error, 'problem', error)}", fix="fix the line")
            continue
        if "permissions" not in workflow:
            yield Finding(path, 1, "the workflow does not limit its rights", expected="permissions: {}")
        for number, line in enumerate(text.splitlines(), start=1):
            uses = re.match(r"\s*(?:-\s+)?uses:\s*([^\s#]+)", line)
            if uses and not uses[1].startswith("./") and not PINNED.search(uses[1]):
                expected = "the full commit after @, the version in a comment"
                yield Finding(path, number, f"action {uses[1]!r} is not pinned by commit", expected=expected)
            if "pull_request_target" in line.partition("#")[0]:
                yield Finding(path, number, "pull_request_target runs with the repository's rights", fix="pull_request")
            if re.search(r"\$\{\{\s*github\.(event\.|head_ref)", line):
                yield Finding(path, number, "text of the event is put into a script", fix="pass it through `env:`")


@check("PRC074", "no code loads a pickle")
def pickles(project: Project) -> Iterator[Finding]:
    """Loading one runs whatever it says; models are kept in their native format."""
    for path in project.files:
        if path.endswith(".py") and path.startswith(("src/", "engine/src/")):
            for line, module in imported_loaders(project.text(path)):
                fix = "keep the model in its native format"
                yield Finding(path, line, f"{module} is imported: its files run code when loaded", fix=fix)


def imported_loaders(code: str) -> Iterator[tuple[int, str]]:
    """Each import of a module that loads pickles, with its line."""
    if not any(module in code for module in LOADERS):
        return
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        line = getattr(node, "lineno", 1)
        yield from ((line, name) for name in names if name.split(".")[0] in LOADERS)


@check("PRC075", "no model's metric decides a rating")
def ratings(project: Project) -> Iterator[Finding]:
    """A line that rates work names no metric of a pipeline: a failed model with good work can rate highest."""
    page = project.pages.get(EVALUATION_FORM)
    metrics = {m for spec in project.pipelines.values() for m in table(spec, "evaluation").get("metrics", [])}
    words = metrics | {m.replace("_", " ") for m in metrics} | {"auc", "accuracy", "precision", "recall", "log loss"}
    for number, line in enumerate(page.lines if page else (), start=1):
        named = [w for w in sorted(words) if re.search(rf"\b{re.escape(w)}\b", line, re.IGNORECASE)]
        if RATING.match(line) and named:
            text = f"a rating hangs on the model's {named[0]}"
            yield Finding(EVALUATION_FORM, number, text, fix="rate the work: code, experiments, documents, operations")


@check("PRC076", "no filled evaluation of a person is in the repository")
def evaluations(project: Project) -> Iterator[Finding]:
    """The form is here; a filled one is personal data and stays where the team keeps such things."""
    for path in project.markdown_files:
        if path in project.broken:
            continue
        text = project.text(path)
        match = EVALUATED.search(text) if "evaluation" in text.lower() else None
        if match:
            line = text.count("\n", 0, match.start()) + 1
            yield Finding(
                path, line, "this looks like a filled evaluation of a person", fix="keep it out of the repository"
            )


@check("PRC077", "no notebook is committed with its outputs")
def notebooks(project: Project) -> Iterator[Finding]:
    """Outputs hold rows of data, which a repository must not; notebooks here are Python files without any."""
    for path in project.matching("*.ipynb"):
        try:
            cells = table(json.loads(project.text(path))).get("cells", [])
        except (ValueError, UnicodeDecodeError):
            cells = [{"outputs": ["unreadable"]}]
        if any(table(cell).get("outputs") for cell in cells):
            fix = "clear the outputs, or move it to a marimo notebook in notebooks/"
            yield Finding(path, 1, "the notebook holds outputs", fix=fix)
