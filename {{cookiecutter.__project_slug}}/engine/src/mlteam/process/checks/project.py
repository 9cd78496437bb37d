"""What the checks look at: the repository's files, each read and parsed once."""

import os
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from mlteam.process.checks import code, dbt, markdown, team
from mlteam.process.checks.errors import CannotRunError
from mlteam.process.checks.page import Page

READ = (".md", ".toml", ".yml", ".yaml", ".sql", ".py", "CODEOWNERS")
ENGINE = "engine/src/mlteam"
QUESTIONS = "process/questions.toml"
INSTALLED = Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".venv", ".nox", "node_modules", "__pycache__", "target", "logs"}


@dataclass(frozen=True)
class Document:
    """A page that must exist.

    Attributes:
        path: Where it stands; a pattern in process/documents.toml becomes one document for each file that it names.
        title: Its first heading.
        role: Whose deliverable it is.
        sections: Title to what process/documents.toml says of the section: `has`, and maybe `block` or `blocks`.
        shows: The generated blocks that it must show.
    """

    path: str
    title: str
    role: str
    sections: dict[str, dict[str, str]]
    shows: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A question that PROCESS.md answers, and what its answer must contain."""

    text: str
    group: str
    role: str
    needs: tuple[str, ...]
    session: str
    blocks: str


class Project:
    """The repository at `root`; every property is computed when a check first asks for it.

    `rendered` keeps the generated blocks, some of which stand on several pages.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._texts: dict[str, str] = {}
        self._undecodable: dict[str, str] = {}
        self.rendered: dict[str, str] = {}

    @cached_property
    def files(self) -> list[str]:
        """Every file of the repository as a path with forward slashes, without what git ignores."""
        listed = git_files(self.root)
        return listed if "team.toml" in listed else self._walked()

    def _walked(self) -> list[str]:
        """The same where there is no git, or where a repository around this one ignores it."""
        found = []
        for folder, folders, names in os.walk(self.root):
            inside = Path(folder).relative_to(self.root).as_posix()
            # The project's own data are in the folder `data` of the root; a package may have one as well.
            skipped = SKIPPED | {"data"} if inside == "." else SKIPPED
            folders[:] = sorted(name for name in folders if name not in skipped and not name.endswith("_cache"))
            found += [name if inside == "." else f"{inside}/{name}" for name in sorted(names)]
        return found

    @cached_property
    def folders(self) -> set[str]:
        """Every folder that holds a file of the repository."""
        return {parent.as_posix() for file in self.files for parent in PurePosixPath(file).parents}

    def exists(self, path: str) -> bool:
        """Whether the repository has the file or folder, spelt in exactly this case."""
        path = path.rstrip("/")
        # An engine that is installed from an index has no files here, and pages may name them all the same.
        return path in self._file_set or path in self.folders or (path.startswith(ENGINE) and self._in_engine(path))

    def _in_engine(self, path: str) -> bool:
        return any(module == path or module.startswith(f"{path}/") for module in self.engine)

    def matching(self, pattern: str) -> list[str]:
        """The files that a glob names."""
        return [str(path) for path in self._paths if path.match(pattern)]

    def text(self, path: str) -> str:
        """A file's text; that of a file which is not UTF-8 is empty, and `broken` says why."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.root / path).read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                self._texts[path], self._undecodable[path] = "", str(error)
        return self._texts[path]

    @cached_property
    def broken(self) -> dict[str, str]:
        """Files that a check must read and cannot: path to the reason."""
        for path in self.files:
            if path.endswith(READ):
                self.text(path)
        return self._undecodable

    @cached_property
    def markdown_files(self) -> list[str]:
        """PROCESS.md and every other page of the team; the engine's own is the same in every project."""
        return [file for file in self.files if file.endswith(".md") and not file.startswith("engine/")]

    @cached_property
    def pages(self) -> dict[str, Page]:
        """Path to page, for every Markdown file that can be read."""
        return {p: markdown.parse(self.text(p)) for p in self.markdown_files if p not in self.broken}

    @cached_property
    def team(self) -> team.Team:
        """The people and the stage."""
        return team.read(self._required("team.toml"))

    @cached_property
    def documents(self) -> list[Document]:
        """The pages that must exist."""
        found = []
        for entry in self._toml("process/documents.toml")["document"]:
            sections = {section["title"]: section for section in entry.get("section", ())}
            shown = (*entry.get("shows", ()), *(s["block"] for s in sections.values() if "block" in s))
            paths = self.matching(entry["path"]) if "*" in entry["path"] else [entry["path"]]
            found += [Document(path, entry["title"], entry["role"], sections, shown) for path in paths]
        return found

    @cached_property
    def areas(self) -> dict[str, str]:
        """Path to the role whose people review what changes there."""
        return dict(self._toml("process/documents.toml")["areas"])

    @cached_property
    def questions(self) -> list[Question]:
        """The questions of PROCESS.md."""
        raw = self._toml(QUESTIONS)
        return [
            Question(
                q["text"], q["group"], q["role"], tuple(q["needs"]), q.get("session", ""), q.get("blocks", "shadow")
            )
            for q in raw["question"]
        ]

    @cached_property
    def sessions(self) -> dict[str, tuple[str, int]]:
        """Each nox session: the first line of its docstring and the line of its definition."""
        if not self.exists("noxfile.py"):
            return {}
        text = self.text("noxfile.py")
        # The noxfile makes a session of each command of the engine.
        line = text.partition("add_session(name")[0].count("\n") + 1
        looped = self.cli_commands if "add_session(name" in text else {}
        return {name: (doc, line) for name, doc in looped.items()} | code.nox_sessions(text)

    @cached_property
    def pipelines_files(self) -> list[str]:
        """The files that decide about one model each."""
        return self.matching("pipelines/*.toml")

    @cached_property
    def pipelines(self) -> dict[str, dict[str, Any]]:
        """Name to settings, for every pipeline file that is TOML."""
        found = {}
        for path in self.pipelines_files:
            try:
                found[PurePosixPath(path).stem] = read_toml(self.text(path))
            except tomllib.TOMLDecodeError:
                continue
        return found

    @cached_property
    def yaml_files(self) -> list[str]:
        """The dbt project's descriptions."""
        return [f for f in self.files if f.startswith("sql/models/") and f.endswith((".yml", ".yaml"))]

    @cached_property
    def dbt(self) -> dbt.Dbt:
        """The SQL layer: sources, models, and who reads what."""
        sql = {p: self.text(p) for p in self.files if p.startswith("sql/models/") and p.endswith(".sql")}
        return dbt.read({p: self.text(p) for p in self.yaml_files if p not in self.broken}, sql)

    @cached_property
    def engine(self) -> dict[str, str]:
        """Path to text of every module of the engine: the one in this repository, or else the installed one."""
        inside = [path for path in self.files if path.startswith(f"{ENGINE}/") and path.endswith(".py")]
        if inside:
            return {path: self.text(path) for path in inside}
        modules = sorted(INSTALLED.rglob("*.py"))
        return {f"{ENGINE}/{m.relative_to(INSTALLED).as_posix()}": m.read_text(encoding="utf-8") for m in modules}

    @cached_property
    def cli_commands(self) -> dict[str, str]:
        """The commands of `mlteam` with the first line of their help, found without running it."""
        modules = [text for path, text in self.engine.items() if path.startswith(f"{ENGINE}/cli/")]
        return {name: line for module in modules for name, line in code.cli_commands(module).items()}

    @cached_property
    def metrics(self) -> dict[str, str]:
        """Each metric of the engine, and of the team in metrics/, with the first line of its definition."""
        defined = code.metric_definitions(self.engine.get(f"{ENGINE}/evaluation/metrics.py", ""))
        for file in self.matching("metrics/*.py"):
            name = PurePosixPath(file).stem
            defined |= code.function_definition(self.text(file), name)
        return defined

    @cached_property
    def strings(self) -> set[str]:
        """Every string constant in the Python code, where names of environment variables must stand."""
        team = [
            self.text(f) for f in self.files if f.endswith(".py") and f.startswith(("src/", "process/", "noxfile.py"))
        ]
        return {text for module in (*team, *self.engine.values()) for text in code.string_constants(module)}

    def owner(self, path: str) -> str:
        """Who answers for a file, as its front matter or else the list of documents says."""
        page = self.pages.get(path)
        if page and page.front and self.team.resolve(str(page.front.get("owner", ""))):
            return str(page.front["owner"])
        return next((d.role for d in self.documents if d.path == path), "")

    def area_owner(self, path: str) -> str:
        """The role whose people review a file, by the longest area that holds it."""
        holding = [area for area in self.areas if path == area or (area.endswith("/") and path.startswith(area))]
        return self.areas[max(holding, key=len)] if holding else ""

    def described(self, owner: str) -> str:
        """`Ada Lovelace (data engineer)` for a role, the name alone for a person."""
        person = self.team.resolve(owner)
        role = team.title(owner)
        if person is None:
            return f"nobody ({role})" if owner else ""
        return f"{person.name} ({role})" if owner in team.ROLES else person.name

    @cached_property
    def _paths(self) -> list[PurePosixPath]:
        return [PurePosixPath(file) for file in self.files]

    @cached_property
    def _file_set(self) -> set[str]:
        return set(self.files)

    def _required(self, path: str) -> str:
        try:
            text = self.text(path)
        except OSError as error:
            raise CannotRunError(f"{path} cannot be read: {error}") from None
        if path in self._undecodable:
            raise CannotRunError(f"{path} is not UTF-8 text: {self._undecodable[path]}")
        return text

    def _toml(self, path: str) -> dict[str, Any]:
        try:
            return read_toml(self._required(path))
        except tomllib.TOMLDecodeError as error:
            raise CannotRunError(f"{path} is not TOML: {error}") from None


@cache
def read_toml(text: str) -> dict[str, Any]:
    """What a TOML text says; nobody may change it."""
    return tomllib.loads(text)


def find_repository() -> Path:
    """The nearest folder, from the working directory upward, that holds the questions; else the working directory."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / QUESTIONS).is_file()), here)


def git_files(root: Path) -> list[str]:
    """The files below `root` that git tracks, or would; none where git or a repository is missing."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except OSError:
        return []
    names = sorted(set(done.stdout.decode("utf-8", "surrogateescape").split("\0")) - {""})
    return [name for name in names if (root / name).is_file()] if done.returncode == 0 else []
