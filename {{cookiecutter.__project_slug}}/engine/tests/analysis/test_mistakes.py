import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import run_sql
from variants import become, rows_of, trained, without_contributions

from mlteam.analysis import mistakes, weak_slices
from mlteam.commands import mistakes as mistakes_command
from mlteam.config.spec import Spec, Task
from mlteam.core.errors import ProjectError
from mlteam.data.features import EvaluationRows

ROWS = 4_000


def columns() -> dict[str, pa.ChunkedArray]:
    draw = np.random.default_rng(1)
    hour = draw.integers(0, 24, ROWS)
    return {
        "carrier": pa.chunked_array([draw.choice(["AA", "XX", "YY"], ROWS)]),
        "hour": pa.chunked_array([hour]),
        "wind": pa.chunked_array([pa.array(draw.random(ROWS), mask=hour == 3)]),
        "noise": pa.chunked_array([draw.choice(["a", "b", "c", "d"], ROWS)]),
    }


def planted(where: np.ndarray) -> np.ndarray:
    """Small losses, but for the rows that are meant."""
    return np.random.default_rng(2).exponential(0.2, ROWS) + np.where(where, 1.0, 0.0)


def first(data: dict[str, pa.ChunkedArray], where: np.ndarray) -> weak_slices.WeakSlice:
    return weak_slices.find_weak_slices(data, planted(where), 0.95, 12)[0][0]


def test_a_planted_slice_of_one_column_is_found_first() -> None:
    data = columns()
    carrier = data["carrier"].to_numpy()
    found = first(data, carrier == "XX")
    assert found.name == "carrier = XX"
    assert found.low < found.mean < found.high
    assert len(found.members) == (carrier == "XX").sum()
    assert found.share > 0.7


def test_a_planted_slice_of_two_columns_is_found_first() -> None:
    data = columns()
    where = (data["carrier"].to_numpy() == "XX") & (data["noise"].to_numpy() == "c")
    assert first(data, where).name == "carrier = XX and noise = c"


def test_missing_values_are_a_slice_of_their_own() -> None:
    data = columns()
    del data["hour"]
    assert first(data, data["wind"].is_null().to_numpy()).name == "wind = missing"


def test_chance_alone_gives_no_slice() -> None:
    nothing, tested = weak_slices.find_weak_slices(columns(), planted(np.zeros(ROWS)), 0.95, 12)
    assert tested > 100
    assert nothing == []


def test_no_slice_repeats_the_rows_of_another() -> None:
    data = columns()
    data["copy"] = data["carrier"]
    found, _ = weak_slices.find_weak_slices(data, planted(data["carrier"].to_numpy() == "XX"), 0.95, 12)
    assert len([part for part in found if "XX" in part.name]) == 1


@pytest.mark.parametrize(
    ("task", "label", "prediction", "loss"),
    [
        ("binary", [1, 0], [0.5, 0.75], [np.log(2), np.log(4)]),
        ("multiclass", [0, 1], [[1, 0], [0.5, 0.5]], [0, np.log(2)]),
        ("regression", [1.5, 2], [1, 4], [0.5, 2]),
    ],
)
def test_loss_is_what_the_task_asks_for(task: Task, label: list[float], prediction: list[float], loss: float) -> None:
    assert mistakes.compute_losses(task, np.array(label), np.array(prediction)) == pytest.approx(loss)


def test_a_certain_and_wrong_prediction_has_a_finite_loss() -> None:
    assert np.isfinite(mistakes.compute_losses("binary", np.array([1, 0]), np.array([0.0, 1.0]))).all()


def test_the_worst_rows_come_with_reasons_and_all_rows_are_kept(spec: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    version, rows = trained(spec)
    html = mistakes_command.report_mistakes(spec, version, rows)
    kept = pa.parquet.read_table(html.with_suffix(".parquet"))
    loss = kept["log_loss"].to_numpy()
    assert kept.num_rows == len(rows.label)
    assert (np.diff(loss) <= 0).all()
    assert kept["model_version"][0].as_py() == 1
    text = html.read_text()
    assert text.count("<br>") == 2 * 20
    assert kept["id"][0].as_py() in text
    assert "worst rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "label", "metric"),
    [
        ("multiclass", "case when hour < 8 then 'early' when late then 'noon' else 'late' end", "accuracy"),
        ("regression", "hour * 2 + case when late then 5 else 0 end", "r2"),
    ],
)
def test_every_task_has_its_mistakes(spec: Spec, task: str, label: str, metric: str) -> None:
    spec = become(spec, task, label, f'["{metric}"]')
    version, rows = trained(spec)
    for one in (version, without_contributions(version)):
        found = mistakes.find_mistakes(spec, one, rows, one.model.predict(rows.matrix))
        assert [w.loss for w in found.worst] == sorted((w.loss for w in found.worst), reverse=True)
        assert any(w.reasons for w in found.worst)


def test_no_row_is_no_mistake(spec: Spec) -> None:
    version, rows = trained(spec)
    none = EvaluationRows("none", rows.matrix[:0], rows.label[:0], rows.table[:0])
    with pytest.raises(ProjectError, match="none has no rows to evaluate"):
        mistakes_command.report_mistakes(spec, version, none)


def test_texts_of_the_data_stay_texts_on_the_page(spec: Spec) -> None:
    hostile = "<script>alert(1)</script>"
    run_sql(f"update features.flights set carrier = '{hostile}', id = id || '<img src=x>' where carrier = 'XX'")
    version, rows = trained(spec)
    html = mistakes_command.report_mistakes(spec, version, rows).read_text()
    assert "<script" not in html
    assert "<img" not in html
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert len(html) < 3_000_000


def test_a_column_that_is_called_like_the_loss_is_kept(spec: Spec) -> None:
    version, rows = trained(spec)
    table = rows.table.append_column("log_loss", pa.array(np.zeros(len(rows.label))))
    html = mistakes_command.report_mistakes(spec, version, dataclasses.replace(rows_of(spec, version), table=table))
    kept = pa.parquet.read_table(html.with_suffix(".parquet"))
    assert kept["log_loss"].to_numpy().max() == 0
    assert kept["log_loss_"].to_numpy().max() > 0
