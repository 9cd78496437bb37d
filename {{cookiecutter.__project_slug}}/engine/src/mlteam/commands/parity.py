"""`parity`: do two engines build the same features?"""

from mlteam.commands.data import build_tables
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.paths import SQL
from mlteam.data import parity, targets
from mlteam.data.cells import FLOAT_TOLERANCE
from mlteam.data.targets import PROFILES

ARROW = " ← "


def compare_engines(spec: Spec, target: str | None) -> None:
    """Build the features on another engine and here from the same sources, print what differs.

    Args:
        spec: The pipeline.
        target: The engine, by its name in sql/profiles.yml.

    Raises:
        ProjectError: The target is the warehouse here, or a row or a cell differs.
    """
    engine = targets.load_target(target)
    if engine.is_local:
        what = f"target {engine.name} is the warehouse here, so there is nothing to compare it with"
        raise ProjectError(what, where=str(PROFILES), fix="pass --target with a target of another type")
    build_tables(spec, engine)
    with console.show_progress("build the same SQL here"):
        found = parity.check_parity(spec, engine)
    if found.differences:
        header = ["column", "rows", "such as", engine.kind, "here"]
        rows = [[d.column, f"{d.rows:,}", d.example, d.value, d.rebuilt] for d, _ in found.differences]
        console.print_text_table(f"{spec.data.relation}: differences", header, rows)
    for difference, path in found.differences:
        console.print_line(f"  {difference.column}{ARROW}{ARROW.join(path)}")
    for where, (count, first) in zip((f"on {engine.name}", "here"), found.lone, strict=True):
        if count:
            console.print_line(f"{count:,} rows are only {where}, such as {first}")
    if found.missing:
        console.print_line(f"columns of one build only: {', '.join(found.missing)}")
    if not found.holds:
        what = f"{spec.data.relation} differs between {engine.name} ({engine.kind}) and here"
        model = next((SQL / "models").rglob(f"{spec.data.relation.rpartition('.')[2]}.sql"), SQL)
        raise ProjectError(what, where=model.as_posix(), fix="write SQL that means the same on both engines")
    console.print_line(
        f"{spec.data.relation}: {found.rows:,} rows and {found.columns} columns are the same on {engine.name} "
        f"({engine.kind}) and here, numbers within {FLOAT_TOLERANCE:g}"
    )
