"""`data` looks only at what its pipeline needs, and a feature that gives the label away ends it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import edit, run_sql

from mlteam.commands import data
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import warehouse

SOURCES = """
sources:
  - name: needed
    config: {meta: {owner: ada, external_location: "data/raw/{identifier}.parquet"}}
    tables: [{name: rows}]
  - name: other
    config: {meta: {owner: ada, external_location: "data/raw/{identifier}.parquet"}}
    tables: [{name: gone}]
"""


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warehouse that is built already."""
    monkeypatch.setattr(warehouse, "build", lambda *_: set())
    monkeypatch.setattr(warehouse, "parse", lambda _: None)


def declare(sources: str) -> None:
    Path("sql/models").mkdir()
    Path("sql/models/sources.yml").write_text(sources)


@pytest.mark.usefixtures("built")
def test_a_missing_source_of_another_pipeline_does_not_stop_this_one(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(SOURCES)
    Path("data/raw").mkdir()
    run_sql("copy (select 1 as a) to 'data/raw/rows.parquet'")
    with pytest.raises(ProjectError, match=r"other\.gone is missing"):
        data.generate_data(spec)
    Path("pipelines/second.toml").write_bytes(spec.path.read_bytes())
    needed = {spec.data.relation: {"needed.rows"}}
    monkeypatch.setattr(warehouse, "find_upstream_sources", needed.__getitem__)
    assert data.generate_data(spec).metadata["rows"] == 1500


def leak_exactly(spec: Spec) -> None:
    run_sql("alter table features.flights add column leaked double")
    run_sql("update features.flights set leaked = case when late then 1 + random() else random() - 1 end")
    edit(spec.path, '"wind"]', '"wind", "leaked"]')


def leak_by_a_category(spec: Spec) -> None:
    run_sql("alter table features.flights add column leaked varchar")
    run_sql("update features.flights set leaked = case when late then 'delayed' else 'fine' end")
    edit(spec.path, '["carrier"]\nnumeric', '["carrier", "leaked"]\nnumeric')


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("leak", [leak_exactly, leak_by_a_category])
def test_a_feature_that_gives_the_label_away_is_refused_unless_allowed(
    spec: Spec, leak: Callable[[Spec], None]
) -> None:
    leak(spec)
    with pytest.raises(ProjectError) as refused:
        data.generate_data(pipelines.load_spec(None))
    first, second = str(refused.value).splitlines()
    assert first.startswith("pipelines/flights.toml: suspected leak of the label 'late': leaked")
    assert "data.allowed_leaks" in second
    assert not Path("data/snapshots/flights/newest").exists()
    edit(spec.path, 'known_after_event = ["delay"]', 'known_after_event = ["delay"]\nallowed_leaks = ["leaked"]')
    assert data.generate_data(pipelines.load_spec(None)).metadata["rows"] == 1500
