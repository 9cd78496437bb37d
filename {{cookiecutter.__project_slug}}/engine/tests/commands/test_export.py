"""What is exported predicts the golden examples by XGBoost alone; what cannot be exported is named."""

import json
from pathlib import Path
from typing import Any

import launched
import numpy as np
import pytest
import variants
import xgboost
import yaml
from conftest import edit
from numpy.typing import NDArray

from mlteam.commands.export import export_version
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.modeling import category_means
from mlteam.serving.bundle import Bundle

FILES = ["features.json", "model-settings.json", "model.ubj", "predictions.json", "request.json"]


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def predict(folder: Path) -> NDArray[np.float32]:
    """What a server does that knows XGBoost and the protocol, and nothing of the engine."""
    (tensor,) = read(folder, "request.json")["inputs"]
    assert tensor["datatype"] == "FP32"
    rows = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
    found: NDArray[np.float32] = xgboost.Booster(model_file=folder / "model.ubj").inplace_predict(rows)
    return found.reshape(len(rows), -1)


def encode_golden_examples(folder: Path, opened: Bundle) -> list[list[float | None]]:
    """The rows of the request, by features.json alone."""
    features = read(folder, "features.json")["features"]
    return [
        [
            golden.features[f["name"]] if f["kind"] == "numeric" else f["numbers"].get(golden.features[f["name"]])
            for f in features
        ]
        for golden in opened.golden_examples
    ]


@pytest.mark.parametrize("many", [255, 1])
def test_the_champion_is_exported_with_its_golden_examples(
    spec: Spec, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(category_means, "MANY_CATEGORIES", many)
    opened = launched.put(spec)
    folder = export_version(spec, "champion", None, None)
    assert folder == Path("data", "export", "flights")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (
        predict(folder).tolist() == read(folder, "predictions.json") == [g.prediction for g in opened.golden_examples]
    )
    (tensor,) = read(folder, "request.json")["inputs"]
    sent, golden = (np.array(rows, np.float32) for rows in (tensor["data"], encode_golden_examples(folder, opened)))
    assert np.array_equal(sent, golden.ravel(), equal_nan=True)
    assert None in tensor["data"], "the flights have rows without wind"
    numbers = read(folder, "features.json")["features"][0]["numbers"]
    assert (numbers == {"XX": 0, "YY": 1}) is (many > 1)
    about = read(folder, "model-settings.json")
    assert (about["name"], about["parameters"]) == ("flights", {"uri": "./model.ubj", "version": "1"})
    assert [tensor["shape"] for tensor in (*about["inputs"], *about["outputs"])] == [[-1, 3], [-1, 1]]


def test_classes_and_their_probabilities_are_exported(spec: Spec) -> None:
    label = "case when hour < 8 then 'a' when hour < 16 then 'b' else 'c' end"
    opened = launched.put(variants.become(spec, "multiclass", label, '["log_loss"]'))
    folder = export_version(pipelines.load_spec(None), "1", None, None)
    assert read(folder, "features.json")["classes"] == ["a", "b", "c"]
    assert read(folder, "model-settings.json")["outputs"][0]["shape"] == [-1, 3]
    assert predict(folder).tolist() == [golden.prediction for golden in opened.golden_examples]


def test_an_address_gives_the_manifest_of_a_service(spec: Spec, tmp_path: Path) -> None:
    launched.put(spec)
    address = 's3://models/"flights": {a}'
    folder = export_version(spec, "champion", tmp_path / "new", address)
    manifest = yaml.safe_load((folder / "kserve.yaml").read_text(encoding="utf-8"))
    assert manifest["metadata"] == {"name": "flights"}
    model = manifest["spec"]["predictor"]["model"]
    assert (model["protocolVersion"], model["storageUri"]) == ("v2", address)
    with pytest.raises(ProjectError, match="already exists"):
        export_version(spec, "champion", tmp_path / "new", None)


def test_exporting_again_replaces_only_its_own_folder(spec: Spec) -> None:
    launched.put(spec)
    folder = export_version(spec, "champion", None, "s3://models/flights")
    before = (folder / "request.json").read_bytes()
    assert export_version(spec, "1", None, None) == folder
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "request.json").read_bytes() == before


@pytest.mark.parametrize(
    ("which", "expected"), [("champion", "no version of flights is launched"), ("3", "never launched"), ("x", "number")]
)
def test_a_version_that_was_not_launched_cannot_be_exported(spec: Spec, which: str, expected: str) -> None:
    with pytest.raises(ProjectError, match=expected):
        export_version(spec, which, None, None)
    assert not Path("data", "export").exists()


def test_a_model_that_these_servers_cannot_read_is_named(spec: Spec) -> None:
    edit(spec.path, "mlteam.modeling:XGBoost", "mlteam.modeling:GroupMean")
    edit(spec.path, "params = { max_depth = 3, rounds = 30, early_stopping_rounds = 5 }", 'params = { by = ["hour"] }')
    launched.put_as_it_is(pipelines.load_spec(None))
    with pytest.raises(ProjectError, match=r"GroupMean: MLServer and KServe read only mlteam\.modeling:XGBoost"):
        export_version(pipelines.load_spec(None), "champion", None, None)


def test_a_model_of_the_team_that_is_made_from_xgboost_is_not_taken_for_one(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own_models.py").write_text(
        "from mlteam.modeling import XGBoost\n\n\nclass Halved(XGBoost):\n"
        "    def predict(self, matrix):\n        return super().predict(matrix) / 2\n"
    )
    monkeypatch.syspath_prepend(str(Path.cwd()))
    edit(spec.path, "mlteam.modeling:XGBoost", "own_models:Halved")
    launched.put_as_it_is(pipelines.load_spec(None))
    with pytest.raises(ProjectError, match="own_models:Halved: MLServer and KServe read only"):
        export_version(pipelines.load_spec(None), "champion", None, None)


def test_a_folder_that_cannot_be_written_is_named(spec: Spec) -> None:
    launched.put(spec)
    Path("file").touch()
    with pytest.raises(ProjectError, match="file/export: cannot be written"):
        export_version(spec, "champion", Path("file", "export"), None)
