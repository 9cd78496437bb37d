"""What commands print while they work and when they are done.

People at a terminal see lines and progress on stdout. A job gets log records instead, see `configure_output`.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from mlteam.core.errors import ProjectError

# Where no terminal says how wide it is, as in a log of continuous integration, lines may be long.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
logger = logging.getLogger("mlteam")


def configure_output(*, log: bool | None) -> None:
    """Decide whether progress and results go to a person at a terminal or to the log of a job.

    `data`, `monitor` and `retrain` call this first, because schedulers run them. Log records go to stderr through the
    standard logging module, one line each: time (ISO 8601, UTC), level, message. Tables go to stdout in both cases.

    Args:
        log: True writes log records, False does not; None writes them where stdout is not a terminal.
    """
    if log is False or (log is None and sys.stdout.isatty()):
        return
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


@contextmanager
def show_progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show that `what` is under way, then how long it took.

    Yields:
        A function that shows how far it has come, such as "37/142"; on a terminal only, where a line can change.
    """
    start = time.perf_counter()
    if logger.handlers:
        logger.info("%s: started", what)
        yield lambda _: None
        logger.info("%s: finished in %.1f s", what, time.perf_counter() - start)
        return
    with out.status(what) as status:
        yield lambda progress: status.update(f"{what}  {progress}")
    out.print(f"  {what}", f"[dim]{time.perf_counter() - start:.1f} s[/dim]")


def print_line(line: str, level: int = logging.INFO) -> None:
    """Print one line as it is, without reading marks in it, or log it with a level."""
    if logger.handlers:
        logger.log(level, "%s", line.strip())
    else:
        out.print(line, markup=False)


def print_error(error: ProjectError) -> None:
    """Print an error and its fix on stderr, each on its line, or log both in one record."""
    if logger.handlers:
        logger.error("%s", "; ".join(str(error).splitlines()))
    else:
        print(f"error: {error}", file=sys.stderr)


def print_text_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text under a title, aligned to the left; the last column may take several lines."""
    out.print(title, style="bold", markup=False)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        shown.add_column(column, no_wrap=column != columns[-1])
    for row in rows:
        shown.add_row(*(cell.replace("[", r"\[") for cell in row))
    out.print(shown)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a title; all columns but the first are aligned to the right."""
    if not rows:
        print_line(f"{title}: none")
        return
    out.print(title, style="bold", markup=False)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        shown.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*(cell.replace("[", r"\[") for cell in row))
    out.print(shown)
