"""What commands say while they work and when they are done."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

# Where no terminal says how wide it is, as in a log of continuous integration, lines may be long.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)


@contextmanager
def show_progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show that `what` is under way, then how long it took.

    Yields:
        A function that shows how far it has come, such as "37/142"; on a terminal only, where a line can change.
    """
    start = time.perf_counter()
    with out.status(what) as status:
        yield lambda progress: status.update(f"{what}  {progress}")
    out.print(f"  {what}", f"[dim]{time.perf_counter() - start:.1f} s[/dim]")


def print_line(line: str) -> None:
    """Print one line as it is, without reading marks in it."""
    out.print(line, markup=False)


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
