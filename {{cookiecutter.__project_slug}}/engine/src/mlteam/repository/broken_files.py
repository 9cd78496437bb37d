"""Finds files that decide something and cannot be parsed: what they contain is unknown, not nothing."""

import tomllib

from mlteam.config.jobs import CRONJOBS
from mlteam.repository.dbt_files import parse_yaml
from mlteam.repository.monitoring_files import RULES, TESTS
from mlteam.repository.project import Project
from mlteam.repository.toml_files import find_error_line, parse_toml


def find_broken_files(project: Project) -> dict[str, tuple[int, str]]:
    """Return the line and the reason for each settings file, pipeline, description, rule or manifest that is broken."""
    found = {}
    for path in ("engine/pyproject.toml", "pyproject.toml", *project.pipeline_files):
        try:
            parse_toml(project.read(path))
        except tomllib.TOMLDecodeError as error:
            found[path] = find_error_line(error), f"not TOML: {error}"
    parsed = {path: parse_yaml(project.read(path))[1] for path in (RULES, TESTS, CRONJOBS.as_posix())}
    broken = project.dbt.errors | {path: error for path, error in parsed.items() if error}
    return found | {path: (line, f"not YAML: {reason}") for path, (line, reason) in broken.items()}
