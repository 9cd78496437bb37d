"""A real Spark in the process of the command: the SQL of the project builds on it, with the same digest."""

import re
import shutil
from pathlib import Path

import baking
import duckdb
import pytest
from other_engines import LOAD_SPARK, UV, check_own_tests, check_values, generate_for_engine

pytestmark = [pytest.mark.slow, pytest.mark.long]

# One of two workers is killed, the other waits for it.
KILL = """
import os, signal, time
from mlteam.core.errors import ProjectError
from mlteam.data import spark, targets

def work(rank, host, broadcast):
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)

def fail(rank, host, broadcast):
    raise ProjectError("no such snapshot", where="data/snapshots", fix="restore it")

for workers, what in ((2, work), (2, fail), (999, work)):
    try:
        spark.run_on_workers(targets.load_target("prod"), workers, what)
    except ProjectError as error:
        print(str(error).replace(os.linesep, " / "))
"""


@pytest.fixture(scope="module")
def on_spark(bake: baking.Bake, demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project for Spark without raw files, which Spark has."""
    if not shutil.which("java"):
        pytest.skip("Spark needs Java")
    folder = tmp_path_factory.mktemp("warehouse")
    return generate_for_engine(bake, demonstrated[0], folder, "spark", LOAD_SPARK, baking.fresh_machine())


def run(project: Path, *words: str, **variables: str) -> str:
    command = (*UV, "run", "--quiet", "mlteam", *words)
    done = baking.run(*command, cwd=project, env=baking.fresh_machine() | variables)
    assert done.returncode == 0, done.stdout + done.stderr
    # What Java says belongs into a file, and Python's warnings are for us.
    assert "WARN" not in done.stderr.upper()
    return str(done.stdout + done.stderr)


def test_the_same_rows_have_the_same_digest_on_spark(on_spark: Path) -> None:
    newest = on_spark / "data" / "snapshots" / "flight_delays" / "newest"
    here = newest.read_text(encoding="utf-8")
    shutil.rmtree(newest.parent)
    run(on_spark, "data", MLTEAM_TARGET="prod")
    assert newest.read_text(encoding="utf-8") == here


def test_times_and_numbers_are_read_in_each_notation(on_spark: Path) -> None:
    check_values(on_spark, baking.fresh_machine())


def test_a_table_of_spark_becomes_a_pipeline_that_is_the_same_here(on_spark: Path) -> None:
    options = ("--label", "rains", "--time", "measured_at", "--target", "prod")
    said = run(on_spark, "new_pipeline", "rain", "--table", "desk.gusts", *options)
    assert "called_days_before (called_)" in " ".join(said.split())
    said = run(on_spark, "parity", "--pipeline", "rain", "--target", "prod")
    assert "features.rain_features: 3,000 rows and 11 columns are the same on prod (spark) and here" in said
    check_own_tests(on_spark, baking.fresh_machine())
    # A day of the week that counts from another day is what no engine rejects.
    model = on_spark / "sql" / "models" / "features" / "rain_features.sql"
    text = model.read_text(encoding="utf-8")
    weekday = "mod({{ iso_weekday('called_') }}, 7)"
    assert weekday in text
    model.write_text(text.replace(weekday, "extract(dow from called_)"), encoding="utf-8")
    command = (*UV, "run", "--quiet", "mlteam", "parity", "--pipeline", "rain", "--target", "prod")
    done = baking.run(*command, cwd=on_spark, env=baking.fresh_machine())
    assert done.returncode == 1
    assert "called_weekday" in done.stdout
    assert "rain_features.sql: features.rain_features differs between prod (spark) and here" in done.stderr


def test_workers_of_spark_make_the_model_of_processes_here(on_spark: Path) -> None:
    pipeline = on_spark / "pipelines" / "flight_delays.toml"
    text = pipeline.read_text(encoding="utf-8")
    made = []
    for settings in ("workers = 2", 'workers = 2\ntarget = "prod"', 'workers = 2\nmemory = "disk"'):
        pipeline.write_text(f"{text}\n[training]\n{settings}\n", encoding="utf-8")
        before = set(on_spark.glob("data/artifacts/flight_delays/*/artifacts/model/model.ubj"))
        run(on_spark, "train", "--pipeline", "flight_delays")
        (new,) = set(on_spark.glob("data/artifacts/flight_delays/*/artifacts/model/model.ubj")) - before
        made.append(new.read_bytes())
    pipeline.write_text(text, encoding="utf-8")
    assert made[0] == made[1] == made[2]


def test_workers_of_spark_predict_what_this_process_does(on_spark: Path) -> None:
    made = []
    for given in (("dev",), ("prod",), ("prod", "--where", "month(flight_date) = 2")):
        words = ("--pipeline", "flight_delays", "--dataset", "features.flight_features", "--target", *given)
        said = run(on_spark, "predict", *words)
        (file,) = re.findall(r"predictions: (\S+)", said)
        made.append(duckdb.read_parquet(str(on_spark / file)).order("flight_id"))
    here, there, february = made
    assert here.shape == there.shape
    assert here.shape[0] > 300_000
    assert here.columns == there.columns
    predicted = [rows.project("flight_id, probability_of_true, model_version").fetchall() for rows in made]
    assert predicted[0] == predicted[1]
    assert set(predicted[2]) < set(predicted[1])
    assert february.project("month(flight_date)").distinct().fetchall() == [(2,)]
    words = ("--pipeline", "flight_delays", "--dataset", "desk.gusts", "--target", "prod")
    done = baking.run(*UV, "run", "--quiet", "mlteam", "predict", *words, cwd=on_spark, env=baking.fresh_machine())
    assert done.returncode == 1
    assert "a worker failed: desk.gusts: has no column " in done.stderr


def test_workers_of_spark_that_fail_end_all_with_the_reason(on_spark: Path) -> None:
    done = baking.run(*UV, "run", "--quiet", "python", "-c", KILL, cwd=on_spark, env=baking.fresh_machine())
    assert done.returncode == 0, done.stderr
    killed, failed, many = done.stdout.splitlines()
    assert killed.startswith("sql/profiles.yml: a worker of target prod was ended / give it memory")
    assert failed == "a worker failed: data/snapshots: no such snapshot / restore it"
    assert many.startswith("sql/profiles.yml: target prod has fewer than 999 free cores")
