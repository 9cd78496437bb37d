import re

import numpy as np
import pytest
from conftest import run_sql
from variants import become, trained, without_contributions

from mlteam.analysis import importance
from mlteam.commands import explain
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data.features import EvaluationRows
from mlteam.reports import page


def test_the_feature_that_decides_comes_first_and_the_one_that_does_not_last(spec: Spec) -> None:
    found = importance.compute_importance(spec, *trained(spec))
    assert [feature.feature for feature in found.features] == ["hour", "carrier", "wind"]
    assert found.exact
    assert all(feature.low <= feature.value <= feature.high for feature in found.features)
    assert sum(feature.share for feature in found.features) == pytest.approx(1)


def test_the_values_that_raise_and_lower_most_are_named(spec: Spec) -> None:
    carrier = next(f for f in importance.compute_importance(spec, *trained(spec)).features if f.feature == "carrier")
    assert (carrier.raises[:2], carrier.lowers[:2]) == ("XX", "YY")


def test_a_model_that_says_nothing_itself_is_explained_by_shuffling(spec: Spec) -> None:
    version, rows = trained(spec)
    found = importance.compute_importance(spec, without_contributions(version), rows)
    assert not found.exact
    assert found.unit == "Loss of roc_auc when shuffled"
    assert found.features[0].feature == "carrier"
    assert [feature.value for feature in found.features[1:]] == [0, 0]
    assert found.features[0].raises.startswith("XX")


def test_a_metric_that_is_not_defined_is_named(spec: Spec) -> None:
    version, rows = trained(spec)
    late = np.flatnonzero(rows.label == 1)
    only = EvaluationRows("late", rows.matrix[late], rows.label[late], rows.table.take(late))
    unit = importance.compute_importance(spec, without_contributions(version), only).unit
    assert "roc_auc not defined: all rows are of one class" in unit


def test_no_row_is_no_explanation(spec: Spec) -> None:
    version, rows = trained(spec)
    none = EvaluationRows("none", rows.matrix[:0], rows.label[:0], rows.table[:0])
    with pytest.raises(ProjectError, match="none has no row to explain"):
        importance.compute_importance(spec, version, none)


@pytest.mark.parametrize(
    ("task", "label", "metric"),
    [
        ("multiclass", "case when hour < 8 then 'early' when hour < 16 then 'noon' else 'late' end", "accuracy"),
        ("regression", "hour * 2", "r2"),
    ],
)
@pytest.mark.parametrize("exact", [True, False])
def test_every_task_is_explained(spec: Spec, task: str, label: str, metric: str, exact: bool) -> None:
    spec = become(spec, task, label, f'["{metric}"]')
    version, rows = trained(spec)
    if exact:
        found = importance.compute_importance(spec, version, rows)
        assert found.features[0].feature == "hour"
    else:
        found = importance.compute_importance(spec, without_contributions(version), rows)
    assert found.exact == exact
    assert 1 <= len(found.varying) <= 3


def test_the_page_is_one_small_file_in_which_texts_stay_texts(spec: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "<script>alert('x')</script>&"
    quoted = hostile.replace("'", "''")
    run_sql(f"update features.flights set carrier = '{quoted}' where carrier = 'XX'")
    version, rows = trained(spec)
    html = explain.report_importance(spec, version, rows, f"test {hostile}").read_text()
    assert "<script" not in html
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert len(html) < 3_000_000
    printed = capsys.readouterr().out
    assert re.search(r"page: data/reports/flights-v1-explain-test_script_alert_x_script_-[0-9a-f]{8}\.html", printed)


def test_a_name_of_a_page_cannot_leave_the_folder_of_reports() -> None:
    path = page.choose_page_path("a", "../../x y").as_posix()
    assert re.fullmatch(r"data/reports/a-_x_y-[0-9a-f]{8}\.html", path)
