"""A project of a team's own states on no page what is not true for its task and its splits."""

import re
from collections.abc import Callable
from pathlib import Path

import baking
import pytest
from edits import fix, list_findings

SPLITS = {
    "time": 'by = "time"\ntrain = { from = 2020-01-01, until = 2021-01-01 }\n'
    "validation = { from = 2021-01-01, until = 2021-02-01 }\ntest = { from = 2021-02-01, until = 2021-03-01 }\n",
    "key": 'by = "key"\ncolumn = "id"\n',
    "group": 'by = "group"\ncolumn = "customer"\n',
}
PIPELINE = """\
description = "A pipeline."
task = "{task}"
[data]
relation = "features.orders"
key = "id"
label = "outcome"
[privacy]
none_because = "orders of companies"
[splits]
{splits}
[model]
factory = "mlteam.modeling:XGBoost"
[baseline]
factory = "mlteam.modeling:GroupMean"
[evaluation]
primary = "{metric}"
metrics = ["{metric}"]
"""
COLUMNS = "".join(f'      - name: {name}\n        description: "It."\n' for name in ("id", "customer", "outcome"))
MODEL = (
    f"version: 2\nmodels:\n  - name: orders\n    description: One order.\n    data_tests: [x]\n    columns:\n{COLUMNS}"
)
METRICS = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}
# A claim, and for which task and split it is true.
CLAIMS: dict[str, Callable[[str, str], bool]] = {
    r"the probability that|a probability": lambda task, _: task == "binary",
    r"one probability for each": lambda task, _: task == "multiclass",
    r"in its own unit": lambda task, _: task == "regression",
    r"later than all rows|come after all|later ones|days that come after": lambda _, split: split == "time",
    r"random sample, selected by a hash": lambda _, split: split in ("key", "group"),
    r"rows with the same value stay in one split": lambda _, split: split == "group",
    r"\bROC\b|precision-recall": lambda task, _: task == "binary",
    r"There is no threshold yet|does not exist yet": lambda _task, _split: False,
    r"flight|airport|nycflights": lambda _task, _split: False,
}
NEEDED = ("the probability that|a probability", "one probability for each", "in its own unit")


@pytest.fixture
def own(empty: Path, tmp_path: Path) -> Path:
    """A copy of a project without the example."""
    return baking.copy(empty, tmp_path / empty.name)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("task", METRICS)
def test_no_page_states_what_is_true_for_another_task_or_split(own: Path, task: str, split: str) -> None:
    text = PIPELINE.format(task=task, splits=SPLITS[split], metric=METRICS[task])
    (own / "pipelines" / "orders.toml").write_text(text, encoding="utf-8")
    (own / "sql" / "models" / "features" / "orders.sql").write_text("select 1\n", encoding="utf-8")
    (own / "sql" / "models" / "features" / "orders.yml").write_text(MODEL, encoding="utf-8")
    fix(own)
    assert [finding.format_full() for finding in list_findings(own)] == []
    pages = {p: p.read_text(encoding="utf-8") for p in (own / "PROCESS.md", own / "README.md", *own.glob("docs/*.md"))}
    for claim, holds in CLAIMS.items():
        stated = [path.name for path, page in pages.items() if re.search(claim, page)]
        assert holds(task, split) or stated == [], claim
        assert not (holds(task, split) and claim in NEEDED) or "model-card.md" in stated, claim
