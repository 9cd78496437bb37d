"""The size of what a team owns in a fresh project, and the shape of the engine; exits with 1 if a limit is exceeded.

    python benchmarks/ownership.py [--project PATH]

needs the packages of the group `test`. Counts the files that git would track in a project with the defaults, without
`uv.lock` and `engine/`. Of the engine it counts the lines of each function and of the process checker, the arrows of
the generated module diagram, and the functions whose name begins with a verb; properties and special methods are left
out of the latter.
"""

import ast
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import projects

MAX_FILES, MAX_LINES, MAX_FUNCTION_LINES, MAX_ARROWS = 100, 6_500, 60, 70
CHECKER, MAX_CHECKER_LINES = "engine/src/mlteam/process", 2_000
SHOWN = 10
VERBS = frozenset(
    """
    accept add aggregate append apply ask assert assign attribute authenticate bind build can cast check choose clean
    close collect commit compare compute configure connect construct convert count create cumulate describe detect drain
    draw drop encode enqueue ensure enter escape estimate evaluate execute explain export extend extract fetch filter
    find fit fix flatten format gather generate get group guard handle has hash import infer inspect interpolate is iter
    iterate keep launch learn limit list listen load locate lock log make map match measure merge monitor move normalize
    notify open pair parse persist plan poll post predict prepare print publish put query quote raise rank read record
    refresh register reject release reload remove render renew replace report require rescore reserve resolve retrain
    return roll rollback round route run sample save scan screen search select send serve set shorten show slugify sort
    split start stat stop store suggest sum summarize sync take test train trim try tune undo unpack update upload use
    validate verify wait walk warn watch widen wrap write yield
    """.split()  # noqa: SIM905
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def list_owned_files(project: Path) -> dict[str, int]:
    """List the files that the team owns, with the number of lines of each."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=project, stdout=subprocess.PIPE, check=True).stdout.decode()
    names = [name for name in listed.split("\0") if name and name != "uv.lock" and not name.startswith("engine/")]
    return {name: (project / name).read_bytes().count(b"\n") for name in sorted(names)}


def list_functions(project: Path) -> Iterator[tuple[str, Function]]:
    """Yield each function of the engine, with its place."""
    source = project / "engine" / "src"
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(source).as_posix()}:{node.lineno} {node.name}", node


def count_lines(function: Function) -> int:
    """Count the lines of a function, from `def` to its end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def count_checker_lines(project: Path) -> int:
    """Count the lines of the process checker: of its checks, and of what runs and reports them."""
    modules = list((project / CHECKER).rglob("*.py"))
    if not modules:
        raise SystemExit(f"{CHECKER}: no modules")
    return sum(module.read_bytes().count(b"\n") for module in modules)


def is_action(function: Function) -> bool:
    """Whether the name of a function should begin with a verb: it is not a property or a special method."""
    decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in function.decorator_list}
    return not function.name.startswith("__") and not decorators & {"property", "cached_property", "setter"}


def begins_with_verb(function: Function) -> bool:
    """Whether the first word of a function's name is in the list of verbs."""
    return function.name.strip("_").partition("_")[0] in VERBS


def count_arrows(project: Path) -> int:
    """Count the arrows of the generated module diagram in docs/design.md."""
    text = (project / "docs" / "design.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- generated: modules -->(.*?)<!-- end generated -->", text, re.DOTALL)
    if block is None or "-->" not in block[1]:
        raise SystemExit("docs/design.md: no generated module diagram")
    return block[1].count("-->")


def print_owned(owned: dict[str, int]) -> None:
    """Print files and lines by folder, and the largest files."""
    folders: dict[str, list[int]] = defaultdict(list)
    for name, lines in owned.items():
        folders[name.partition("/")[0] + "/" if "/" in name else "(root)"].append(lines)
    print("files  lines  folder")
    for folder, lines in sorted(folders.items(), key=lambda entry: -sum(entry[1])):
        print(f"{len(lines):>5} {sum(lines):>6}  {folder}")
    print("\nlines  largest files")
    for name, count in sorted(owned.items(), key=lambda entry: -entry[1])[:SHOWN]:
        print(f"{count:>5}  {name}")


def main(project: Path) -> int:
    """Print all counts; return 1 if one is over its limit."""
    owned = list_owned_files(project)
    functions = sorted(list_functions(project), key=lambda entry: -count_lines(entry[1]))
    if not functions:
        raise SystemExit("engine/src: no functions")
    print_owned(owned)
    print("\nlines  longest functions of the engine")
    for name, function in functions[:SHOWN]:
        print(f"{count_lines(function):>5}  {name}")
    actions = [function for _, function in functions if is_action(function)]
    verbs = sum(map(begins_with_verb, actions))
    print(f"\nfunctions that begin with a verb: {verbs / len(actions):.0%} of {len(actions)}")
    limits = (
        ("files of the team", len(owned), MAX_FILES),
        ("lines of the team", sum(owned.values()), MAX_LINES),
        ("lines of the longest function", count_lines(functions[0][1]), MAX_FUNCTION_LINES),
        ("lines of the process checker", count_checker_lines(project), MAX_CHECKER_LINES),
        ("arrows of the module diagram", count_arrows(project), MAX_ARROWS),
    )
    for name, number, limit in limits:
        print(f"{name}: {number:,} of at most {limit:,}{'' if number <= limit else ', which is too many'}")
    return int(any(number > limit for _, number, limit in limits))


if __name__ == "__main__":
    given = projects.build_parser(__doc__).parse_args()
    if given.project:
        raise SystemExit(main(given.project))
    with tempfile.TemporaryDirectory() as home:
        raise SystemExit(main(projects.bake(Path(home))))
