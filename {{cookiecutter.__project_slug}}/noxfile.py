# /// script
# dependencies = ["nox[uv]>=2025.10.16"]
# ///
"""The team's menu: one session for each thing the team does, run as `nox -s NAME -- OPTIONS`."""

import sys

import nox

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["lint", "process", "tests"]
nox.options.default_venv_backend = "none"
COMMAND = "{{ cookiecutter.__project_slug }}"


def run(session: nox.Session, *command: str) -> None:
    """Run a command in the project's one environment, which uv brings up to date first."""
    # An activated environment is another one: uv would warn about it at each call.
    session.run(sys.executable, "-m", "uv", "run", "--quiet", *command, env={"VIRTUAL_ENV": None})


@nox.session
def pipeline(session: nox.Session) -> None:
    """From upstream data to an evaluated, registered model: data, train, evaluate."""
    run(session, COMMAND, "pipeline", *session.posargs)


@nox.session
def data(session: nox.Session) -> None:
    """Generate the data: fetch sources, build and test the SQL, take a snapshot."""
    run(session, COMMAND, "data", *session.posargs)


@nox.session
def profile(session: nox.Session) -> None:
    """Look at the data: distributions, missing values, over time, and what changed."""
    run(session, COMMAND, "profile", *session.posargs)


@nox.session
def train(session: nox.Session) -> None:
    """Train a model and its baseline on a snapshot, register the candidate."""
    run(session, COMMAND, "train", *session.posargs)


@nox.session
def tune(session: nox.Session) -> None:
    """Search better parameters within a budget: --trials N --minutes M; the spec keeps the winner."""
    run(session, COMMAND, "tune", *session.posargs)


@nox.session
def evaluate(session: nox.Session) -> None:
    """Judge a registered version: metrics with intervals, slices, an HTML report."""
    run(session, COMMAND, "evaluate", *session.posargs)


@nox.session
def predict(session: nox.Session) -> None:
    """Predict an example made by hand, with the features responsible, or a whole dataset."""
    run(session, COMMAND, "predict", *session.posargs)


@nox.session
def explain(session: nox.Session) -> None:
    """Say which features matter in a sample: --dataset NAME --where SQL."""
    run(session, COMMAND, "explain", *session.posargs)


@nox.session
def mistakes(session: nox.Session) -> None:
    """Find the worst errors, what they share, and what was responsible."""
    run(session, COMMAND, "mistakes", *session.posargs)


@nox.session
def compare(session: nox.Session) -> None:
    """Compare two versions, or today's with that of a day: A B on the same rows."""
    run(session, COMMAND, "compare", *session.posargs)


@nox.session
def history(session: nox.Session) -> None:
    """Show every evaluation over time, or score all versions anew on the same rows."""
    run(session, COMMAND, "history", *session.posargs)


@nox.session
def launch(session: nox.Session) -> None:
    """Make a version the champion: --version N --by PERSON --reason TEXT; gates decide."""
    run(session, COMMAND, "launch", *session.posargs)


@nox.session
def rollback(session: nox.Session) -> None:
    """Let the champion before answer again: --by PERSON --reason TEXT."""
    run(session, COMMAND, "rollback", *session.posargs)


@nox.session
def serve(session: nox.Session) -> None:
    """Answer requests with the champion: --port 8000 --workers 2."""
    run(session, COMMAND, "serve", *session.posargs)


@nox.session
def verify(session: nox.Session) -> None:
    """Compare what a service answers with what was launched: --url URL."""
    run(session, COMMAND, "verify", *session.posargs)


@nox.session
def monitor(session: nox.Session) -> None:
    """Look for what is wrong with data, model and service: a table, a page, metrics."""
    run(session, COMMAND, "monitor", *session.posargs)


@nox.session
def retrain(session: nox.Session) -> None:
    """Data, train, evaluate, gates: a new candidate, which only people launch."""
    run(session, COMMAND, "retrain", *session.posargs)


@nox.session
def new_pipeline(session: nox.Session) -> None:
    """Bring your own table: NAME --table FILE --label COLUMN writes a pipeline that runs."""
    run(session, COMMAND, "new_pipeline", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and SQL."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")
    run(session, "mypy")
    run(session, "sqlfluff", "lint", "--disable-progress-bar", "sql")


@nox.session
def process(session: nox.Session) -> None:
    """Check that PROCESS.md and docs/ are true; `-- --fix` refreshes what is generated."""
    run(session, "python", "process/check.py", *session.posargs)


@nox.session
def status(session: nox.Session) -> None:
    """Where the project stands: stage, open questions, reviews that are due."""
    run(session, "python", "process/status.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Test the code on small data."""
    run(session, "pytest", *session.posargs)


@nox.session
def remove_example(session: nox.Session) -> None:
    """Take the flights example out, once, and keep an empty, green project."""
    run(session, "python", "process/remove_example.py")
