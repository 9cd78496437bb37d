import dataclasses
import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
from launched import GOOD, served
from numpy.typing import NDArray
from variants import trained

from mlteam.analysis import mistakes
from mlteam.commands import launch, predict, train
from mlteam.commands import mistakes as mistakes_command
from mlteam.config.spec import Spec
from mlteam.data import snapshot
from mlteam.launch import publish
from mlteam.modeling import attribution
from mlteam.modeling.boosted_trees import XGBoost
from mlteam.registry import launch_log, versions
from mlteam.registry.versions import RegisteredVersion
from mlteam.reports import evaluation


class Silent:
    """A model of another library, which predicts and says nothing about it."""

    def __init__(self, version: RegisteredVersion, matrix: NDArray[np.float32], label: NDArray[Any]) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        kinds = [feature.kind == "categorical" for feature in version.schema.features]
        self.fitted = HistGradientBoostingClassifier(max_iter=20, categorical_features=kinds).fit(matrix, label)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        predicted: NDArray[np.float32] = self.fitted.predict_proba(matrix)[:, 1].astype(np.float32)
        return predicted

    def predict_contributions(self, _: NDArray[np.float32]) -> NDArray[np.float32]:
        raise NotImplementedError


@pytest.fixture
def silent(spec: Spec) -> RegisteredVersion:
    version, rows = trained(spec)
    model: Any = Silent(version, rows.matrix, rows.label)
    return dataclasses.replace(version, model=model)


def test_a_model_that_says_nothing_itself_has_its_features_replaced(
    spec: Spec, silent: RegisteredVersion, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(versions, "open_version", lambda *_: silent)
    predict.predict_example(spec, "1", json.dumps({"carrier": "XX", "hour": 23, "wind": None}), explain=True)
    said = capsys.readouterr().out.partition("most responsible")[2]
    words = said.split()
    assert "moves the prediction by (probability)" in said
    assert float(words[words.index("hour") + 2]) > 0.1
    assert f"{attribution.REPLACEMENT_NOTE}, from the training" in " ".join(words)


def test_the_method_stands_with_the_worst_rows(
    spec: Spec, silent: RegisteredVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    version, rows = trained(spec)
    for one, said in (
        (version, "as the model itself takes its predictions apart"),
        (silent, attribution.REPLACEMENT_NOTE),
    ):
        html = mistakes_command.report_mistakes(spec, one, rows).read_text().replace("&#39;", "'")
        assert said in html
        assert f"reasons: {said}" in " ".join(capsys.readouterr().out.split())
    found = mistakes.find_mistakes(spec, silent, rows, silent.model.predict(rows.matrix))
    assert all(wrong.reasons for wrong in found.worst)


def test_a_report_does_not_say_that_nothing_matters(spec: Spec, silent: RegisteredVersion) -> None:
    _, rows = trained(spec)
    assert evaluation._compute_mean_contributions(silent, rows.matrix)[0][0] == "hour"


def test_what_is_replaced_comes_near_to_what_the_trees_say(spec: Spec) -> None:
    version, rows = trained(spec)

    class Half(XGBoost):
        def predict_contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.zeros_like(matrix)

    assert isinstance(version.model, XGBoost)
    exact, itself = attribution.attribute_predictions(version.model, rows.matrix[:50], lambda: rows.matrix)
    tried, other = attribution.attribute_predictions(Half(version.model.booster), rows.matrix[:50], lambda: rows.matrix)
    assert (itself, other) == (True, False)
    assert np.corrcoef(exact.ravel(), tried.ravel())[0, 1] > 0.9


def test_the_service_says_that_a_model_cannot_say(spec: Spec) -> None:
    silent = spec.model_copy(update={"model": spec.baseline})
    number = train.train_version(silent, snapshot.take(spec)).number
    folder = publish.publish_bundle(spec, versions.open_version(spec, str(number))).name
    now = dt.datetime.now(dt.UTC)
    launch_log.append_launch_record(
        spec, launch_log.LaunchRecord(at=now, kind="launch", version=number, folder=folder, by="ada", reason="test")
    )
    launch.sync_with_launch_log(spec)
    with served() as client:
        assert client.post("/predict", json=GOOD).status_code == 200
        refused = client.post("/explain", json=GOOD)
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["msg"].startswith("this model does not say what moved a prediction")
