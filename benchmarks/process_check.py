"""The process check: its cost, and what it reports beside a Markdown linter with a link checker.

    python benchmarks/process_check.py [--runs 11] [--without-npm] [--smoke]

1. CPU time of the whole check in a fresh process: on a fresh project, and with 1,000 sections more.
2. How many of the mutants and the legitimate edits of tests/ does the check report, and how many do markdownlint's
   rules for required and repeated headings and for fragments report, with an offline checker of relative links? The
   linter is given every heading of every page, as a team would have to do.

Needs the packages of the group `test` in pyproject.toml; the second part also Node.js with npm. `--smoke` checks every
twentieth mutant and three edits, without npm. `--project` is accepted and unused: the check needs a fresh project.
"""

import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import baking  # noqa: E402
import projects  # noqa: E402
from edits import findings  # noqa: E402
from mutants import Mutant  # noqa: E402
from mutants_all import mutants  # noqa: E402

PAGES, SECTIONS = 20, 50
SMOKE_STEP, SMOKE_EDITS = 20, 3
PACKAGES = ("markdownlint@0.40.0", "markdownlint-rule-relative-links@3.0.0", "markdown-it@14")
LINTER = """
import { readFileSync } from "node:fs";
import markdownIt from "markdown-it";
import { lint } from "markdownlint/sync";
import links from "markdownlint-rule-relative-links";

const { headings, cases } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const found = (path, text) => {
  const config = { default: false, MD024: true, MD051: true, "relative-links": true };
  config.MD043 = headings[path] ? { headings: headings[path], match_case: true } : false;
  const options = { strings: { [path]: text }, customRules: [links], config, markdownItFactory: () => markdownIt() };
  const result = lint(options);
  return Object.values(result).flat().map((issue) => issue.ruleNames[0]);
};
process.stdout.write(JSON.stringify(cases.map(({ path, text }) => found(path, text))));
"""


def main(runs: int, *, npm: bool, smoke: bool) -> None:
    """Measure and print both parts."""
    with tempfile.TemporaryDirectory(prefix="process-check-") as scratch:
        project = projects.bake(Path(scratch))
        print(f"fresh project:           {measure_check(project, runs)}")
        large = Path(shutil.copytree(project, Path(scratch) / "large"))
        grow(large)
        print(f"{PAGES * SECTIONS:,} sections more:     {measure_check(large, runs)}")
        compare(project, Path(scratch) / "npm", npm=npm, smoke=smoke)


def run_check(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the check in a process of its own, with the project's engine."""
    env = os.environ | {"PYTHONPATH": str(project / "engine" / "src")}
    command = [sys.executable, "-m", "mlteam.process", *options]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=env)


def measure_check(project: Path, runs: int) -> str:
    """Measure median and slowest CPU time of the check, one process a run; exit if it reports anything."""
    seconds = []
    for _ in range(runs):
        before = os.times()
        done = run_check(project)
        after = os.times()
        seconds.append(sum(after[2:4]) - sum(before[2:4]))
        if done.returncode:
            sys.exit(f"the check fails in a correct project:\n{done.stdout}{done.stderr}")
    return f"median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s of {runs} runs"


def grow(project: Path) -> None:
    """Add required pages with sections of their own, each of about sixty words, a path, a link and a command."""
    settings = project / "process.toml"
    wanted = [settings.read_text(encoding="utf-8")]
    for page in range(PAGES):
        path, titles = f"docs/large-{page}.md", [f"Part {page}-{section}" for section in range(SECTIONS)]
        sections = "".join(f'"{title}" = {{ has = "what this part is about" }}\n' for title in titles)
        wanted.append(f'\n[documents."{path}"]\nowner = "ml_engineer"\n[documents."{path}".sections]\n{sections}')
        (project / path).write_text(grown(titles), encoding="utf-8")
    settings.write_text("".join(wanted), encoding="utf-8")
    run_check(project, "--fix").check_returncode()


def grown(titles: list[str]) -> str:
    """A page whose sections differ in every word that counts."""
    front = "owner: ml_engineer\nreviewers: [data_scientist]\nstatus: draft\nlast_reviewed: never\nreview_in_days: 90"
    sections = []
    for title in titles:
        words = " ".join(f"{title.replace(' ', '-').lower()}-word-{number}" for number in range(60))
        sections.append(f"## {title}\n\nSee `sql/models/` and [design](design.md); run `nox -s data`. {words}.\n")
    return f"---\n{front}\n---\n# Large\n\n" + "\n".join(sections)


