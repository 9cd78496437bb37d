"""Training on several workers at once, each with its share of the rows.

The workers are processes of this machine, or tasks of Spark. XGBoost adds up their histograms, so that all of them end
with the same model.
"""

import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.core.paths import DATA
from mlteam.data import features, snapshot, spark, targets
from mlteam.data.features import Schema, TableLike
from mlteam.data.snapshot import Snapshot
from mlteam.modeling import training
from mlteam.modeling.model import Model, load_model_class, locate_factory, validate_parameters
from mlteam.modeling.packing import pack_model, unpack_model

HERE = "127.0.0.1"
# Seconds in which the others notice that one has failed.
GRACE = 3
MODEL_FILE = "model.zip"

# Gives every worker what worker 0 says.
Broadcast = Callable[[str], str]


@dataclass(frozen=True)
class Job:
    """What each worker is told.

    Attributes:
        spec: The pipeline.
        snapshot: The digest of its snapshot.
        schema: The features, as all training rows show them.
    """

    spec: Spec
    snapshot: str
    schema: Schema


class Share:
    """Every n-th row of a table, so that each worker has rows of every time."""

    def __init__(self, table: TableLike, rank: int, workers: int) -> None:
        self._table = table
        self._rows = pa.array(range(rank, table.num_rows, workers))
        self.num_rows, self.column_names = len(self._rows), table.column_names

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """One column of the rows."""
        return self._table[name].take(self._rows)


def fit_on_workers(spec: Spec, taken: Snapshot, schema: Schema) -> Model:
    """Train the model of a spec as its `[training]` says.

    Args:
        spec: The pipeline.
        taken: Its snapshot.
        schema: The features, as all training rows show them.

    Raises:
        ProjectError: The model trains in one process only, a parameter is wrong, there are fewer rows than workers,
            or a worker failed.
    """
    where = locate_factory(spec, "model")
    model_class: Any = load_model_class(spec.model.factory, where)
    if not getattr(model_class, "SHARED", False):
        what = f"{spec.model.factory} trains in one process, and training asks for workers"
        raise ProjectError(what, where=where, fix="use mlteam.modeling:XGBoost, or remove workers and target")
    validate_parameters(spec, "model", spec.model.params)
    fewest = min(table.num_rows for table in training.open_training_rows(spec, taken))
    if fewest < spec.training.workers:
        what = f"training.workers is {spec.training.workers}, and only {fewest} rows can be shared"
        raise ProjectError(what, where=str(spec.path), fix="ask for fewer")
    job = Job(spec, taken.digest, schema)
    with tempfile.TemporaryDirectory(dir=DATA, prefix=".training-") as folder:
        content = _train_on_spark(job) if spec.training.target else _train_in_processes(job, Path(folder))
    return unpack_model(content, spec.model.factory)


def train_share(job: Job, rank: int, host: str, broadcast: Broadcast) -> bytes:
    """Train as one of the workers.

    Args:
        job: What is trained.
        rank: Which worker this is, from 0.
        host: The address at which the others reach this worker.
        broadcast: Gives every worker what worker 0 says.

    Returns:
        The folder of the model as a ZIP archive; nothing but from worker 0.
    """
    from mlteam.core.lean_xgboost import xgboost

    spec, workers = job.spec, job.spec.training.workers
    tables = training.open_training_rows(spec, snapshot.load(spec.name, job.snapshot))
    tracker = xgboost.tracker.RabitTracker(workers, host, sortby="task") if rank == 0 else None
    if tracker:
        tracker.start()
    address = broadcast(json.dumps(tracker.worker_args()) if tracker else "")
    with (
        training.reserve_scratch(spec, f"-{rank}") as scratch,
        xgboost.collective.CommunicatorContext(dmlc_task_id=f"{rank:05d}", **json.loads(address)),
    ):
        learn, watch = (
            features.build_examples(spec, job.schema, name, Share(table, rank, workers), scratch)
            for name, table in zip(("train", "validation"), tables, strict=True)
        )
        model = load_model_class(spec.model.factory, str(spec.path)).fit(learn, watch, job.schema, spec.model)
    if tracker is None:
        return b""
    tracker.wait_for()
    return pack_model(model)


def _train_in_processes(job: Job, folder: Path) -> bytes:
    # Started afresh: a copy of this process would inherit the threads of its libraries in an unknown state.
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    processes = [
        context.Process(target=_run_process, args=(job, rank, told, folder), daemon=True)
        for rank in range(job.spec.training.workers)
    ]
    try:
        for process in processes:
            process.start()
        failed = _wait_for(processes)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()
    if failed:
        raise _explain_failure(job, failed, folder)
    return (folder / MODEL_FILE).read_bytes()


def _wait_for(processes: Sequence[BaseProcess]) -> dict[int, int]:
    """Wait for all processes, or the first that fails; return which have failed by then, with their exit codes."""
    running = {process.sentinel: process for process in processes}
    while running:
        for sentinel in multiprocessing.connection.wait(list(running)):
            process = running.pop(cast(int, sentinel))
            process.join()
            if process.exitcode:
                # The others lose their connection to it, and fail as well.
                multiprocessing.connection.wait(list(running), GRACE)
                return {rank: process.exitcode for rank, process in enumerate(processes) if process.exitcode}
    return {}


def _run_process(job: Job, rank: int, told: SimpleQueue[str], folder: Path) -> None:
    # Ctrl-C reaches all processes: the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # XGBoost and MLflow say of each worker what the user knows already.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // job.spec.training.workers))

    def broadcast(said: str) -> str:
        if rank:
            return told.get()
        for _ in range(1, job.spec.training.workers):
            told.put(said)
        return said

    try:
        content = train_share(job, rank, HERE, broadcast)
    except Exception as error:
        (folder / f"{rank}.error").write_text(_describe(error), encoding="utf-8")
        # At once: XGBoost would wait for the others, and complain that they do not come.
        os._exit(1)
    if rank == 0:
        (folder / MODEL_FILE).write_bytes(content)


def _explain_failure(job: Job, failed: dict[int, int], folder: Path) -> ProjectError:
    """Return why a worker failed: one that was killed, or else the first with an error of its own."""
    rank, code = min(failed.items(), key=lambda item: item[1])
    if code < 0:
        what = f"worker {rank + 1} of {job.spec.training.workers} was ended by signal {-code}"
        fix = 'give it memory: fewer workers, or memory = "disk" under [training]'
        return ProjectError(what, where=str(job.spec.path), fix=fix)
    said = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.error"))]
    # Those that lost a connection are not the cause.
    own = next((text for text in said if "collective" not in text), said[0] if said else f"exit code {code}")
    what, _, fix = own.partition("\n")
    return ProjectError(f"a worker failed: {what}", fix=fix or "run the command again")


def _describe(error: Exception) -> str:
    """Return what an error says and what to do, a line for each."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return "\n".join(lines[:2]) if isinstance(error, ProjectError) else lines[0]


def _train_on_spark(job: Job) -> bytes:
    target = targets.load_target(job.spec.training.target)
    if target.kind != "spark":
        what = f"training.target {target.name} is of type {target.kind}, which does not train"
        raise ProjectError(what, where=str(job.spec.path), fix="name a target of type spark")

    project = Path.cwd()

    def work(rank: int, host: str, broadcast: Broadcast) -> bytes:
        os.chdir(project)
        return train_share(job, rank, host, broadcast)

    return b"".join(spark.run_on_workers(target, job.spec.training.workers, work))
