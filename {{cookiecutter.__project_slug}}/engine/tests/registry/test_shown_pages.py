"""Pages show the champion: what two people try at the same time stays in their reports."""

from pathlib import Path

import pytest
from conftest import lay_out
from launched import put

from mlteam.commands import evaluate, launch, pages, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.paths import STORE_VARIABLE
from mlteam.data import snapshot
from mlteam.registry import versions

CARD = "# Model card\n\n<!-- generated: version -->\n<!-- end generated -->\n"


@pytest.fixture
def card(spec: Spec, project: Path) -> Path:
    """A model card without content."""
    (project / "docs").mkdir()
    (project / "docs" / "model-card.md").write_text(CARD)
    return project / "docs" / "model-card.md"


def train_and_evaluate(spec: Spec, rounds: int) -> int:
    changed = spec.model_copy(update={"model": spec.model.model_copy(update={"params": {"rounds": rounds}})})
    version = train.train_version(changed, snapshot.take(changed))
    evaluate.evaluate_version(changed, versions.open_version(changed, str(version.number)))
    return version.number


def read_figures(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "docs" / "figures" / "flights").glob("*.svg")}


def test_a_candidate_does_not_replace_the_champion_on_the_pages(spec: Spec, project: Path, card: Path) -> None:
    train_and_evaluate(spec, rounds=3)
    assert "version 1" in card.read_text()
    assert "not launched" in card.read_text()
    train_and_evaluate(spec, rounds=5)
    assert "version 2" in card.read_text()
    champion = put(spec, rounds=30).manifest.version
    evaluate.evaluate_version(spec, versions.open_version(spec, str(champion)))
    shown, figures = card.read_text(), read_figures(project)
    assert "version 3" in shown
    assert "champion: it answers requests" in shown
    assert figures
    train_and_evaluate(spec, rounds=1)
    pages.refresh_pages()
    assert card.read_text() == shown
    assert read_figures(project) == figures
    assert len(list((project / "data" / "reports" / "flights-v4").glob("*.svg"))) == len(figures)


def test_a_version_that_a_colleague_evaluated_is_shown_once_it_is_launched(
    spec: Spec, project: Path, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").mkdir()
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    put(spec, rounds=3)
    evaluate.evaluate_version(spec, versions.open_version(spec, "1"))
    colleague = tmp_path / "colleague"
    colleague.mkdir()
    monkeypatch.chdir(colleague)
    monkeypatch.delenv(STORE_VARIABLE)
    lay_out(colleague)
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    (colleague / "docs").mkdir()
    (colleague / "docs" / "model-card.md").write_text(card.read_text())
    assert train_and_evaluate(pipelines.load_spec(None), rounds=30) == 2
    assert (colleague / "docs" / "model-card.md").read_text() == card.read_text()
    monkeypatch.chdir(project)
    put(spec, rounds=20)
    launch.sync_with_launch_log(spec)
    monkeypatch.chdir(colleague)
    evaluate.evaluate_version(spec, versions.open_version(spec, "3"))
    monkeypatch.chdir(project)
    pages.show_version(spec, 3)
    assert "version 3" in card.read_text()
    assert read_figures(project) == read_figures(colleague)
    assert (project / "data" / "reports" / "flights-v3.html").exists()
