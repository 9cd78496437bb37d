"""Looks up names in the code of the repository: functions, keys, tables, variables."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from mlteam.repository.project import ENGINE, Project
from mlteam.repository.python_code import parse_module


def is_defined(project: Project, name: str) -> bool:
    """Return whether a name occurs in the code as a whole word."""
    if name not in project.looked_up:
        project.looked_up[name] = _find_word(project.code, name)
    return project.looked_up[name]


def _find_word(code: str, name: str) -> bool:
    start = code.find(name)
    while start >= 0:
        around = code[start - 1 : start] + code[start + len(name) : start + len(name) + 1]
        if not re.search(r"\w", around):
            return True
        start = code.find(name, start + 1)
    return False


@cache
def list_similar_names(code: str, name: str) -> set[str]:
    """Return the names in the code that begin with the same two letters, of nearly the same length."""
    return {n for n in re.findall(rf"\b{re.escape(name[:2])}\w+", code) if abs(len(n) - len(name)) < 4}  # noqa: PLR2004


def list_tables_of_toml(project: Project) -> set[str]:
    """Return the first names of the tables in TOML files, comments included, and of a pipeline file's tables."""
    text = "\n".join(project.read(file) for file in project.files if file.endswith((".toml", ".toml.jinja")))
    fields = re.findall(r"^    (\w+):", project.engine.get(f"{ENGINE}/config/spec.py", ""), re.MULTILINE)
    return {*fields, *(name.partition(".")[0] for name in re.findall(r"^[# ]*\[+([\w.]+)", text, re.MULTILINE))}


def list_keys_of_tables(project: Project) -> dict[str, set[str]]:
    """Return the keys that a table of a pipeline file may have, for each table that is a class of the settings."""
    modules = [text for path, text in project.engine.items() if path.startswith(f"{ENGINE}/config/")]
    classes = [node for text in modules for node in parse_module(text).body if isinstance(node, ast.ClassDef)]
    fields = {node.name.lower(): set(_list_fields(node)) for node in classes}
    return {table: keys for table, keys in fields.items() if table in fields.get("spec", ())}


def _list_fields(node: ast.ClassDef) -> Iterator[str]:
    for field in node.body:
        match field:
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
