"""A small project in a temporary folder: 1,500 flights that are late more often in the evening and with carrier XX."""

import contextlib
import datetime as dt
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlteam.commands import train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.paths import TRACKING
from mlteam.data import snapshot
from mlteam.registry import tracking
from mlteam.registry.versions import RegisteredVersion

# Threads cost more than they bring on a few hundred rows; OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# The project around the engine, whose SQL settings and macros the engine is tested with.
REPOSITORY = Path(__file__).parents[2]
SPEC = """
description = "Will it be late?"
task = "binary"

[data]
relation = "features.flights"
key = "id"
time = "day"
label = "late"
known_after_event = ["delay"]

[privacy]
none_because = "made up"

[features]
categorical = ["carrier"]
numeric = ["hour", "wind"]

[splits]
by = "time"
train = { from = 2013-01-01, until = 2013-03-01 }
validation = { from = 2013-03-01, until = 2013-04-01 }
test = { from = 2013-04-01, until = 2013-06-01 }

[model]
factory = "mlteam.modeling:XGBoost"
seed = 7
params = { max_depth = 3, rounds = 30, early_stopping_rounds = 5 }

[baseline]
factory = "mlteam.modeling:GroupMean"
params = { by = ["carrier"] }

[evaluation]
# Its rows are drawn one by one.
cluster = "row"
primary = "roc_auc"
metrics = ["roc_auc", "average_precision", "log_loss", "brier_score"]
slices = ["carrier", "hour"]
resamples = 40

[monitoring]
# The flights are of 2013, and no model of them is newer.
age_days = 36500
"""


ROWS = """
create schema features;
select setseed(0.5);
create table features.flights as
with drawn as (
    select
        'F' || i as id,
        date '2013-01-01' + cast(i // 10 as integer) as day,
        case when i % 3 = 0 then 'XX' else 'YY' end as carrier,
        i % 24 as hour,
        case when i % 7 = 0 then null else random() * 30 end as wind,
        random() as luck
    from range(1500) numbers (i)
)
select * exclude (luck), luck < 0.1 + hour / 40 + (case when carrier = 'XX' then 0.2 else 0 end) as late from drawn;
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of the project, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLTEAM_STORE", raising=False)
    lay_out(tmp_path)
    return tmp_path


@pytest.fixture
def spec(project: Path) -> Spec:
    """The project's one pipeline."""
    return pipelines.read_spec_file(project / "pipelines" / "flights.toml")


@pytest.fixture
def version(spec: Spec) -> RegisteredVersion:
    """The first version of its model."""
    return train.train_version(spec, snapshot.take(spec))


@pytest.fixture
def shallow(spec: Spec, version: RegisteredVersion) -> RegisteredVersion:
    """A second version, of one tree of one split."""
    edit(spec.path, "max_depth = 3, rounds = 30", "max_depth = 1, rounds = 1")
    return train.train_version(pipelines.load_spec(None), snapshot.load_newest("flights"))


HEADER = "id,Order Date,Basket €,paid by,First Name,returned"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is its specification, which `drawn` reads."""
    monkeypatch.setattr("vl_convert.vegalite_to_svg", lambda text: text)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without any pipeline, and a CSV file of orders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLTEAM_STORE", raising=False)
    for path in ("sql/dbt_project.yml", "sql/profiles.yml", "sql/tests", "sql/macros"):
        copy = shutil.copytree if (REPOSITORY / path).is_dir() else shutil.copy
        (tmp_path / path).parent.mkdir(exist_ok=True)
        if (REPOSITORY / path).exists():
            copy(REPOSITORY / path, tmp_path / path)
    (tmp_path / "team.toml").write_text('stage = "prototype"\n')
    (tmp_path / "pipelines").mkdir()
    draw = np.random.default_rng(1)
    lines = [
        f"{number:05},{1 + number % 28:02}.{1 + number % 12:02}.2013,{draw.integers(1, 9_999) / 100},"
        f"{'card' if number % 3 else 'cash'},Ada,{'yes' if draw.random() < 0.4 else 'no'}"
        for number in range(400)
    ]
    (tmp_path / "orders.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return tmp_path


def lay_out(folder: Path) -> None:
    """The files and the warehouse of the project, in the working directory."""
    (folder / "team.toml").write_text('stage = "prototype"\n')
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "flights.toml").write_text(SPEC)
    (folder / "sql").mkdir()
    shutil.copy(REPOSITORY / "sql" / "profiles.yml", folder / "sql")
    manifest = folder / "data" / "dbt" / "target" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    run_sql(ROWS)
    TRACKING.write_bytes(empty_registry())


@cache
def empty_registry() -> bytes:
    """A registry without versions, which MLflow takes a second to make: too long for each of these tests."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        tracking.create_mlflow_client()
        return TRACKING.read_bytes()


def run_sql(sql: str) -> None:
    """Change the warehouse."""
    with duckdb.connect("data/warehouse.duckdb") as connection:
        connection.execute(sql)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be in the file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def day(month: int, number: int) -> dt.date:
    """A day of 2013."""
    return dt.date(2013, month, number)
