import shutil
from pathlib import Path

import pytest

from {{ cookiecutter.__package }} import checks, warehouse
from {{ cookiecutter.__package }} import spec as specs

REPOSITORY = Path(__file__).parents[1]


def test_the_sql_builds_and_passes_its_own_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("sql", "pipelines"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    sources = warehouse.sources()
    without = [source.name for source in sources if not source.loader]
    if without:
        pytest.skip(f"no loader for {', '.join(without)}")
    for source in sources:
        warehouse.fetch(source)
    warehouse.build(lambda _: None)
    for name in specs.names():
        with warehouse.connect() as connection:
            checks.relation(connection, specs.choose(name))
