"""Take out what was not chosen, start a repository outside of one, and let the new project check itself."""

import shutil
import subprocess
import sys
from pathlib import Path

if "{{cookiecutter.ci}}" == "github":
    Path(".gitlab-ci.yml").unlink(missing_ok=True)
else:
    Path(".github/workflows/checks.yml").unlink(missing_ok=True)
    for folder in (Path(".github/workflows"), Path(".github")):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

if "{{cookiecutter.flights_example}}" == "no":
    subprocess.run([sys.executable, "process/remove_example.py"], check=True)

git = shutil.which("git")
if git and subprocess.run([git, "rev-parse", "--git-dir"], capture_output=True).returncode:
    subprocess.run([git, "-c", "init.defaultBranch=main", "init", "--quiet"], check=True)

if Path("process/check.py").exists():
    sys.exit(subprocess.run([sys.executable, "process/check.py", "--birth"]).returncode)
