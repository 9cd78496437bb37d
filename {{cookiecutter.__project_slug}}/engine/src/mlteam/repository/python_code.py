"""Reads Python code without running it: sessions, commands with their options, metrics, routes."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

ENDINGS = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Command:
    """A command or session: the first line of its help, the line of its definition, its options to their defaults."""

    help: str
    line: int
    options: dict[str, object] = field(default_factory=dict)


@cache
def parse_module(code: str) -> ast.Module:
    """Parse a module; one that is not Python is empty, since the linter reports it."""
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])


def list_functions(code: str) -> dict[str, str]:
    """Return the functions on the top level of a module with the first line of their docstrings."""
    found = (node for node in parse_module(code).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: _get_first_line(node) for node in found}


def list_tests(code: str) -> set[str]:
    """Return the names of all functions and classes of a module, nested ones included."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in ast.walk(parse_module(code)) if isinstance(node, kinds)}


@cache
def find_sessions(code: str) -> dict[str, Command]:
    """Return the sessions that a noxfile defines with a decorator."""
    found: dict[str, Command] = {}
    for node, options in _list_decorated(code, ("nox.session", "session")):
        names = [str(options.get("name", node.name))]
        versions = options.get("python")
        names += [f"{names[0]}-{version}" for version in versions] if isinstance(versions, list) else []
        found |= {name: Command(_get_first_line(node), node.lineno) for name in names}
    return found


@cache
def find_commands(code: str, shared: str = "") -> dict[str, Command]:
    """Return the commands that a module registers with `@app.command`.

    Args:
        code: The module.
        shared: The module that defines the annotations which several commands use, as `NAME = Annotated[…]`.
    """
    aliases = {
        node.targets[0].id: node.value
        for node in parse_module(shared).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = {}
    for node, options in _list_decorated(code, ("app.command",)):
        name = str(options.get("name", node.name))
        found[name] = Command(_get_first_line(node), node.lineno, dict(_list_options(node, aliases)))
    return found


def _list_options(node: ast.FunctionDef, aliases: dict[str, ast.expr]) -> Iterator[tuple[str, object]]:
    arguments = node.args.args
    defaults = [None] * (len(arguments) - len(node.args.defaults)) + list(node.args.defaults)
    for argument, default in zip(arguments, defaults, strict=True):
        annotation = argument.annotation
        if isinstance(annotation, ast.Name):
            annotation = aliases.get(annotation.id)
        calls = [n for n in ast.walk(annotation) if isinstance(n, ast.Call)] if annotation else []
        option = next((call for call in calls if ast.unparse(call.func) == "typer.Option"), None)
        if option is not None:
            named = [a.value for a in option.args if isinstance(a, ast.Constant)]
            names = named or [f"--{argument.arg.replace('_', '-')}"]
            value = default.value if isinstance(default, ast.Constant) else None
            yield from ((part, value) for name in names for part in str(name).split("/"))


def _list_decorated(code: str, names: tuple[str, ...]) -> Iterator[tuple[ast.FunctionDef, dict[str, object]]]:
    """Yield each function with one of the decorators, and the keywords of the decorator that are constants."""
    for node in (node for node in parse_module(code).body if isinstance(node, ast.FunctionDef)):
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if ast.unparse(call.func if call else decorator) in names:
                kinds = ast.Constant | ast.List
                pairs = [(k.arg, k.value) for k in (call.keywords if call else []) if isinstance(k.value, kinds)]
                yield node, {str(key): ast.literal_eval(value) for key, value in pairs}


def _get_first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def list_calls(code: str, names: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
    """Yield each call of a function by one of the names whose first argument is a text: name, text and line."""
    for call in re.finditer(rf"\b({'|'.join(names)})\(\s*\"([^\"\n]+)\"", code):
        yield call[1], call[2], code.count("\n", 0, call.start()) + 1


@cache
def find_metric_definitions(code: str) -> dict[str, str]:
    """Return the names given to `Metric(name, function, …)` with what the function's docstring says."""
    functions = list_functions(code)
    calls = re.findall(r"\bMetric\(\s*\"(\w+)\",\s*(\w+)", code)
    return {name: functions.get(function, "") for name, function in calls}


def find_exported_metrics(code: str) -> set[str]:
    """Return the Prometheus metrics that a module defines, with the endings that Prometheus adds."""
    calls = list_calls(code, tuple(ENDINGS)) if "prometheus_client" in code else ()
    return {f"{metric}{ending}" for kind, metric, _ in calls for ending in ENDINGS[kind]}


@cache
def find_routes(code: str) -> tuple[tuple[str, str, int], ...]:
    """Return the routes that decorators such as `@app.get("/path")` declare: method, path and line."""
    found = []
    for node in ast.walk(parse_module(code)) if "fastapi" in code else ():
        for call in node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ():
            match call:
                case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(path)), *_]):
                    found += [(method.upper(), path, call.lineno)] if method in METHODS else []
    return tuple(found)
