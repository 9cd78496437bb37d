import json

import pytest

from {{ cookiecutter.__package }} import registry, snapshot, steps, tracking
from {{ cookiecutter.__package }} import spec as specs
from {{ cookiecutter.__package }}.errors import ProjectError
from {{ cookiecutter.__package }}.registry import Version
from {{ cookiecutter.__package }}.spec import Spec


def with_dataset(spec: Spec, where: str) -> Spec:
    spec.path.write_text(spec.path.read_text() + f'\n[datasets.evening]\nwhere = "{where}"\n')
    return specs.choose(None)


def test_a_dataset_is_judged_with_the_splits(spec: Spec, version: Version) -> None:
    page = steps.evaluate(with_dataset(spec, "hour >= 18"), version)
    found = {entry["dataset"]: entry["rows"] for entry in json.loads(page.with_suffix(".json").read_text())["datasets"]}
    assert found["evening"] < found["test"]
    assert list(found) == ["test", "validation", "evening"]


@pytest.mark.parametrize(
    ("where", "said"), [("hours > 1", "evening.where: Binder Error"), ("hour > 99", "dataset evening has no rows")]
)
def test_a_dataset_that_cannot_be_selected_is_refused(spec: Spec, version: Version, where: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        steps.evaluate(with_dataset(spec, where), version, ("evening",))


def test_a_dataset_that_is_not_declared_is_refused(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match="there is no dataset 'tests'\ndid you mean 'test'"):
        steps.rows(spec, version, "tests")


def test_rows_that_were_learned_from_are_named_by_an_evaluation(
    spec: Spec, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    steps.evaluate(spec, version, ("train",))
    assert "note: train: version 1 has learned from 590 of these rows" in capsys.readouterr().out
    steps.evaluate(spec, version, ("test",))
    assert "note:" not in capsys.readouterr().out


def test_a_setting_from_the_command_line_stands_above_the_file_and_is_kept(spec: Spec, version: Version) -> None:
    changed = specs.choose(None, ["model.params.max_depth=2", "evaluation.primary=log_loss"])
    steps.train(changed, snapshot.newest("flights"))
    kept = registry.open_version(spec).spec
    assert (kept.model.params["max_depth"], kept.evaluation.primary) == (2, "log_loss")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.seeds=1", "unknown key model.seeds\ndid you mean 'seed'"),
        ("model.seed", "has no value"),
        ("description.text=x", "--set description.text: description is no table"),
    ],
)
def test_a_misspelt_setting_is_refused(spec: Spec, override: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        specs.choose(None, [override])


def with_late_winter(spec: Spec, split: str) -> Spec:
    where = "where = \"day >= date '2013-02-01'\""
    spec.path.write_text(spec.path.read_text() + f'\n[datasets.winter]\n{where}\nsplit = "{split}"\n')
    return specs.choose(None)


def test_a_version_that_is_trained_further_has_more_trees_and_knows_its_parent(spec: Spec, shallow: Version) -> None:
    spec = with_late_winter(spec, "train")
    child = steps.fine_tune(spec, shallow, "winter")
    assert child.model.facts()["trees"] > shallow.model.facts()["trees"]
    tags = tracking.client().get_model_version("flights", str(child.number)).tags
    assert (tags["parent"], tags["dataset"]) == (str(shallow.number), "winter")
    matrix = steps.rows(spec, child, "test").matrix
    assert (child.model.predict(matrix) != shallow.model.predict(matrix)).any()


def test_a_version_of_another_kind_is_not_trained_further(spec: Spec, shallow: Version) -> None:
    other = spec.model.model_copy(update={"factory": "baseline:GroupMean", "params": {}})
    spec = with_late_winter(spec, "train").model_copy(update={"model": other})
    with pytest.raises(ProjectError, match="version 2 is a model:XGBoost, and the file says baseline:GroupMean"):
        steps.fine_tune(spec, shallow, "winter")


def test_rows_that_a_model_is_judged_on_are_never_learned_from(spec: Spec, version: Version) -> None:
    with pytest.raises(ProjectError, match="dataset winter holds rows of the split test, which must not be learned"):
        steps.fine_tune(with_late_winter(spec, "test"), version, "winter")
