"""Checks that the process documents are true.

    python -m mlteam.process              check; exit 0: fine, 1: something is not true, 2: the check could not run
    python -m mlteam.process --fix        refresh generated blocks, add what is missing as open items, then check
    python -m mlteam.process --execute    also run the blocks tagged `sh run`, in a copy of the repository
    python -m mlteam.process --stage production   what would block at that stage
    python -m mlteam.process --open       also list what is open at a later stage
    python -m mlteam.process --explain    list the checks
    python -m mlteam.process --birth      fill in the generated blocks and check, silent if all is well

It needs markdown-it-py and PyYAML, runs none of the project's code, and writes only with --fix or --birth.
"""

import argparse
import sys
import traceback
from pathlib import Path

try:
    from mlteam.process.checks import runner
    from mlteam.process.checks.errors import STAGES, CannotRunError
    from mlteam.process.checks.findings import CHECKS
    from mlteam.process.checks.project import find_repository
except ModuleNotFoundError as missing:
    print(
        f"process: the check could not run: {missing}; run `nox -s process`, which brings what it needs",
        file=sys.stderr,
    )
    sys.exit(2)


def main(arguments: list[str] | None = None, root: Path | None = None) -> int:
    """Run the check and return its exit code; without a root, check the repository around the working directory."""
    options = parse(arguments)
    root = root or find_repository()
    try:
        return answer(options, root)
    except CannotRunError as error:
        print(f"process: the check could not run: {error}", file=sys.stderr)
    except Exception:
        # A fault of the checker's own must not pass for a finding, which exits with 1.
        traceback.print_exc()
        print("process: the check could not run: this is a fault of its own", file=sys.stderr)
    return 2


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Check that the process documents are true.")
    parser.add_argument("--fix", action="store_true", help="refresh generated blocks, add missing sections, then check")
    parser.add_argument("--execute", action="store_true", help="run the blocks tagged `sh run` in a copy")
    parser.add_argument("--open", action="store_true", help="also list what blocks at a later stage")
    parser.add_argument("--stage", choices=STAGES, default="", help="check as if the project stood at this stage")
    parser.add_argument("--explain", action="store_true", help="list the checks")
    parser.add_argument("--birth", action="store_true", help="fill in the generated blocks, silent if all is well")
    return parser.parse_args(arguments)


def answer(options: argparse.Namespace, root: Path) -> int:
    """Do what the command line asks for."""
    if options.explain:
        print("\n".join(f"{c.code}  {c.meaning}  (from {c.blocks})" for c in CHECKS.values()))
        return 0
    if options.fix or options.birth:
        from mlteam.process.checks.skeleton import fix

        changes = fix(root)
        print("".join(f"{change}\n" for change in changes if options.fix), end="")
    result = runner.run(root, options.stage)
    if result.failures or not options.birth:
        print(runner.report(result))
    if options.open:
        print("\n".join(f"{f.blocks:<11} {f.path}:{f.line} {f.code} {f.text}" for f in result.later))
    if options.execute and not result.failures:
        from mlteam.process.checks.execute import execute

        return execute(root)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
