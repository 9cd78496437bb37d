import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from {{ cookiecutter.__package }} import bundle, registry, snapshot, steps
from {{ cookiecutter.__package }}.bundle import Live
from {{ cookiecutter.__package }}.errors import ProjectError
from {{ cookiecutter.__package }}.spec import Spec


@pytest.fixture
def folder(spec: Spec) -> Path:
    steps.train(spec, snapshot.take(spec))
    version = registry.open_version(spec)
    return bundle.publish(spec, version)


def test_a_bundle_predicts_its_golden_examples(folder: Path) -> None:
    opened = bundle.load(folder)
    assert opened.about.version == 1
    assert len(opened.golden) == bundle.GOLDEN_ROWS
    for golden in opened.golden:
        columns = {f.name: pa.array([golden.features[f.name]]) for f in opened.schema.features}
        assert np.allclose(opened.model.predict(opened.schema.encode(pa.table(columns))), golden.prediction)


def test_the_same_version_is_written_once(spec: Spec, folder: Path) -> None:
    version = registry.open_version(spec)
    assert bundle.publish(spec, version) == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["model/model.ubj", "golden.json", "bundle.json", "model/schema.json"])
def test_an_altered_file_is_refused_by_its_name(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ProjectError, match=name):
        bundle.load(folder)


def test_a_missing_and_an_added_file_are_refused(folder: Path) -> None:
    (folder / "model" / "extra.pkl").write_bytes(b"x")
    with pytest.raises(ProjectError, match=r"extra\.pkl: was added"):
        bundle.load(folder)
    (folder / "model" / "extra.pkl").unlink()
    (folder / "model" / "model.ubj").unlink()
    with pytest.raises(ProjectError, match=r"model\.ubj: is missing"):
        bundle.load(folder)


def test_a_bundle_that_was_altered_is_written_anew(spec: Spec, folder: Path) -> None:
    (folder / "golden.json").write_bytes(b"[]")
    assert not bundle.opens(folder)
    assert bundle.publish(spec, registry.open_version(spec)) == folder
    assert bundle.opens(folder)


def test_the_pointer_is_read_as_it_was_written(folder: Path) -> None:
    said = Live(champion=folder.name, launched_at="2026-01-01T00:00:00+00:00", by="ada")
    with pytest.raises(ProjectError, match="launched"):
        bundle.live("flights")
    bundle.point("flights", said)
    assert bundle.live("flights") == said
    (folder.parent / bundle.LIVE).write_text(json.dumps({"champion": "../../etc"}))
    with pytest.raises(ProjectError, match="no pointer"):
        bundle.live("flights")
