"""Checks of documented commands: sessions, options, people, routes, ports."""

import re
from collections.abc import Iterator

from mlteam.process.checks.registry import check
from mlteam.process.findings import WARNING, Finding
from mlteam.repository.command_lines import COMPOSE, find_curl_method, list_services, parse_command
from mlteam.repository.deployments import list_compose_services, list_kubernetes_names
from mlteam.repository.page import Page, Span
from mlteam.repository.project import PROCESS, Project
from mlteam.repository.suggestions import find_nearest, suggest
from mlteam.repository.team import ANYONE

PLACEHOLDER = re.compile(r"[A-Z<…\[]")
# Options that every command has, and those of the two checkers.
COMMON_OPTIONS = {"--help"}
CHECKER_OPTIONS = {"--fix", "--execute", "--open", "--stage", "--explain", "--new"}
OWN_OPTIONS = {"process": CHECKER_OPTIONS, "tests": None, "engine_tests": None}
OPTION = re.compile(r"--[a-z][\w-]*")
URL = re.compile(r"https?://(?P<host>[\w.-]+)(?::(?P<port>\d+))?(?P<path>/[\w/{}.-]*)?")
LOCAL = ("127.0.0.1", "localhost", "0.0.0.0", "server")  # noqa: S104
PORT = re.compile(r"(?:\bport |(?<![/\w])(?:127\.0\.0\.1|localhost):)(\d{2,5})\b", re.IGNORECASE)
OBJECT = re.compile(r"\b(?:deployment|cronjob|service|hpa)s?/([a-z][a-z0-9-]*)")
ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*)")
MENTIONED = re.compile(r"http|port |127\.0\.0\.1|localhost", re.IGNORECASE)
# FastAPI adds these.
BUILT_IN_ROUTES = ("/docs", "/redoc", "/openapi.json")


def _list_commands(project: Project) -> Iterator[tuple[str, Page, Span, tuple[str, ...], tuple[str, ...]]]:
    for path, page in project.pages.items():
        for span in page.commands:
            is_command = any(word in span.text for word in ("nox", "mlteam ", COMPOSE))
            names, words = parse_command(span.text) if is_command else ((), ())
            if names:
                yield path, page, span, names, words


@check("PRC030", "every documented session or command exists")
def check_sessions(project: Project) -> Iterator[Finding]:
    """Look up `nox -s NAME` among the sessions of noxfile.py, and `mlteam NAME` among the commands."""
    for path, page, span, names, _ in _list_commands(project):
        known = project.commands if span.text.startswith(("mlteam ", "docker ")) else project.sessions
        for name in names:
            if name not in known and not PLACEHOLDER.search(name):
                column = max(page.lines[span.line - 1].find(name) + 1, 1)
                message = f"no such {'command' if known is project.commands else 'session'}: {name!r}"
                fix = suggest(name, known)
                yield Finding(path, span.line, message, column=column, fix=fix, allow=("commands", name))


@check("PRC031", "every documented option exists")
def check_options(project: Project) -> Iterator[Finding]:
    """Compare the options of documented commands with the command line; a bare option must not look like a typo."""
    every = {option for command in project.commands.values() for option in command.options} | COMMON_OPTIONS
    every |= {option for options in OWN_OPTIONS.values() for option in options or ()}
    for path, _, span, names, words in _list_commands(project):
        known = _list_known_options(project, names)
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            if known is not None and option not in known:
                message = f"{' '.join(names)} has no option {option!r}"
                fix = suggest(option, known)
                yield Finding(path, span.line, message, fix=fix, allow=("options", option))
    for path, page in project.pages.items():
        for span in page.spans:
            named = OPTION.match(span.text)
            near = find_nearest(named[0], every, 0.75) if named and named[0] not in every else ""
            if named and near:
                message, fix = f"no command has an option {named[0]!r}", f"did you mean {near}?"
                yield Finding(path, span.line, message, column=span.column, fix=fix, allow=("options", named[0]))


def _list_known_options(project: Project, names: tuple[str, ...]) -> set[str] | None:
    """Return the options of sessions that are commands, or None if any of them takes others."""
    known = set(COMMON_OPTIONS)
    for name in names:
        if name in OWN_OPTIONS or name not in project.commands:
            own = OWN_OPTIONS.get(name)
            if own is None:
                return None
            known |= own
        else:
            known |= set(project.commands[name].options)
    return known


@check("PRC032", "services and objects in documented commands are declared in deploy/")
def check_deployed(project: Project) -> Iterator[Finding]:
    """Compare the services of Docker Compose with its file; what kubectl names must not look like a typo."""
    services, objects = list_compose_services(project), list_kubernetes_names(project)
    for path, page in project.reference_pages.items():
        for span in page.commands:
            found = [(name, services) for name in list_services(span.text) if name not in services]
            named = OBJECT.findall(span.text) if "kubectl" in span.text else ()
            found += [(name, objects) for name in named if name not in objects and find_nearest(name, objects, 0.75)]
            for name, there in found:
                if there and not PLACEHOLDER.search(name):
                    message, fix = f"deploy/ declares no {name!r}", suggest(name, there)
                    yield Finding(path, span.line, message, fix=fix, allow=("names", name))


