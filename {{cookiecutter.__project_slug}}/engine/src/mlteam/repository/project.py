"""The repository that is checked: its files, each read and parsed once, and the facts that they contain."""

import os
import subprocess
import tomllib
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from mlteam.repository import python_code
from mlteam.repository.dbt_files import DbtProject, read_dbt_project
from mlteam.repository.markdown import parse_page
from mlteam.repository.page import Page
from mlteam.repository.python_code import Command
from mlteam.repository.settings import Document, Settings, load_settings
from mlteam.repository.team import FILE as TEAM_FILE
from mlteam.repository.team import Team
from mlteam.repository.toml_files import parse_toml

Result = TypeVar("Result")
PROCESS = "PROCESS.md"
ENGINE = "engine/src/mlteam"
INSTALLED = Path(__file__).resolve().parents[1]
TEXT_FILES = (".md", ".toml", ".yml", ".yaml", ".sql", ".py", ".json", ".jinja", "Dockerfile", "CODEOWNERS")
SKIPPED = {".git", ".venv", ".nox", "node_modules", "__pycache__", "target", "logs"}
# Where names are looked up: neither pages, which must not prove themselves, nor the engine's tests, nor the checker.
NOT_CODE = (".md", "uv.lock", "CODEOWNERS", "process.toml")
NOT_CODE_FOLDERS = ("engine/tests/", f"{ENGINE}/pages/", f"{ENGINE}/process/", f"{ENGINE}/repository/")


