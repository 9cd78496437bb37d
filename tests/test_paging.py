"""Faults fire alerts, and the runbook alone ends them: with a real Prometheus and Alertmanager."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import baking
import duckdb
import pytest
from paging import BAD_DISK, Stage, address, allow_slow_answers, deliver, watch
from prometheus_tools import Tools, find, unpack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    folder = tmp_path_factory.mktemp("tools")
    if not find(folder):
        unpack(folder)
    return find(folder) or pytest.skip("neither Prometheus nor Alertmanager is here, and apt-get cannot download them")


@pytest.fixture(scope="module")
def stage(
    empty: Path,
    demonstrated: tuple[Path, str],
    tools: Tools,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """A launched model that answers, Prometheus that asks it, Alertmanager that writes to this test."""
    folder = tmp_path_factory.mktemp("paging")
    project, table = folder / "parcel-arrivals", folder / "parcels.csv"
    baking.copy(empty, project, ".git")
    here = Stage(project, demonstrated[0] / ".venv" / "bin" / "python", address())
    with ExitStack() as stack:
        stack.callback(here.close)
        deliver(table, nearest=0)
        here.run("new_pipeline", "parcels", "--table", str(table), "--label", "late", "--key", "id")
        allow_slow_answers(project / "pipelines" / "parcels.toml")
        for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "first"]):
            done = baking.run("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *command, cwd=project)
            assert done.returncode == 0, done.stderr
        here.run("train")
        here.run("launch", "--version", "candidate", "--by", "ada", "--reason", "the first")
        here.serve()
        watch(here, tools, folder, stack)
        yield here


@pytest.mark.parametrize(
    ("tool", "words", "folder"),
    [
        ("promtool", "check config deploy/prometheus.yml", "."),
        ("promtool", "check rules monitoring/alerts.yml", "."),
        ("promtool", "test rules alerts_test.yml", "monitoring"),
        ("amtool", "check-config deploy/alertmanager.yml", "."),
    ],
)
def test_what_prometheus_reads_is_what_its_own_tools_accept(
    empty: Path, tools: Tools, tool: str, words: str, folder: str
) -> None:
    done = baking.run(tools[tool], *words.split(), cwd=empty / folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_metrics_keep_to_the_conventions_of_prometheus(stage: Stage, tools: Tools) -> None:
    stage.ask()
    stage.run("monitor", allowed=(0, 1))
    said = stage.get("/metrics")
    assert "model_requests_total" in said
    assert "monitoring_last_run_timestamp_seconds" in said
    done = baking.run(tools["promtool"], "check", "metrics", cwd=stage.project, input=said)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_dead_service_rings_until_it_is_started_again(stage: Stage) -> None:
    assert stage.server
    stage.server.kill()
    stage.server.wait()
    stage.notifies("page", "firing: ModelDown")
    stage.follow("ModelDown")
    stage.notifies("page", "resolved: ModelDown")


def test_a_source_that_is_late_rings_until_it_is_fetched(stage: Stage) -> None:
    (raw,) = (stage.project / "data" / "raw").rglob("*.parquet")
    old = raw.with_suffix(".old")
    table = duckdb.read_parquet(str(raw))
    table.project("* replace (_loaded_at - interval 100 day as _loaded_at)").write_parquet(str(old))
    old.replace(raw)
    stage.run("monitor", allowed=(1,))
    stage.notifies("ticket", "firing: SourceStale parcels")
    deliver(stage.project / "data" / "tables" / "parcels.csv", nearest=700)
    raw.unlink()
    stage.follow("SourceStale")
    stage.notifies("ticket", "resolved: SourceStale parcels")


def test_an_altered_bundle_rings_while_the_old_version_answers(stage: Stage) -> None:
    stage.run("train")
    stage.run("launch", "--version", "candidate", "--by", "ada", "--reason", "newer", call=BAD_DISK)
    stage.notifies("page", "firing: ModelReloadFailed parcels")
    assert stage.version == 1
    stage.follow("ModelReloadFailed")
    assert stage.version == 1
    stage.notifies("page", "resolved: ModelReloadFailed parcels")


def test_a_drifted_feature_rings_until_a_model_knows_it(stage: Stage) -> None:
    stage.ask()
    stage.run("monitor", allowed=(1,))
    stage.notifies("ticket", "firing: FeatureDrift parcels")
    stage.follow("FeatureDrift")
    # Version 2 was trained on the delivered rows already, so `retrain` makes no other candidate.
    assert stage.version == 2
    stage.notifies("ticket", "resolved: FeatureDrift parcels")
