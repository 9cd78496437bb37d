"""What the tests look at: results of commands, and the commit that each was made at."""

import json
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlteam.config.spec import Spec
from mlteam.config.team import Team, load_team
from mlteam.core.paths import DBT_MANIFEST, DBT_RESULTS, DRILLS, MONITORING, REPORTS, SQL
from mlteam.core.provenance import is_current
from mlteam.data import leak_report, snapshot, warehouse
from mlteam.data.leak_report import LeakReport
from mlteam.data.snapshot import Snapshot
from mlteam.data.sources import Source
from mlteam.registry import launch_log, versions
from mlteam.registry.launch_log import LaunchRecord
from mlteam.registry.versions import RegisteredVersion
from mlteam.scorecard.experiments import Experiments


@dataclass
class Evidence:
    """All that the tests look at, opened once.

    Attributes:
        spec: The pipeline.
        experiments: What the trainings for this score gave.
    """

    spec: Spec
    experiments: Experiments
    drills: dict[str, str] = field(init=False)
    drill_seconds: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        content = read_json(DRILLS / f"{self.spec.name}.json")
        made = content.get("made", {})
        current = bool(made) and is_current(made["git_commit"], dirty=bool(made["git_dirty"]))
        self.drills = {d["name"]: d["state"] for d in content.get("drills", ()) if current}
        self.drill_seconds = {d["name"]: d["seconds"] for d in content.get("drills", ()) if current}

    @cached_property
    def version(self) -> RegisteredVersion:
        """The candidate."""
        return versions.open_version(self.spec)

    @cached_property
    def trained_here(self) -> bool:
        """Whether the candidate was trained by the code as it is."""
        tags = self.version.tags
        return is_current(tags["git_commit"].replace("None", ""), dirty=tags["git_dirty"] != "False")

    @cached_property
    def taken(self) -> Snapshot:
        """The newest snapshot."""
        return snapshot.load_newest(self.spec.name)

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """The evaluation of the candidate on its first dataset, if it is of code as it is; else nothing."""
        content = read_json(REPORTS / f"{self.spec.name}-v{self.version.number}.json")
        return dict(content["datasets"][0]) if content and self.trained_here else {}

    @cached_property
    def travelled(self) -> LeakReport | None:
        """What time travel found, where it is still true."""
        return leak_report.find_report(self.spec)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Dbt's manifest."""
        return read_json(DBT_MANIFEST)

    @cached_property
    def sources(self) -> list[Source]:
        """The upstream tables that the features are made from; none before the SQL was built."""
        return warehouse.load_upstream_sources(self.spec.data.relation) if DBT_MANIFEST.exists() else []

    @cached_property
    def team(self) -> Team:
        """Who works on the project."""
        return load_team()

    @cached_property
    def failed_dbt(self) -> list[str]:
        """What failed in dbt's newest run; a text if there was none."""
        results = read_json(DBT_RESULTS).get("results")
        if results is None:
            return ["no run"]
        if any(path.stat().st_mtime > DBT_RESULTS.stat().st_mtime for path in SQL.rglob("*") if path.is_file()):
            return ["the SQL has changed since its tests ran"]
        return [r["unique_id"] for r in results if r["status"] in ("error", "fail", "runtime error")]

    @cached_property
    def launches(self) -> list[LaunchRecord]:
        """Every launch, the oldest first."""
        return launch_log.list_launch_records(self.spec)

    def read_monitoring(self, check: str) -> bool | None:
        """Return whether a check of the newest `monitor` run was well, or None without a run.

        What is wrong, or unknown, is not well.
        """
        path = MONITORING / f"{self.spec.name}.prom"
        if not path.exists():
            return None
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if f'check="{check}"' in line]
        states = [line for line in lines if line.startswith(("monitoring_unknown", "monitoring_wrong"))]
        return bool(states) and all(line.endswith(" 0.0") for line in states)


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a file, nothing where there is none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def find_owner(owners: Path, path: Path) -> str:
    """Return who reviews a path, by the last line of CODEOWNERS that matches; an empty text for nobody."""
    lines = owners.read_text(encoding="utf-8").splitlines() if owners.exists() else []
    rules = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    name = f"/{path.as_posix()}"
    matching = [rule[1:] for rule in rules if rule[0] == "*" or name.startswith(rule[0])]
    return " ".join(matching[-1]) if matching else ""


def is_tracked(path: Path) -> bool:
    """Return whether git holds a file as it is."""
    command = ["git", "ls-files", "--error-unmatch", str(path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return False
    return subprocess.run(["git", "diff", "--quiet", "HEAD", "--", str(path)], check=False).returncode == 0