def compare(project: Path, folder: Path, *, npm: bool, smoke: bool) -> None:
    """Count what the check and the linter report, of mutants and of legitimate edits."""
    seeded, edited = list(mutants(project)), list(legitimate(project, SMOKE_EDITS if smoke else None))
    if smoke:
        seeded = seeded[::SMOKE_STEP]
    caught = sum(checked(project, mutant) for mutant in seeded)
    false_alarms = sum(any(run_on(project, changed)) for changed in edited)
    print(f"mutants caught:          {caught} of {len(seeded)} by the check, at their line")
    print(f"alarms without a fault:  {false_alarms} of {len(edited)} edits by the check")
    if npm:
        theirs, their_alarms = linted(project, folder, seeded, edited)
        print(f"by the linter:           {theirs} mutants, {their_alarms} edits")
    if caught < len(seeded) or false_alarms:
        sys.exit("the check misses a mutant or reports a legitimate edit")


def checked(project: Path, mutant: Mutant) -> bool:
    """Whether the check reports a mutant with its code, file and line."""
    found = run_on(project, {mutant.path: mutant.text})
    return (mutant.code, mutant.where, mutant.line) in found


def run_on(project: Path, changed: dict[str, str | None]) -> list[tuple[str, str, int]]:
    """Run the check with some files changed; restore them afterwards."""
    before = {path: (project / path).read_bytes() if (project / path).exists() else None for path in changed}
    try:
        for path, text in changed.items():
            put(project / path, None if text is None else text.encode())
        return findings(project, warnings=True)
    finally:
        for path, content in before.items():
            put(project / path, content)


def put(path: Path, content: bytes | None) -> None:
    """Write a file, or remove it."""
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def legitimate(project: Path, limit: int | None) -> list[dict[str, str | None]]:
    """The legitimate edits of the tests, each as the files that it changes."""
    from test_process_edits import LEGITIMATE

    found = []
    before = text_tree(project)
    for edit in itertools.islice(LEGITIMATE.values(), limit):
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(shutil.copytree(project, Path(scratch) / project.name))
            edit(copy)
            after = text_tree(copy)
        found.append(
            {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        )
    return found


def text_tree(project: Path) -> dict[str, str]:
    """Every file of a project as text."""
    return {path: content.decode("utf-8", "replace") for path, content in baking.tree(project).items()}


def linted(project: Path, folder: Path, seeded: list[Mutant], edited: list[dict[str, str | None]]) -> tuple[int, int]:
    """How many mutants and how many legitimate edits the linter reports."""
    folder.mkdir()
    subprocess.run(["npm", "install", "--silent", "--prefix", str(folder), *PACKAGES], check=True)
    pages = {path: text for path, text in text_tree(project).items() if path.endswith(".md")}
    groups = [[(m.path, m.text)] for m in seeded] + [list(changed.items()) for changed in edited]
    told = [[(path, text) for path, text in group if path.endswith(".md") and text is not None] for group in groups]
    flat = [*pages.items(), *((path, text) for group in told for path, text in group)]
    found = iter(node(project, folder, pages, flat))
    usual = {path: next(found) for path in pages}
    reported = [any([next(found) != usual.get(path, []) for path, _ in group]) for group in told]  # noqa: C419
    return sum(reported[: len(seeded)]), sum(reported[len(seeded) :])


def node(project: Path, folder: Path, pages: dict[str, str], flat: list[tuple[str, str]]) -> list[Any]:
    """The linter's findings for each text, in a fresh copy of the project, from which links are followed."""
    headings = {
        path: re.findall(r"(?m)^#{1,6} .*$", re.sub(r"(?ms)^```.*?^```", "", text)) for path, text in pages.items()
    }
    cases = [{"path": path, "text": text} for path, text in flat]
    (folder / "cases.json").write_text(json.dumps({"headings": headings, "cases": cases}), encoding="utf-8")
    (folder / "lint.mjs").write_text(LINTER, encoding="utf-8")
    command = ["node", str(folder / "lint.mjs"), str(folder / "cases.json")]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("--runs", type=int, default=11, help="repetitions of the check")
    parser.add_argument("--without-npm", action="store_true", help="leave out the Markdown linter")
    given = parser.parse_args()
    main(1 if given.smoke else given.runs, npm=not (given.smoke or given.without_npm), smoke=given.smoke)
