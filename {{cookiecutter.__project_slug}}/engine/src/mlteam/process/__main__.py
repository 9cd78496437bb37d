"""`python -m mlteam.process`: check PROCESS.md and docs/ against the code, and write what is generated.

Exit codes: 0 no errors, 1 errors, 2 the check could not run. It needs markdown-it-py and PyYAML, and does not import
the project's code.
"""

import argparse
import gc
import sys
from pathlib import Path

try:
    from mlteam.core.errors import ProjectError
    from mlteam.pages import writing
    from mlteam.process import runner
    from mlteam.process.checks import CHECKS
    from mlteam.repository.project import find_root
    from mlteam.repository.team import STAGES
except ModuleNotFoundError as missing:
    sys.exit(f"process: {missing}; run `nox -s process`, which installs what it needs")


def main(arguments: list[str] | None = None, root: Path | None = None) -> int:
    """Run the command line and return its exit code; without a root, check the repository around the current folder."""
    options = parse_options(arguments)
    root = root or find_root()
    try:
        return run(options, root)
    except ProjectError as error:
        print(error, file=sys.stderr)
        return 2


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="process", description="Check PROCESS.md and docs/ against the code.")
    parser.add_argument("--fix", action="store_true", help="refresh generated blocks, add missing sections, then check")
    parser.add_argument("--new", nargs=2, metavar=("KIND", "TITLE"), help=f"create a {', '.join(writing.NEW_KINDS)}")
    parser.add_argument("--stage", choices=STAGES, default="", help="check as if the project entered this stage")
    parser.add_argument("--open", action="store_true", help="also list what blocks at a later stage")
    parser.add_argument("--execute", action="store_true", help="run the blocks tagged `sh run` in a copy")
    parser.add_argument("--explain", action="store_true", help="list the checks")
    parser.add_argument("--quiet", action="store_true", help="print nothing if there are no errors")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, root: Path) -> int:
    """Do what the command line asks for."""
    if options.explain:
        print("\n".join(f"{c.code}  {c.meaning}  (from {c.blocks})" for c in CHECKS.values()))
        return 0
    changes = writing.create_page(root, *options.new) if options.new else []
    changes += writing.fix_project(root) if options.fix else []
    print("".join(f"{change}\n" for change in changes if not options.quiet), end="")
    result = runner.run_checks(root, options.stage)
    if result.errors or not options.quiet:
        print(runner.format_result(result))
    if options.open:
        print("\n".join(f"{finding.blocks}: {finding.format_line()}" for finding in result.later))
    if options.execute and not result.errors:
        from mlteam.process.execution import execute_blocks

        return execute_blocks(root)
    return 1 if result.errors else 0


if __name__ == "__main__":
    # The pages stay in memory until the end: looking for garbage among them took a quarter of the time.
    gc.disable()
    sys.exit(main())