class Project:
    """The repository at `root`; every property is computed when a check first asks for it.

    Attributes:
        root: The folder.
        undecodable: Path to reason of each file that is not UTF-8.
        built_blocks: The generated blocks built so far, since several pages show the same.
        looked_up: Each name that was looked up so far, with whether the code contains it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._texts: dict[str, str] = {}
        self.undecodable: dict[str, str] = {}
        self.built_blocks: dict[str, str] = {}
        self.looked_up: dict[str, bool] = {}
        self._computed: dict[object, Any] = {}
        self._owners: dict[tuple[str, str], str] = {}

    @cached_property
    def files(self) -> list[str]:
        """Every file of the repository that git does not ignore, as a path with forward slashes."""
        listed = self.run_git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        listed = sorted(name for name in set(listed) - {""} if (self.root / name).is_file())
        return listed if TEAM_FILE in listed else self._walk()

    def _walk(self) -> list[str]:
        """List the files where there is no git, or where a repository around this one ignores it."""
        found = []
        for folder, folders, names in os.walk(self.root):
            inside = Path(folder).relative_to(self.root).as_posix()
            # Only the folder `data` of the root holds what commands create; a package may have one as well.
            skipped = SKIPPED | {"data"} if inside == "." else SKIPPED
            folders[:] = sorted(name for name in folders if name not in skipped and not name.endswith("_cache"))
            found += [name if inside == "." else f"{inside}/{name}" for name in sorted(names)]
        return found

    def run_git(self, *arguments: str) -> str:
        """Return what a git command prints, or an empty text where git or a repository is missing."""
        try:
            done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""

    def remember(self, compute: Callable[["Project"], Result]) -> Result:
        """Return what a function computes from the project, computed once."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        computed: Result = self._computed[compute]
        return computed

    def changes(self, path: str) -> bool:
        """Return whether a file differs from the last commit, or there is none."""
        commit = self.run_git("rev-parse", "--verify", "HEAD")
        return not commit or bool(self.run_git("status", "--porcelain", "--", path))

    @cached_property
    def folders(self) -> set[str]:
        """Every folder that contains a file of the repository."""
        return {parent.as_posix() for file in self._file_set for parent in PurePosixPath(file).parents}

    def exists(self, path: str) -> bool:
        """Return whether the repository has the file or folder, in exactly this case."""
        path = path.rstrip("/").removeprefix("./")
        return path in self._file_set or path in self.folders

    @cached_property
    def file_names(self) -> set[str]:
        """The names of all files, without their folders."""
        return {PurePosixPath(file).name for file in self._file_set}

    def list_matching(self, pattern: str) -> list[str]:
        """Return the files that a glob pattern matches; `*` does not match a slash."""
        depth = pattern.count("/")
        return [file for file in self.files if fnmatchcase(file, pattern) and file.count("/") == depth]

    def read(self, path: str) -> str:
        """Return a file's text; that of a missing file, or of one that is not UTF-8, is empty."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.root / path).read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                self._texts[path], self.undecodable[path] = "", error.reason
            except OSError:
                self._texts[path] = ""
        return self._texts[path]

    def read_tables(self, path: str) -> dict[str, Any]:
        """Return the tables of a TOML file, none if it is missing or not TOML."""
        try:
            return parse_toml(self.read(path))
        except tomllib.TOMLDecodeError:
            return {}

    @cached_property
    def team(self) -> Team:
        """The people and the stage."""
        return Team(self.root)

    @cached_property
    def settings(self) -> Settings:
        """The documents, the questions, and what process.toml changes."""
        return load_settings(self.root)

    @cached_property
    def documents(self) -> list[Document]:
        """The pages that must exist; a pattern stands for each file that it matches."""
        found = []
        for document in self.settings.documents:
            paths = self.list_matching(document.path) if "*" in document.path else [document.path]
            found += [Document(**{**vars(document), "path": path}) for path in paths]
        return found

    @cached_property
    def document_of(self) -> dict[str, Document]:
        """Path to document."""
        return {document.path: document for document in self.documents}

    @cached_property
    def pages(self) -> dict[str, Page]:
        """Path to page for every Markdown file of the team that is UTF-8."""
        paths = [file for file in self.files if file.endswith(".md") and not file.startswith("engine/")]
        texts = {path: self.read(path) for path in paths}
        return {path: parse_page(text) for path, text in texts.items() if path not in self.undecodable}

    def find_page(self, path: str) -> Page | None:
        """Return the page at a path; those of the engine are no pages of the team, but links lead to them."""
        if path.startswith("engine/") and path.endswith(".md") and self.exists(path):
            return parse_page(self.read(path))
        return self.pages.get(path)

    @cached_property
    def reference_pages(self) -> dict[str, Page]:
        """The pages that describe the project as it is."""
        kinds = {path: document.kind for path, document in self.document_of.items()}
        return {path: page for path, page in self.pages.items() if kinds.get(path) in ("reference", "readme")}

    @cached_property
    def sessions(self) -> dict[str, Command]:
        """Each nox session; the noxfile makes one of each command of the engine."""
        text = self.read("noxfile.py")
        line = text.partition("add_session(name")[0].count("\n") + 1
        commands = self.commands if "add_session(name" in text else {}
        return {n: Command(c.help, line, c.options) for n, c in commands.items()} | python_code.find_sessions(text)

    @cached_property
    def commands(self) -> dict[str, Command]:
        """The commands of `mlteam`."""
        shared = self.engine.get(f"{ENGINE}/cli/options.py", "")
        modules = [text for path, text in self.engine.items() if path.startswith(f"{ENGINE}/cli/")]
        return {name: c for text in modules for name, c in python_code.find_commands(text, shared).items()}

    @cached_property
    def pipeline_files(self) -> list[str]:
        """The pipeline files."""
        return self.list_matching("pipelines/*.toml")

    @cached_property
    def pipelines(self) -> dict[str, dict[str, Any]]:
        """Name to settings for every pipeline file that is TOML."""
        found = {}
        for path in self.pipeline_files:
            try:
                found[PurePosixPath(path).stem] = parse_toml(self.read(path))
            except tomllib.TOMLDecodeError:
                continue
        return found

    @cached_property
    def dbt(self) -> DbtProject:
        """The SQL layer: sources, models, and which model reads which."""
        inside = [path for path in self.files if path.startswith("sql/models/")]
        sql = {path: self.read(path) for path in inside if path.endswith(".sql")}
        return read_dbt_project({p: self.read(p) for p in inside if p.endswith((".yml", ".yaml"))}, sql)

    @cached_property
    def engine(self) -> dict[str, str]:
        """Path to text of every module of the engine: the one in this repository, or else the installed one."""
        inside = [path for path in self.files if path.startswith(f"{ENGINE}/") and path.endswith(".py")]
        if inside:
            return {path: self.read(path) for path in inside}
        modules = sorted(INSTALLED.rglob("*.py"))
        return {f"{ENGINE}/{m.relative_to(INSTALLED).as_posix()}": m.read_text(encoding="utf-8") for m in modules}

    @cached_property
    def code(self) -> str:
        """All text in which a name may be defined: code, settings and SQL."""
        team = [f for f in self.files if f.endswith(TEXT_FILES) and not f.endswith(NOT_CODE) and f not in self.engine]
        texts = {path: self.read(path) for path in team} | self.engine
        return "\n".join(text for path, text in texts.items() if not path.startswith(NOT_CODE_FOLDERS))

    @cached_property
    def metrics(self) -> dict[str, str]:
        """Each metric of the engine and of the team with the first line of its definition."""
        found = python_code.find_metric_definitions(self.engine.get(f"{ENGINE}/evaluation/metrics.py", ""))
        for file in self.list_matching("metrics/*.py"):
            name = PurePosixPath(file).stem
            found |= {n: doc for n, doc in python_code.list_functions(self.read(file)).items() if n == name}
        return found

    @cached_property
    def routes(self) -> dict[tuple[str, str], str]:
        """Each route of the service, as method and path, with the place that declares it."""
        modules = [(p, text) for p, text in self.engine.items() if p.startswith(f"{ENGINE}/serving/")]
        found = [(path, route) for path, text in modules for route in python_code.find_routes(text)]
        return {(method, at): f"{path}:{line}" for path, (method, at, line) in found}

    def find_owner(self, path: str) -> str:
        """Return the owner of a file: of its front matter, its document, or the longest area that contains it."""
        page = self.pages.get(path)
        owner = str((page.front or {}).get("owner", "")) if page else ""
        if owner and (self.team.find_role(owner) or self.team.find_person(owner)):
            return owner
        areas = [a for a in self.settings.areas if path == a or (a.endswith("/") and path.startswith(a))]
        area = self.settings.areas[max(areas, key=len)] if areas else ""
        return self.document_of[path].owner if path in self.document_of else area

    def describe_owner(self, owner: str, path: str) -> str:
        """Return the name and role of an owner, or of the owner of a file where none is named."""
        # One page may have thousands of findings.
        if (owner, path) not in self._owners:
            self._owners[owner, path] = self.team.describe(owner or self.find_owner(path))
        return self._owners[owner, path]

    @cached_property
    def _file_set(self) -> set[str]:
        # An engine that is installed from an index has no files here, and pages may name them all the same.
        return {*self.files, *self.engine}


def find_root() -> Path:
    """Return the nearest folder with a team.toml, from the working directory upward, or the working directory."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / TEAM_FILE).is_file()), here)
