# /// script
# dependencies = ["nox[uv]>=2025.10.16"]
# ///
"""All team commands: `nox -s NAME -- OPTIONS`; add `--help` to list the options of one."""

import ast
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["lint", "process", "tests"]
nox.options.default_venv_backend = "none"


def run(session: nox.Session, *command: str) -> None:
    """Run a command in the project's one environment, which uv brings up to date first."""
    # An activated environment is another one: uv would warn about it at each call.
    session.run(sys.executable, "-m", "uv", "run", "--quiet", *command, env={"VIRTUAL_ENV": None})


def read_commands() -> dict[str, str]:
    """Read the commands of `mlteam` and their help from its source, since nox runs before anything is installed."""
    modules = list(Path("engine/src/mlteam/cli").glob("*.py"))
    modules = modules or list(Path(".venv").glob("[Ll]ib/**/site-packages/mlteam/cli/*.py"))
    commands = {}
    for module in sorted(modules):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            for call in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "app.command":
                    name = next((k.value for k in call.keywords if k.arg == "name"), ast.Constant(node.name))
                    commands[ast.literal_eval(name)] = (ast.get_docstring(node) or "").partition("\n")[0]
    return commands


def add_session(command: str, help_line: str) -> None:
    """Make a command of `mlteam` a session, with the same help."""

    def session_of_command(session: nox.Session) -> None:
        run(session, "mlteam", command, *session.posargs)

    session_of_command.__doc__ = help_line
    nox.session(session_of_command, name=command)


if not (commands := read_commands()):
    sys.exit("engine/: missing, and .venv has no installed mlteam\nrestore the folder from git, or run `uv sync`")
for name, line in commands.items():
    add_session(name, line)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, SQL, spelling and prose, and look for secrets and notebook outputs."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")
    run(session, "mypy")
    run(session, "sqlfluff", "lint", "--disable-progress-bar", "sql/models", "sql/macros", "sql/tests")
    run(session, "codespell")
    pages = ("*.md", "docs/*.md", "docs/decisions/*.md")
    run(session, "proselint", "check", *(str(page) for pattern in pages for page in sorted(Path().glob(pattern))))
    for hook in ("secrets", "notebooks", "workflows"):
        run(session, "pre-commit", "run", "--all-files", hook)


@nox.session
def process(session: nox.Session) -> None:
    """Check PROCESS.md and docs/ against the code; `-- --fix` refreshes what is generated."""
    run(session, "python", "-m", "mlteam.process", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the team's tests: SQL, loaders, models, metrics, notebooks."""
    run(session, "pytest", *session.posargs)


@nox.session
def engine_tests(session: nox.Session) -> None:
    """Run the engine's own checks and tests, after a change in engine/."""
    # The environment is the project's: that of the engine alone has none of the tools.
    with session.chdir("engine"):
        for command in (["lint-imports"], ["mypy"], ["pytest", *session.posargs]):
            run(session, "--project", "..", *command)


@nox.session
def remove_example(session: nox.Session) -> None:
    """Remove the flights example, once: leaves an empty project that passes its checks."""
    run(session, "python", "process/remove_example.py")
