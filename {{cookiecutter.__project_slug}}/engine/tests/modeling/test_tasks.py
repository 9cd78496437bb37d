import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from conftest import edit, run_sql
from variants import become

from mlteam.commands import evaluate, train
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.config.splits import Split
from mlteam.core.errors import ProjectError
from mlteam.data import datasets, features, snapshot
from mlteam.registry import versions

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


BY_TIME = """by = "time"
train = { from = 2013-01-01, until = 2013-03-01 }
validation = { from = 2013-03-01, until = 2013-04-01 }
test = { from = 2013-04-01, until = 2013-06-01 }"""


METRICS = '["roc_auc", "average_precision", "log_loss", "brier_score"]'


def split_by(spec: Spec, splits: str) -> Spec:
    edit(spec.path, BY_TIME, splits)
    return pipelines.load_spec(None)


def tables(spec: Spec) -> Iterator[pa.Table]:
    taken = snapshot.take(spec)
    return (datasets.read_snapshot_rows(taken, spec, split) for split in SPLITS)


def evaluated(spec: Spec) -> dict[str, dict[str, float]]:
    """From the snapshot to the evaluation; the metrics on the test rows by name."""
    train.train_version(spec, snapshot.take(spec))
    page = evaluate.evaluate_version(spec, versions.open_version(spec))
    found = json.loads(page.with_suffix(".json").read_text())["datasets"][0]["metrics"]
    return {metric["metric"]: metric["gain"] for metric in found}


def test_many_classes_are_learned_and_judged(spec: Spec) -> None:
    label = "case when late then 'late' when hour < 8 then 'early' else 'fine' end"
    gain = evaluated(become(spec, "multiclass", label, '["log_loss", "accuracy", "balanced_accuracy"]'))
    assert gain["log_loss"]["low"] > 0
    assert gain["accuracy"]["low"] > 0


def test_a_number_is_learned_and_judged(spec: Spec) -> None:
    label = "hour * 2 + case when carrier = 'XX' then 10 else 0 end"
    metrics = '["root_mean_squared_error", "mean_absolute_error", "r2"]'
    assert evaluated(become(spec, "regression", label, metrics))["r2"]["low"] > 0


def test_classes_that_are_integers_stay_in_their_order(spec: Spec) -> None:
    spec = become(spec, "multiclass", "cast(hour % 3 * 5 as varchar)", '["accuracy"]')
    run_sql("alter table features.flights alter target type integer")
    train = next(tables(spec))
    assert features.learn_schema(spec, train).classes == ("0", "5", "10")


def test_the_positive_class_is_the_one_that_the_spec_names(spec: Spec) -> None:
    spec = become(spec, "binary", "case when late then 'bad' else 'good' end", METRICS)
    train = next(tables(spec))
    assert features.learn_schema(spec, train).classes == ("bad", "good")
    edit(spec.path, 'label = "target"', 'label = "target"\npositive = "bad"')
    assert features.learn_schema(pipelines.load_spec(None), train).classes == ("good", "bad")


@pytest.mark.parametrize(("by", "column"), [("key", "id"), ("group", "tail")])
def test_rows_of_a_group_are_never_on_both_sides(spec: Spec, by: str, column: str) -> None:
    run_sql("alter table features.flights add column tail varchar; update features.flights set tail = hour || carrier")
    spec = split_by(spec, f'by = "{by}"\ncolumn = "{column}"\nvalidation = 0.2\ntest = 0.3')
    groups = [set(pc.unique(table[column]).to_pylist()) for table in tables(spec)]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups)) == (1500 if by == "key" else 24)


def test_shares_by_the_hash_are_about_those_asked_for(spec: Spec) -> None:
    spec = split_by(spec, 'by = "key"\ncolumn = "id"\nvalidation = 0.2\ntest = 0.3')
    shares = [table.num_rows / 1500 for table in tables(spec)]
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.04)


@pytest.mark.parametrize(
    ("task", "label", "said"),
    [
        ("multiclass", "case when day > '2013-05-01' then 'new' when late then 'a' else 'b' end", "target new, which"),
        ("multiclass", "'same'", "has only one value of target"),
        ("regression", "1", "has only one value of target"),
        ("regression", "case when id = 'F2' then 'nan' else cast(hour as varchar) end", "NaN or infinite in 1"),
    ],
)
def test_labels_that_nothing_can_be_learned_from_are_refused(spec: Spec, task: str, label: str, said: str) -> None:
    spec = become(spec, task, label, '["r2"]' if task == "regression" else '["accuracy"]')
    with pytest.raises(ProjectError, match=said):
        snapshot.take(spec)


def test_a_text_is_no_number_to_predict(spec: Spec, project: Path) -> None:
    edit(spec.path, 'task = "binary"', 'task = "regression"')
    with pytest.raises(ProjectError, match="label late is BOOLEAN, regression needs a number"):
        snapshot.take(pipelines.load_spec(None))
