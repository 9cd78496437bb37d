import shutil
from pathlib import Path

import pytest
from mlteam.config import pipelines
from mlteam.data import loaders, sources, validation, warehouse

REPOSITORY = Path(__file__).parents[1]


def test_the_sql_builds_and_passes_its_own_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("sql", "pipelines"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    for source in sources.load_sources():
        if not source.loader or (source.origin and not Path(source.origin).exists()):
            pytest.skip(f"source {source.name} cannot be fetched here")
        loaders.fetch_source(source)
    warehouse.build(lambda _: None)
    for name in pipelines.list_pipelines():
        with warehouse.connect() as connection:
            validation.check_relation(connection, pipelines.load_spec(name))
