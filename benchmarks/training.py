"""The cost of training in memory, on disk and on workers, for the flights of 1, 10 and 30 years.

    python benchmarks/training.py [TIMES …] [--spark] [--project PATH] [--smoke]

needs the packages of the group `benchmark`. Prints seconds, and two peaks of memory over all processes of a command:
all, and what is not in files, whose pages the system may take back. `--spark` adds two workers of Spark; it needs Java.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import projects
import psutil
from projects import run
from scale import repeat_flights, train_alone

WAYS = {
    "in memory": "",
    "on disk": 'memory = "disk"',
    "2 workers": "workers = 2",
    "2 workers, on disk": 'workers = 2\nmemory = "disk"',
}
SPARK_WAY = {"2 workers of Spark": 'workers = 2\ntarget = "prod"'}
TARGET = """
    prod:
      type: spark
      method: session
      host: localhost
      schema: default
"""
INTERVAL = 0.05


def measure_peaks(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Run a command; return its seconds, and the peaks in MB of all memory and of what is not in files."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        started = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        peaks = [0.0, 0.0]
        watch = threading.Thread(target=_watch, args=(psutil.Process(started.pid), peaks))
        watch.start()
        code = started.wait()
        watch.join()
        if code:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)}\n{output.read().decode(errors='replace')}")
    return time.perf_counter() - begun, peaks[0], peaks[1]


def _watch(process: psutil.Process, peaks: list[float]) -> None:
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        whole = held = 0.0
        for one in (process, *process.children(recursive=True)):
            try:
                used = one.memory_info()
            except psutil.Error:
                continue
            whole += used.rss / 2**20
            held += (used.rss - used.shared) / 2**20
        peaks[:] = max(peaks[0], whole), max(peaks[1], held)
        time.sleep(INTERVAL)


def main(times: list[int], ways: dict[str, str], project: Path) -> None:
    """Repeat the flights, train in each way, print the costs."""
    tool, python = projects.locate_tool(project), projects.locate_python(project)
    with tempfile.TemporaryDirectory(dir=project.parent) as home:
        print("times  way                  wall s  peak MB  not of files MB")
        for n in times:
            copy = Path(home, f"times-{n}")
            repeat_flights(project, copy, n)
            run([tool, "data"], copy)
            said = (copy / projects.PIPELINE).read_text(encoding="utf-8")
            with (copy / "sql" / "profiles.yml").open("a", encoding="utf-8") as file:
                file.write(TARGET)
            for way, settings in ways.items():
                (copy / projects.PIPELINE).write_text(f"{said}\n[training]\n{settings}\n", encoding="utf-8")
                wall, whole, held = measure_peaks([tool, "train"], copy)
                print(f"{n:>4}x  {way:<20} {wall:>6.1f} {whole:>8.0f} {held:>16.0f}", flush=True)
            alone = train_alone(copy, python)
            print(f"{n:>4}x  XGBoost alone, on the matrix of the training rows: {alone.memory:.0f} MB", flush=True)
            shutil.rmtree(copy)


if __name__ == "__main__":
    parser = projects.build_parser(__doc__)
    parser.add_argument("times", nargs="*", type=int, help="how often the flights are repeated; default 1 10 30")
    parser.add_argument("--spark", action="store_true", help="train on Spark as well")
    given = parser.parse_args()
    with projects.open_project(given.project, smoke=given.smoke) as opened:
        if given.spark:
            run([sys.executable, "-m", "uv", "add", "mlteam[spark]"], opened)
        main(given.times or ([1] if given.smoke else [1, 10, 30]), WAYS | (SPARK_WAY if given.spark else {}), opened)
