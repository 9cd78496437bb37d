from pathlib import Path

import pytest
from conftest import edit

from mlteam.config import pipelines
from mlteam.config import spec as specs
from mlteam.core.errors import ProjectError

REPOSITORY = Path(__file__).parents[2]


def refusal(path: Path) -> str:
    with pytest.raises(ProjectError) as caught:
        pipelines.read_spec_file(path)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "pipelines").glob("*.toml")), ids=lambda path: path.stem)
def test_every_pipeline_of_this_repository_can_be_read(path: Path) -> None:
    assert pipelines.read_spec_file(path).features.names


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one(project: Path) -> None:
    path = project / "pipelines" / "flights.toml"
    edit(path, "label =", "labl =")
    assert refusal(path) == f"{path}:9: unknown key data.labl\ndid you mean 'label'?"


def test_an_unknown_key_of_a_dataset_is_refused_with_the_nearest_known_one(project: Path) -> None:
    path = project / "pipelines" / "flights.toml"
    path.write_text(path.read_text() + '\n[datasets.late]\nwher = "hour > 20"\n')
    assert refusal(path).endswith("unknown key datasets.late.wher\ndid you mean 'where'?")


def test_a_missing_key_is_named_with_its_table(project: Path) -> None:
    path = project / "pipelines" / "flights.toml"
    edit(path, 'label = "late"', "")
    assert refusal(path) == f"{path}:5: data.label is missing\nadd label = …"


def test_a_file_that_is_not_toml_names_its_line(project: Path) -> None:
    path = project / "pipelines" / "flights.toml"
    edit(path, 'key = "id"', "key = ")
    assert "flights.toml:7: not TOML" in refusal(path)


def test_a_file_in_another_encoding_is_named_and_a_mark_of_its_own_is_read(project: Path) -> None:
    path = project / "pipelines" / "flights.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8-sig")
    assert pipelines.read_spec_file(path).name == "flights"
    path.write_text(text, encoding="utf-16")
    assert "flights.toml: not UTF-8 text" in refusal(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('numeric = ["hour", "wind"]', 'numeric = ["hour", "late"]', "feature 'late' is the label"),
        ('numeric = ["hour", "wind"]', 'numeric = ["hour", "delay"]', "known only after the event"),
        ('numeric = ["hour", "wind"]', 'numeric = ["hour", "hour"]', "features name hour twice"),
        ("from = 2013-03-01", "from = 2013-02-01", "validation starts on 2013-02-01, before train ends on 2013-03-01"),
        ("until = 2013-06-01", "until = 2013-03-31", "until 2013-03-31 must come after from 2013-04-01"),
        ('primary = "roc_auc"', 'primary = "auc"', "primary is 'auc', which is not among metrics"),
        ('task = "binary"', 'task = "ranking"', "task"),
    ],
)
def test_a_spec_that_cannot_be_meant_is_refused(project: Path, old: str, new: str, said: str) -> None:
    path = project / "pipelines" / "flights.toml"
    edit(path, old, new)
    assert said in refusal(path)


def test_settings_cannot_be_changed(spec: specs.Spec) -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec.evaluation.resamples = 1


def test_a_pipeline_that_is_not_there_is_answered_with_those_that_are(project: Path) -> None:
    with pytest.raises(ProjectError, match="there is no pipeline 'flight'\ndid you mean 'flights'"):
        pipelines.load_spec("flight")


def test_the_only_pipeline_needs_no_name_and_two_do(project: Path) -> None:
    assert pipelines.load_spec(None).name == "flights"
    (project / "pipelines" / "other.toml").write_text("")
    with pytest.raises(ProjectError, match="which pipeline"):
        pipelines.load_spec(None)


def test_an_unknown_key_of_privacy_is_refused_with_the_nearest_known_one(project: Path) -> None:
    path = project / "pipelines" / "flights.toml"
    edit(path, 'none_because = "made up"', 'quasi_identifer = ["carrier"]')
    assert refusal(path).endswith("unknown key privacy.quasi_identifer\ndid you mean 'quasi_identifiers'?")
