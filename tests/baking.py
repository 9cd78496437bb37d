"""Generates projects as a user would, and reads back what was generated."""

import ast
import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from cookiecutter.main import cookiecutter
from markdown_it import MarkdownIt
from markdown_it.token import Token

# Users' machines keep compiled modules. Without them each command compiles its libraries anew, which takes longer than
# the command itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parents[1]
QUESTIONS: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
ASKED = {name: default for name, default in QUESTIONS.items() if not name.startswith("_")}
TEXTS = {name: default for name, default in ASKED.items() if isinstance(default, str)}
CHOICES = {name: options for name, options in ASKED.items() if isinstance(options, list)}
# A warehouse changes three files, of which the answers about license and CI change none: it takes their first ones.
FIXED = {name: options[:1] for name, options in CHOICES.items() if name in ("license", "ci")}
COMBINATIONS = [
    dict(zip(CHOICES, options, strict=True))
    for choices in ({"warehouse": CHOICES["warehouse"][:1]}, FIXED | {"warehouse": CHOICES["warehouse"][1:]})
    for options in itertools.product(*(CHOICES | choices).values())
]

# Answers that name no flights, so that a flight in the project can only come from the example.
PARCELS = {"project_name": "Parcel Arrivals", "description": "Predicts on which day a parcel arrives."}

Bake = Callable[..., Path]


def bake(template: Path, output: Path, *, hooks: bool = True, **answers: str) -> Path:
    """Generate a project below `output`, its answers rendered as `--no-input` renders them."""
    settings = {"cookiecutters_dir": str(template.parent), "replay_dir": str(template.parent / "replay")}
    return Path(
        cookiecutter(
            str(template),
            no_input=True,
            extra_context=answers,
            output_dir=str(output),
            default_config=settings,
            accept_hooks=hooks,
        )
    )


def copy(project: Path, target: Path, *left_out: str) -> Path:
    """Copy a project without its environments, which are a thousand times its size, and without names left out."""
    return Path(
        shutil.copytree(project, target, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".nox", *left_out))
    )


def files(project: Path) -> list[Path]:
    """Every file of a project but git's, in order."""
    return sorted(path for path in project.rglob("*") if not path.is_dir() and ".git" not in path.parts)


def tree(project: Path) -> dict[str, bytes]:
    """The content of a project by path."""
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files(project)}


def strings(path: Path) -> dict[str, str]:
    """Every string in a file that can be parsed, by its place; nothing for other files."""
    parse = PARSERS.get(path.suffix)
    return dict(parse(path.read_text(encoding="utf-8"))) if parse else {}


def _walk(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(key, f"{where}/key of {key}")
            yield from _walk(inner, f"{where}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{where}/{number}")
    else:
        yield where, str(value)


def _python(text: str) -> Iterator[tuple[str, str]]:
    constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    yield from _walk(constants)


def _markdown(text: str) -> Iterator[tuple[str, str]]:
    front, body = text.removeprefix("---\n").split("\n---\n", 1) if text.startswith("---\n") else ("", text)
    yield from _walk(yaml.safe_load(front), "front matter")
    for number, token in enumerate(MarkdownIt("gfm-like", {"linkify": False}).parse(body)):
        yield f"token {number} {token.type}", _shown(token)


def _shown(token: Token) -> str:
    if token.type == "inline":
        return "".join(child.content or "\n" for child in token.children or ())
    return token.content


PARSERS = {
    ".toml": lambda text: _walk(tomllib.loads(text)),
    ".json": lambda text: _walk(json.loads(text)),
    ".yml": lambda text: _walk(list(yaml.safe_load_all(text))),
    ".yaml": lambda text: _walk(list(yaml.safe_load_all(text))),
    ".py": _python,
    ".md": _markdown,
}


def run(*command: str | Path, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and keep what it prints."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        **options,
    )


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language in a Markdown page."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info.split()[:1] == [language]]


def fresh_machine() -> dict[str, str]:
    """The environment of this process without the environment of packages that runs the tests."""
    own = str(Path(sys.executable).parent)
    activated = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "NOX_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(activated)}
    return kept | {"PATH": os.pathsep.join(folder for folder in kept["PATH"].split(os.pathsep) if folder != own)}


def tool(name: str) -> Path:
    """A command of the environment that runs the tests."""
    return Path(sys.executable).parent / name


def install(folder: Path, *packages: str) -> Path:
    """Make an environment that holds packages which the project does not, and return the folder of its programs."""
    uv = (sys.executable, "-m", "uv")
    subprocess.run((*uv, "venv", "--quiet", str(folder)), check=True)
    subprocess.run((*uv, "pip", "install", "--quiet", "--python", str(folder), *packages), check=True)
    return folder / "bin"
