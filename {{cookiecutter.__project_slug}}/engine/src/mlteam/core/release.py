"""Which release of the engine this is, and whether somebody has edited it.

engine/RELEASE records the version and the digest of the folder's files; `python -m mlteam.core.release` writes it.
"""

import hashlib
import re
import sys
import tomllib
from pathlib import Path

from mlteam.core.errors import ProjectError

ENGINE = Path("engine")
RELEASE = "RELEASE"
# What tools leave behind is not part of the release.
IGNORED = re.compile(r"(^|/)(\.[^/]+|__pycache__|[^/]+\.egg-info)(/|$)|\.pyc$|^(data|dist|build)/|^uv\.lock$")


def compute_tree_digest(folder: Path) -> str:
    """Compute the SHA-256 over names and contents of the engine's files, the same on every platform.

    Args:
        folder: The engine's folder.

    Returns:
        The digest in hexadecimal. Line endings and what tools leave behind do not change it.
    """
    digest = hashlib.sha256()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name in sorted(name for name in paths if name != RELEASE and not IGNORED.search(name)):
        content = paths[name].read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def read_release(folder: Path) -> dict[str, str]:
    """Read `version` and `tree_sha256` of an engine; empty texts where the file does not say."""
    try:
        release = tomllib.loads((folder / RELEASE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        release = {}
    return {key: str(release.get(key, "")) for key in ("version", "tree_sha256")}


def write_release(folder: Path) -> None:
    """Record the version of the engine's pyproject.toml and the digest of its files."""
    version = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    text = f'version = "{version}"\ntree_sha256 = "{compute_tree_digest(folder)}"\n'
    (folder / RELEASE).write_text(text, encoding="utf-8", newline="\n")


def check_version(pyproject: Path) -> None:
    """Check that the engine that runs is the one that the project's files are written for.

    Args:
        pyproject: The project's pyproject.toml, which names the version under `[tool.mlteam]`.

    Raises:
        ProjectError: It is another version.
    """
    try:
        text = pyproject.read_text(encoding="utf-8")
        expected = str(tomllib.loads(text)["tool"]["mlteam"]["engine"])
    except (OSError, KeyError, ValueError):
        return
    from importlib.metadata import version

    running = version("mlteam")
    if running != expected:
        line = text[: text.index("[tool.mlteam]")].count("\n") + 1
        raise ProjectError(
            f"the project's files expect engine {expected}, and {running} is installed",
            where=f"{pyproject.name}:{line}",
            fix=f"restore engine/ from git and run `uv sync`, or adapt the files and write engine = {running!r}",
        )


if __name__ == "__main__":
    write_release(Path(sys.argv[1]) if len(sys.argv) > 1 else ENGINE)
