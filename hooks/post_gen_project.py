"""Keep what was chosen, add the target of the warehouse, start a git repository, and run the project's own check."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NOT_CHOSEN = {
    "github": (".gitlab-ci.yml", "renovate.json"),
    "gitlab": (".github/workflows/checks.yml", ".github/dependabot.yml"),
}["{{cookiecutter.ci}}"]
# The checker is part of the engine, which is not installed yet.
ENVIRONMENT = os.environ | {"PYTHONPATH": "engine/src"}
WAREHOUSE = "{{cookiecutter.warehouse}}"
WITHOUT_EXAMPLE = {"yes": False, "no": True}["{{cookiecutter.flights_example}}"]


def main() -> None:
    """Do all of it, and name the next step to a person; a second run changes nothing."""
    for name in NOT_CHOSEN:
        remove(Path(name))
    if WAREHOUSE != "duckdb":
        add_warehouse()
    if WITHOUT_EXAMPLE:
        subprocess.run([sys.executable, "-B", "process/remove_example.py"], env=ENVIRONMENT, check=True)
    start_repository()
    command = [sys.executable, "-B", "-m", "mlteam.process", "--fix", "--quiet"]
    failed = subprocess.run(command, env=ENVIRONMENT, check=False).returncode
    if not failed and sys.stdout.isatty():
        step = "see the quick start in README.md" if WITHOUT_EXAMPLE else "run `nox -s pipeline`"
        print(f"Created {Path.cwd().name}/. Next: `cd {Path.cwd().name}`, then {step}")
    sys.exit(failed)


def remove(path: Path) -> None:
    """Remove a file, and the folders that contained nothing else."""
    path.unlink(missing_ok=True)
    for folder in path.parents[:-1]:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def add_warehouse() -> None:
    """Add the target as the engine's page has it, the packages that reach it, and its dialect for the linter."""
    page = Path("engine/README.md").read_text(encoding="utf-8")
    targets = re.findall(r"```yaml\n( +prod:\n.*?)```", page, re.DOTALL)
    (target,) = [found for found in targets if f"type: {WAREHOUSE}\n" in found]
    profiles = Path("sql/profiles.yml")
    rest = profiles.read_text(encoding="utf-8").replace(target, "")
    profiles.write_text(rest + target, encoding="utf-8", newline="\n")
    dialect = "sparksql" if WAREHOUSE == "spark" else WAREHOUSE
    for path, old, new in (
        ("pyproject.toml", '    "mlteam",\n', f'    "mlteam[{WAREHOUSE}]",\n'),
        (".sqlfluff", "dialect = duckdb\n", f"dialect = {dialect}\n"),
        (".sqlfluff", '"type": "duckdb"', f'"type": "{WAREHOUSE}"'),
    ):
        file = Path(path)
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8", newline="\n")


def start_repository() -> None:
    """Make the folder a git repository if git is installed and the folder is not in a repository."""
    git = shutil.which("git")
    if git and subprocess.run([git, "rev-parse", "--git-dir"], capture_output=True, check=False).returncode:
        subprocess.run([git, "-c", "init.defaultBranch=main", "init", "--quiet"], check=True)


if __name__ == "__main__":
    main()
