# /// script
# dependencies = ["nox[uv]>=2025.10.16"]
# ///
"""Commands of this template: `nox -s demo` shows it; `nox` checks and tests it."""

import sys
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["lint", "engine", "tests"]
nox.options.default_venv_backend = "uv"

PROJECT = nox.project.load_toml()
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "{{cookiecutter.__project_slug}}/engine/README.md")
# In this order, all in one project: the last ones add versions to it.
BENCHMARKS = [
    "pipeline",
    "time_travel",
    "quiet_weeks",
    "decisions",
    "mutation",
    "know",
    "scale",
    "engines",
    "training",
    "serving",
    "soak",
    "tables",
]
ENGINE = Path("{{cookiecutter.__project_slug}}", "engine").absolute()


@nox.session
def demo(session: nox.Session) -> None:
    """Generate a project with the defaults into a new folder and run its whole pipeline."""
    session.install(*nox.project.dependency_groups(PROJECT, "generate"))
    folder = tempfile.mkdtemp(prefix="mlteam-demo-")
    session.run("cookiecutter", ".", "--no-input", "--default-config", "--output-dir", folder, silent=True)
    (project,) = Path(folder).iterdir()
    session.log(f"generated {project}")
    # The project's environment is its own, not the one that this session made.
    own = {"VIRTUAL_ENV": None, "UV_PROJECT_ENVIRONMENT": None, "UV_PYTHON": None}
    with session.chdir(project):
        session.run(sys.executable, "-m", "uv", "sync", env=own, external=True)
        session.run(sys.executable, "-m", "nox", "-s", "pipeline", env=own, external=True)
    (report,) = project.glob("data/reports/*.html")
    session.log(f"the project stays where it is; its report: {report}")


@nox.session
def tests(session: nox.Session) -> None:
    """Test the template: generate every combination, attack it, run what was generated."""
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    session.run("pytest", "--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, spelling and prose of the template's own files, and the workflows."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    # Named, since the generated project's own pyproject.toml is TOML only once it is generated.
    session.run("ruff", "check", "--config", "pyproject.toml", ".")
    session.run("ruff", "format", "--check", "--config", "pyproject.toml", ".")
    session.run("mypy")
    session.run("codespell")
    session.run("proselint", "check", "--config", "{{cookiecutter.__project_slug}}/.proselintrc.json", *PAGES)
    session.run("zizmor", "--offline", "--quiet", ".github", "{{cookiecutter.__project_slug}}/.github")


@nox.session
def engine(session: nox.Session) -> None:
    """Check and test the engine where it is, without generating a project."""
    settings = nox.project.load_toml(ENGINE / "pyproject.toml")
    session.install(*settings["project"]["dependencies"], *nox.project.dependency_groups(settings, "test"))
    # Caches in the folder of the engine would become part of each project that is generated from this clone.
    caches = session.create_tmp()
    session.env.update(
        {
            "HYPOTHESIS_STORAGE_DIRECTORY": caches,
            "MYPY_CACHE_DIR": caches,
            "PYTHONPATH": str(ENGINE / "src"),
            "PYTHONPYCACHEPREFIX": caches,
            "RUFF_NO_CACHE": "true",
        }
    )
    session.chdir(ENGINE)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")
    session.run("mypy")
    session.run("pytest", "-p", "no:cacheprovider", "-n", "auto", "--dist", "loadfile", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run each benchmark once and short, all in one project; the numbers of these runs do not count."""
    session.install(*nox.project.dependency_groups(PROJECT, "benchmark"))
    with tempfile.TemporaryDirectory() as folder:
        options = ("--smoke", "--project", f"{folder}/flight-delays")
        for name in BENCHMARKS:
            session.run("python", f"benchmarks/{name}.py", *options)
    session.run("python", "benchmarks/process_check.py", "--smoke")
    session.run("python", "benchmarks/ownership.py")


@nox.session(default=False, venv_backend="none")
def release(session: nox.Session) -> None:
    """Record version and digest of the engine in engine/RELEASE, after a change there."""
    environment = {"PYTHONPATH": str(ENGINE / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    session.run(sys.executable, "-m", "mlteam.core.release", str(ENGINE), env=environment)
