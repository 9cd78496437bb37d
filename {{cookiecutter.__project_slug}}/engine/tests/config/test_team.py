from pathlib import Path

import pytest

from mlteam.config.team import load_team
from mlteam.core.errors import ProjectError

TEAM = """
stage = "prototype"

[people.ada]
name = "Ada Lovelace"

[people.bob]
name = "Bob"
left = 2026-01-31

[roles]
data_engineer = ["ada", "bob"]
analyst = []
"""


def test_people_who_left_are_not_present(project: Path) -> None:
    (project / "team.toml").write_text(TEAM)
    team = load_team()
    assert team.list_present_people() == ["ada"]
    assert team.get_holder_name("data_engineer") == "Ada Lovelace"
    assert team.get_holder_name("analyst") is None
    assert team.get_holder_name("nurse") is None


def test_a_team_file_that_cannot_be_read_is_named(project: Path) -> None:
    (project / "team.toml").write_text("[people")
    with pytest.raises(ProjectError, match="not readable") as refused:
        load_team()
    assert refused.value.where == "team.toml"
    (project / "team.toml").unlink()
    with pytest.raises(ProjectError, match="No such file"):
        load_team()
