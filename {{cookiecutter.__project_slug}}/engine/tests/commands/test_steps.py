import json

import pytest

from mlteam.commands import evaluate, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot
from mlteam.registry import tracking, version_rows, versions
from mlteam.registry.versions import RegisteredVersion


def with_dataset(spec: Spec, where: str) -> Spec:
    spec.path.write_text(spec.path.read_text() + f'\n[datasets.evening]\nwhere = "{where}"\n')
    return pipelines.load_spec(None)


def test_a_dataset_is_judged_with_the_splits(spec: Spec, version: RegisteredVersion) -> None:
    page = evaluate.evaluate_version(with_dataset(spec, "hour >= 18"), version)
    found = {entry["dataset"]: entry["rows"] for entry in json.loads(page.with_suffix(".json").read_text())["datasets"]}
    assert found["evening"] < found["test"]
    assert list(found) == ["test", "validation", "evening"]


@pytest.mark.parametrize(
    ("where", "said"), [("hours > 1", "evening.where: Binder Error"), ("hour > 99", "dataset evening has no rows")]
)
def test_a_dataset_that_cannot_be_selected_is_refused(
    spec: Spec, version: RegisteredVersion, where: str, said: str
) -> None:
    with pytest.raises(ProjectError, match=said):
        evaluate.evaluate_version(with_dataset(spec, where), version, ("evening",))


def test_a_dataset_that_is_not_declared_is_refused(spec: Spec, version: RegisteredVersion) -> None:
    with pytest.raises(ProjectError, match="there is no dataset 'tests'\ndid you mean 'test'"):
        version_rows.load_version_rows(spec, version, "tests")


def test_rows_that_were_learned_from_are_named_by_an_evaluation(
    spec: Spec, version: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.evaluate_version(spec, version, ("train",))
    assert "note: train: version 1 was trained on 590 of these rows" in capsys.readouterr().out
    evaluate.evaluate_version(spec, version, ("test",))
    assert "note:" not in capsys.readouterr().out


def test_a_setting_from_the_command_line_stands_above_the_file_and_is_kept(
    spec: Spec, version: RegisteredVersion
) -> None:
    changed = pipelines.load_spec(None, ["model.params.max_depth=2", "evaluation.primary=log_loss"])
    train.train_version(changed, snapshot.load_newest("flights"))
    kept = versions.open_version(spec).spec
    assert (kept.model.params["max_depth"], kept.evaluation.primary) == (2, "log_loss")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.seeds=1", "unknown key model.seeds\ndid you mean 'seed'"),
        ("model.seed", "has no value"),
        ("description.text=x", "--set description.text: description is not a table"),
    ],
)
def test_a_misspelt_setting_is_refused(spec: Spec, override: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        pipelines.load_spec(None, [override])


def with_late_winter(spec: Spec, split: str) -> Spec:
    where = "where = \"day >= date '2013-02-01'\""
    spec.path.write_text(spec.path.read_text() + f'\n[datasets.winter]\n{where}\nsplit = "{split}"\n')
    return pipelines.load_spec(None)


def test_a_version_that_is_trained_further_has_more_trees_and_knows_its_parent(
    spec: Spec, shallow: RegisteredVersion
) -> None:
    spec = with_late_winter(spec, "train")
    child = train.fine_tune(spec, shallow, "winter")
    assert child.model.metadata()["trees"] > shallow.model.metadata()["trees"]
    tags = tracking.create_mlflow_client().get_model_version("flights", str(child.number)).tags
    assert (tags["parent"], tags["dataset"]) == (str(shallow.number), "winter")
    matrix = version_rows.load_version_rows(spec, child, "test").matrix
    assert (child.model.predict(matrix) != shallow.model.predict(matrix)).any()


def test_a_version_of_another_kind_is_not_trained_further(spec: Spec, shallow: RegisteredVersion) -> None:
    other = spec.model.model_copy(update={"factory": "mlteam.modeling:GroupMean", "params": {}})
    spec = with_late_winter(spec, "train").model_copy(update={"model": other})
    with pytest.raises(ProjectError, match=r"mlteam\.modeling:XGBoost, and the file says mlteam\.modeling:GroupMean"):
        train.fine_tune(spec, shallow, "winter")


def test_rows_that_a_model_is_judged_on_are_never_learned_from(spec: Spec, version: RegisteredVersion) -> None:
    with pytest.raises(ProjectError, match="dataset winter has rows of the split test, which is not for training"):
        train.fine_tune(with_late_winter(spec, "test"), version, "winter")
