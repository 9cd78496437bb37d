"""`export`: a launched version as MLServer and KServe read it, by the Open Inference Protocol."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.core.files import reserve_temporary_path, write_json
from mlteam.core.paths import EXPORTS
from mlteam.core.templates import create_environment
from mlteam.data.features import Feature, Matrix
from mlteam.modeling.boosted_trees import XGBoost
from mlteam.serving import bundle
from mlteam.serving.bundle import Bundle
from mlteam.serving.request import RequestReader

CHAMPION = "champion"
INPUT, OUTPUT = "features", "predict"


def export_version(spec: Spec, which: str, output: Path | None, uri: str | None) -> Path:
    """Write the folder of a version for MLServer and KServe, whole or not at all.

    Args:
        spec: The pipeline.
        which: `champion`, or the number of a version that was launched.
        output: A folder that does not exist yet; by default data/export/PIPELINE, which is replaced.
        uri: Where the folder will be copied to; with it, the manifest of a KServe service is written too.

    Returns:
        The folder.

    Raises:
        ProjectError: The version was never launched, its model is not XGBoost, or the folder cannot be written.
    """
    opened = _open_bundle(spec, which)
    model = opened.model
    # A class of the team that is made from it may predict in its own way, which these servers do not know.
    if type(model) is not XGBoost:
        what = f"{opened.manifest.factory}: MLServer and KServe read only mlteam.modeling:XGBoost"
        raise ProjectError(what, where=str(spec.path), fix="serve it with `nox -s serve` or the image in deploy/")
    # MLServer expects the name of the model.
    target = output or EXPORTS / spec.name
    if output and output.exists():
        raise ProjectError("already exists", where=str(output), fix="name a new folder, or delete this one")
    try:
        with reserve_temporary_path(target) as part:
            part.mkdir()
            _write_files(part, opened, model, uri)
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
    except OSError as error:
        raise ProjectError(
            f"cannot be written: {error.strerror}", where=str(target), fix="choose another --output"
        ) from None
    rows = [[path.name, f"{path.stat().st_size:,}"] for path in sorted(target.iterdir())]
    console.print_text_table(f"{spec.name} version {opened.manifest.version} in {target}", ["file", "bytes"], rows)
    return target


def _open_bundle(spec: Spec, which: str) -> Bundle:
    if which == CHAMPION:
        bundle.pull_live_pointer(spec.name)
        return bundle.load(bundle.get_bundles_folder(spec.name) / bundle.read_live_pointer(spec.name).champion)
    if not which.isdecimal():
        raise ProjectError(f"--version {which!r} is not a number", fix=f"try {CHAMPION}, or the number of a version")
    opened = bundle.find_bundle(spec.name, int(which))
    if opened is None:
        what = f"version {which} of {spec.name} was never launched, so it has no bundle here"
        raise ProjectError(what, fix=f"to try it: `nox -s launch -- --version {which} --shadow`")
    return opened


def _write_files(folder: Path, opened: Bundle, model: XGBoost, uri: str | None) -> None:
    about, features = opened.manifest, opened.schema.features
    shutil.copy(opened.folder / bundle.MODEL_FOLDER / XGBoost.FILE, folder / XGBoost.FILE)
    examples = [dict(golden.features) for golden in opened.golden_examples]
    matrix, _ = RequestReader(opened.request_schema, opened.schema).encode(examples)
    write_json(folder / "model-settings.json", _describe_model(opened))
    encoded = [_describe_feature(model, place, feature) for place, feature in enumerate(features)]
    write_json(folder / "features.json", {"classes": opened.schema.classes, "features": encoded})
    write_json(folder / "request.json", _build_request(model.means.encode(matrix)))
    write_json(folder / "predictions.json", [golden.prediction for golden in opened.golden_examples])
    if uri:
        template = create_environment(__package__ or "").get_template("kserve.yaml.jinja")
        name = about.pipeline.replace("_", "-").strip("-")
        text = template.render(name=json.dumps(name), version=about.version, uri=json.dumps(uri))
        (folder / "kserve.yaml").write_text(text, encoding="utf-8")


def _describe_model(opened: Bundle) -> dict[str, Any]:
    classes = len(opened.schema.classes)
    shape = [-1, classes] if opened.schema.task == "multiclass" else [-1, 1]
    return {
        "name": opened.manifest.pipeline,
        "implementation": "mlserver_xgboost.XGBoostModel",
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, len(opened.schema.features)]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": shape}],
        "parameters": {"uri": f"./{XGBoost.FILE}", "version": str(opened.manifest.version)},
    }


def _describe_feature(model: XGBoost, place: int, feature: Feature) -> dict[str, Any]:
    """Return the name of a feature and, of a categorical one, the number that a request has for each category."""
    described: dict[str, Any] = {"name": feature.name, "kind": feature.kind}
    if feature.kind == "categorical":
        numbers = model.means.values.get(place, np.arange(len(feature.categories), dtype=np.float32))
        described["numbers"] = dict(zip(feature.categories, map(float, numbers), strict=True))
    return described


def _build_request(matrix: Matrix) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol; null is a missing value."""
    numbers = [None if np.isnan(number) else float(number) for number in matrix.ravel()]
    return {"inputs": [{"name": INPUT, "datatype": "FP32", "shape": list(matrix.shape), "data": numbers}]}
