"""Runs the commands of a project, each in a process of its own, without the seconds that its imports take."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

CALL = "import sys; from mlteam.cli.main import main; sys.argv[0] = 'mlteam'; main()"
CHECK = "import sys; from mlteam.process.__main__ import main; sys.exit(main())"
# Imports once what takes seconds; a child knows as little as a process that has just been started.
PROGRAM = """
import gc, json, os, sys, traceback
import altair, dbt.cli.main, duckdb, fastapi, httpx, scipy.stats, sklearn, xgboost
import mlflow.store.tracking.sqlalchemy_store
gc.collect()
gc.freeze()
for line in sys.stdin:
    call, words, printed = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        sys.argv = ["", *words]
        status = 0
        try:
            exec(call, {})
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 70
        sys.stdout.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Shell:
    """Runs commands in the folder of a project.

    Args:
        project: The folder.
        python: The interpreter of an environment that has all its libraries.
        env: The environment variables of the commands.
    """

    def __init__(self, project: Path, python: Path, env: Mapping[str, str]) -> None:
        self.log = project / "data" / "printed.log"
        pipe, command = subprocess.PIPE, [str(python), "-c", PROGRAM]
        self.process = subprocess.Popen(command, cwd=project, env=dict(env), stdin=pipe, stdout=pipe, text=True)

    def run(self, *words: str, call: str = CALL, allowed: tuple[int, ...] = (0,)) -> int:
        """Run a command, by the words of its command line; its exit code."""
        assert self.process.stdin
        assert self.process.stdout
        self.log.parent.mkdir(exist_ok=True)
        print(json.dumps([call, words, str(self.log)]), file=self.process.stdin, flush=True)
        status = int(self.process.stdout.readline())
        assert status in allowed, (words, status, self.printed)
        return status

    @property
    def printed(self) -> str:
        """What the last command printed."""
        return self.log.read_text(encoding="utf-8")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
