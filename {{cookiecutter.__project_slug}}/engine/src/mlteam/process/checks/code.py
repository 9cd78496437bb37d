"""Reads the project's Python code without running it: sessions, commands, metrics, texts."""

import ast
from functools import cache

from mlteam.process.checks.errors import CannotRunError

ENDINGS = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}


@cache
def nox_sessions(text: str) -> dict[str, tuple[str, int]]:
    """The sessions that a noxfile defines, found without running it."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise CannotRunError(f"noxfile.py:{error.lineno} is not Python: {error.msg}") from None
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(call) in ("nox.session", "session"):
                given = decorator.keywords if isinstance(decorator, ast.Call) else []
                options = {
                    k.arg: ast.literal_eval(k.value) for k in given if isinstance(k.value, ast.Constant | ast.List)
                }
                name = str(options.get("name", node.name))
                doc = (ast.get_docstring(node) or "").split("\n")[0]
                versions = options.get("python")
                found[name] = (doc, node.lineno)
                for version in versions if isinstance(versions, list) else ():
                    found[f"{name}-{version}"] = (doc, node.lineno)
    return found


@cache
def cli_commands(code: str) -> dict[str, str]:
    """The names under which a module registers functions with `@app.command`, with the first line of their help."""
    found = {}
    for node in (n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef)):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "app.command":
                given = [k.value.value for k in decorator.keywords if isinstance(k.value, ast.Constant)]
                found[str(given[0] if given else node.name)] = (ast.get_docstring(node) or "").partition("\n")[0]
    return found


@cache
def metric_definitions(code: str) -> dict[str, str]:
    """The names that a module gives to `Metric(name, function, …)`, each with what the function's docstring says."""
    tree = ast.parse(code)
    said = {n.name: (ast.get_docstring(n) or "").split("\n")[0] for n in tree.body if isinstance(n, ast.FunctionDef)}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Metric":
            match node.args[:2]:
                case [ast.Constant(value=str(name)), ast.Name(id=function)]:
                    found[name] = said.get(function, "")
    return found


@cache
def function_definition(code: str, name: str) -> dict[str, str]:
    """The function called `name` with what its docstring says, none if there is no such function."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return {}
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    return {n.name: (ast.get_docstring(n) or "").split("\n")[0] for n in found}


@cache
def string_constants(code: str) -> frozenset[str]:
    """The string constants of a module, none if it is not Python (the linter says so)."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return frozenset()
    return frozenset(n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))


@cache
def exported_metrics(code: str) -> frozenset[str]:
    """The names of the metrics that a module makes, with the endings that Prometheus gives them."""
    if "prometheus_client" not in code:
        return frozenset()
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            match node.args[:1]:
                case [ast.Constant(value=str(name))]:
                    found |= {f"{name}{ending}" for ending in ENDINGS.get(node.func.id, ())}
    return frozenset(found)
