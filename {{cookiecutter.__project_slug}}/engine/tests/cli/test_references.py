"""References to the team's code: what is wrong with one is said in two lines, never as a traceback."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import edit

from mlteam.config import pipelines
from mlteam.core.errors import ProjectError
from mlteam.core.references import import_reference
from mlteam.data import loaders, snapshot, sources, table_files

SOURCES = """
sources:
  - name: shop
    loader: own_code.loaders:{loader}
    config:
      meta: {{owner: data_engineer, external_location: "data/raw/{{identifier}}.parquet"}}
    tables: [{{name: orders}}]
"""
LOADERS = """
import pyarrow as pa

def fetch_orders(source):
    return pa.table({"table": [source.table]})

def fetch_nothing(source):
    return None

def fail(source):
    raise TimeoutError("no answer")

DELAY = 3
"""
OWN_MODEL = "import not_installed_anywhere\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the team, in the working directory, which can be imported."""
    folder = tmp_path / "own_code"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "loaders.py").write_text(LOADERS)
    (folder / "models.py").write_text(OWN_MODEL)
    (folder / "inner.py").write_text("import own_code.gone\n")
    (folder / "broken.py").write_text("def fit(:\n")
    (folder / "late.py").write_text("import json\n\njson.dums\n")
    (tmp_path / "sql" / "models").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_code"]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def fetch(loader: str) -> pa.Table:
    sources.SOURCES_FILE.write_text(SOURCES.format(loader=loader))
    (source,) = sources.load_sources()
    loaders.fetch_source(source)
    assert source.location is not None
    return table_files.read_table_file(source.location)


@pytest.mark.parametrize(
    ("reference", "what", "fix"),
    [
        ("own_code.loaders:fetch_order", "no such attribute", "did you mean 'fetch_orders'?"),
        ("own_code.loader:fetch", "No module named 'own_code.loader'", "correct the name of the module"),
        ("src.own_code.loaders:fetch", "No module named 'src'", "correct the name of the module"),
        ("own_code.models:Own", "No module named 'not_installed_anywhere' (", "`uv add not_installed_anywhere`"),
        ("own_code.inner:Own", "No module named 'own_code.gone' (", "fix the import of own_code.inner"),
        ("own_code.broken:fit", "SyntaxError: invalid syntax (broken.py, line 1)", "fix the import"),
        ("own_code.late:fit", "AttributeError: module 'json' has no attribute 'dums' (", "fix the import"),
    ],
)
def test_a_reference_that_fails_names_module_attribute_and_cause(
    package: Path, reference: str, what: str, fix: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        import_reference(reference, "file.toml:3")
    module, _, attribute = reference.partition(":")
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"file.toml:3: cannot import {attribute} from {module}: {what}")
    assert fix in second


def test_the_line_that_fails_is_named(package: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        import_reference("own_code.late:fit", "")
    assert str(caught.value).partition("\n")[0].endswith(f"({package / 'late.py'}:3)")


@pytest.mark.parametrize("reference", ["own_code.loaders", "own code:f", ":", "own_code.loaders:f()", "..own_code:f"])
def test_what_is_not_a_reference_is_rejected(package: Path, reference: str) -> None:
    with pytest.raises(ProjectError, match="is not a reference to code"):
        import_reference(reference, "file.toml:3")


def test_a_loader_of_the_team_fetches_its_table(package: Path) -> None:
    assert fetch("fetch_orders")["table"].to_pylist() == ["orders"]


@pytest.mark.parametrize(
    ("loader", "what"),
    [
        ("fetch_order", r"cannot import fetch_order from own_code.loaders: no such attribute\ndid you mean"),
        ("fetch_nothing", "loader own_code.loaders:fetch_nothing returned NoneType, not a pyarrow.Table"),
        (
            "fail",
            r"loader own_code.loaders:fail failed: TimeoutError: no answer \(.*py:\d+\)\nfix the loader",
        ),
        ("DELAY", "loader own_code.loaders:DELAY is not a function"),
    ],
)
def test_a_loader_that_cannot_be_used_names_its_line(package: Path, loader: str, what: str) -> None:
    with pytest.raises(ProjectError, match=r"^sql/models/sources.yml:4: " + what):
        fetch(loader)


def test_the_command_shows_no_traceback(project: Path, package: Path) -> None:
    edit(project / "pipelines" / "flights.toml", "mlteam.modeling:XGBoost", "own_code.models:Own")
    snapshot.take(pipelines.load_spec(None))
    code = "import sys; sys.path.insert(0, '.'); from mlteam.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "train"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "cannot import Own from own_code.models: No module named 'not_installed_anywhere'" in done.stderr + done.stdout
    )
    assert "Traceback" not in done.stderr
