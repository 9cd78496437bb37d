import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlteam.commands import train
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot
from mlteam.launch import publish
from mlteam.registry import versions
from mlteam.serving import bundle
from mlteam.serving.bundle import LivePointer


@pytest.fixture
def folder(spec: Spec) -> Path:
    train.train_version(spec, snapshot.take(spec))
    version = versions.open_version(spec)
    return publish.publish_bundle(spec, version)


def test_a_bundle_predicts_its_golden_examples(folder: Path) -> None:
    opened = bundle.load(folder)
    assert opened.manifest.version == 1
    assert len(opened.golden_examples) == publish.GOLDEN_ROWS
    for golden in opened.golden_examples:
        columns = {f.name: pa.array([golden.features[f.name]]) for f in opened.schema.features}
        assert np.allclose(opened.model.predict(opened.schema.encode(pa.table(columns))), golden.prediction)


def test_the_same_version_is_written_once(spec: Spec, folder: Path) -> None:
    version = versions.open_version(spec)
    assert publish.publish_bundle(spec, version) == folder
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
    assert not bundle.is_intact(folder)
    assert publish.publish_bundle(spec, versions.open_version(spec)) == folder
    assert bundle.is_intact(folder)


def test_the_pointer_is_read_as_it_was_written(folder: Path) -> None:
    said = LivePointer(champion=folder.name, launched_at="2026-01-01T00:00:00+00:00", by="ada")
    with pytest.raises(ProjectError, match="launched"):
        bundle.read_live_pointer("flights")
    bundle.write_live_pointer("flights", said)
    assert bundle.read_live_pointer("flights") == said
    (folder.parent / bundle.LIVE_FILE).write_text(json.dumps({"champion": "../../etc"}))
    with pytest.raises(ProjectError, match="not a pointer"):
        bundle.read_live_pointer("flights")
