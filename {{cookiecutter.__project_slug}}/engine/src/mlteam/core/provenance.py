"""Who made something, when, and with which code."""

import contextlib
import datetime as dt
import getpass
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

# XGBoost comes under one of two names, by platform.
LIBRARIES = (
    "dbt-bigquery",
    "dbt-core",
    "dbt-duckdb",
    "dbt-postgres",
    "dbt-snowflake",
    "dbt-spark",
    "duckdb",
    "lightgbm",
    "mlflow",
    "numpy",
    "pyarrow",
    "scikit-learn",
    "skops",
    "xgboost",
    "xgboost-cpu",
)
# What results depend on; pages do not count.
CODE = ("sql", "src", "metrics", "pipelines", "engine/src", "uv.lock")
PAGES = (":(exclude,glob)**/*.md", ":(exclude)docs/figures", ":(exclude)CODEOWNERS")


def get_timestamp() -> str:
    """Return the present moment in UTC, to the second, as ISO 8601."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def collect_provenance() -> dict[str, Any]:
    """Return when and by whom, from which commit, with which versions.

    `git_commit` is None outside a repository and before the first commit; `git_dirty` says whether files that git
    tracks, or should, differ from it. Pages do not count: commands refresh them, and no result depends on them.
    """
    return {
        "created_at": get_timestamp(),
        "created_by": _run_git("config", "user.email") or _get_user(),
        "git_commit": _run_git("rev-parse", "--verify", "HEAD"),
        "git_dirty": bool(_run_git("status", "--porcelain", "--", ".", *PAGES)),
        "python": platform.python_version(),
        "libraries": _collect_library_versions(),
    }


def is_current(commit: str | None, *, dirty: bool) -> bool:
    """Return whether the code is that of a commit, at which nothing was changed."""
    if not commit or dirty:
        return False
    command = ["git", "diff", "--quiet", commit, "--", *(path for path in CODE if Path(path).exists())]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _collect_library_versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _run_git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _get_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
