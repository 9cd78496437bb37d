from pathlib import Path

import pytest
from mlteam.config import pipelines

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "pipelines").glob("*.toml")), ids=lambda path: path.stem)
def test_every_pipeline_of_this_repository_can_be_read(path: Path) -> None:
    assert pipelines.read_spec_file(path).features.names
