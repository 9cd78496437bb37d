"""The one error that users see.

ProjectError: something a person can put right. The command line prints it without a traceback and exits with 1, or
with 75 if the same command may succeed later.
"""

import difflib
import re

# What an error says when something that others run was busy or out of reach; "temporary failure" in sysexits.h.
TEMPORARY = re.compile(
    "connection refused|timed out|timeout expired|(?:connect|read)timeout|does not answer|masters are unresponsive"
    "|name resolution|system is starting up|closed the connection|too many clients|set lock on file"
    "|database is locked|used by another process",
    re.IGNORECASE,
)
FAILED, TRY_AGAIN = 1, 75


class ProjectError(Exception):
    """Says what is wrong, where, and what to do about it, each in one line.

    Args:
        what: What is wrong, in a sentence without its full stop.
        where: A file, `file:line` or relation; empty where the sentence says it all.
        fix: What to do next, in the imperative.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    @property
    def exit_code(self) -> int:
        """What tells a scheduler whether to try again."""
        return TRY_AGAIN if TEMPORARY.search(self.what) else FAILED

    def __str__(self) -> str:
        first = f"{self.where}: {self.what}" if self.where else self.what
        return f"{first}\n{self.fix}" if self.fix else first


class NotCreatedError(ProjectError):
    """What was asked for has not been created yet; `fix` names the command that creates it."""


def suggest(word: str, known: list[str]) -> str:
    """Return a line that names the nearest of the known words, or all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
