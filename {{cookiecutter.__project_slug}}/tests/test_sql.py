import shutil
from pathlib import Path

import pytest

from {{ cookiecutter.__package }} import checks, sources, upstream, warehouse
from {{ cookiecutter.__package }} import spec as specs

REPOSITORY = Path(__file__).parents[1]


def test_the_sql_builds_and_passes_its_own_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("sql", "pipelines"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    for source in sources.declared():
        if not source.loader or (source.origin and not Path(source.origin).exists()):
            pytest.skip(f"source {source.name} cannot be fetched here")
        upstream.fetch(source)
    warehouse.build(lambda _: None)
    for name in specs.names():
        with warehouse.connect() as connection:
            checks.relation(connection, specs.choose(name))