@check("PRC035", "commands name nobody, or somebody in the team")
def check_people(project: Project) -> Iterator[Finding]:
    """Compare the value of `--by` with team.toml; pages write `--by YOU`, so that they outlast the people."""
    present = [person.key for person in project.team.people.values() if not person.left]
    for path, page in project.pages.items():
        for span in page.commands:
            for name in re.findall(r"--by[ =]['\"]?([\w.@-]+)", span.text):
                if name not in present and name != ANYONE and not PLACEHOLDER.match(name):
                    message, fix = f"--by {name}: no such person in team.toml", f"write --by {ANYONE}"
                    yield Finding(path, span.line, message, fix=fix, allow=("names", name))


@check("PRC033", "every documented route and port of the service exists")
def check_routes(project: Project) -> Iterator[Finding]:
    """Compare local URLs, code spans that look like a route, and ports with the service, deploy/ and monitoring/."""
    known = {at for _, at in project.routes} | set(BUILT_IN_ROUTES)
    ports = _list_ports(project)
    for path, page in project.reference_pages.items():
        texts = [Span(line, n) for n, line in enumerate(page.lines, 1) if MENTIONED.search(line)]
        for span in texts:
            found = [m for m in URL.finditer(span.text) if m["host"] in LOCAL]
            named = [m["port"] for m in found if m["port"]] + PORT.findall(span.text)
            own = [m["path"] for m in found if m["path"] and m["port"] in _list_own_ports(project)]
            wrong = [(port, f"nothing listens on port {port}", ports) for port in named if port not in ports]
            served = [route for route in (route.rstrip(".") for route in own) if route not in ("/", *known)]
            wrong += [(route, f"the service has no route {route}", known) for route in served]
            for word, message, there in wrong:
                yield Finding(path, span.line, message, fix=suggest(word, there), allow=("routes", word))
        for span in page.spans:
            route = span.text.rpartition(" ")[2]
            if route.startswith("/") and route not in known and (near := find_nearest(route, known, 0.75)):
                message, fix = f"the service has no route {route}", f"did you mean {near}?"
                yield Finding(path, span.line, message, column=span.column, fix=fix, allow=("routes", route))


@check("PRC038", "every documented method of a route exists")
def check_methods(project: Project) -> Iterator[Finding]:
    """Compare `GET /path`, and what curl sends to a local URL, with the routes; another service's route warns."""
    paths = {at for _, at in project.routes}
    own = _list_own_ports(project)
    for path, page in project.reference_pages.items():
        found = [(span, ROUTE.fullmatch(span.text)) for span in page.spans]
        # What nearly is a route is reported as such.
        named = [(s, m[1], m[2]) for s, m in found if m and (m[2] in paths or not find_nearest(m[2], paths, 0.75))]
        for span in (span for span in page.commands if "curl" in span.text):
            method, urls = find_curl_method(span.text), [m for m in URL.finditer(span.text) if m["host"] in LOCAL]
            named += [(span, method, m["path"]) for m in urls if method and m["port"] in own and m["path"] in paths]
        for span, method, at in named:
            if (method, at) not in project.routes and at not in BUILT_IN_ROUTES:
                message = f"the service has no route {method} {at}"
                fix = suggest(f"{method} {at}", [" ".join(known) for known in project.routes])
                blocks, allow = "" if at in paths else WARNING, ("routes", at)
                yield Finding(path, span.line, message, column=span.column, fix=fix, blocks=blocks, allow=allow)


def _list_own_ports(project: Project) -> tuple[str | None, ...]:
    return None, "8000", _get_port(project)


def _get_port(project: Project) -> str:
    command = project.commands.get("serve")
    return str(command.options.get("--port", "")) if command else ""


def _list_ports(project: Project) -> set[str]:
    files = [file for file in project.files if file.startswith(("deploy/", "monitoring/"))]
    text = "\n".join(project.read(file) for file in files if not file.endswith(".md"))
    return {_get_port(project), *re.findall(r"(?<![\d.])\d{2,5}(?![\d.])", text)}


@check("PRC042", "the serving diagram shows every route, and no diagram shows one that does not exist")
def check_diagram_routes(project: Project) -> Iterator[Finding]:
    """Compare `GET /path` in the diagrams with the routes that the service declares."""
    shown: set[tuple[str, str]] = set()
    place = 1
    for path, page in project.pages.items():
        for fence in (f for f in page.fences if f.language == "mermaid"):
            for number, line in enumerate(fence.content.splitlines(), start=fence.line + 1):
                for match in ROUTE.finditer(line):
                    route = (match[1], match[2])
                    if path == PROCESS:
                        shown.add(route)
                        place = fence.line
                    if route not in project.routes:
                        fix = suggest(match[0], [" ".join(known) for known in project.routes])
                        yield Finding(path, number, f"the service has no route {match[0]}", fix=fix)
    for route, declared in project.routes.items() if shown else ():
        if route not in shown:
            message = f"the serving diagram does not show {' '.join(route)}"
            yield Finding(PROCESS, place, message, expected=f"an edge for it; the code: {declared}")
