import numpy as np
import pyarrow as pa
import pytest
from tables import planned, table

from mlteam.config.spec import Task
from mlteam.core.errors import ProjectError
from mlteam.onboarding import leaks

ROWS = 2_000


@pytest.fixture
def rows() -> dict[str, object]:
    """Casual and registered riders, weather that says a little, and their sum to predict."""
    draw = np.random.default_rng(1)
    casual, registered, hour = draw.poisson(20, ROWS), draw.poisson(150, ROWS), draw.integers(0, 24, ROWS)
    total = casual + registered
    return {"hour": hour, "wind": draw.normal(size=ROWS), "casual": casual, "registered": registered, "count": total}


def refusal(rows: dict[str, object], label: str, **wish: object) -> str:
    with pytest.raises(ProjectError) as caught:
        planned(table(**rows), label, **wish)
    return str(caught.value)


def test_summands_of_the_label_are_named(rows: dict[str, object]) -> None:
    said = refusal(rows, "count")
    assert "casual, registered: together add up to the label" in said
    assert "--drop casual --drop registered" in said
    assert "--allow-leak casual --allow-leak registered" in said


def test_a_part_of_the_summands_left_out_is_enough(rows: dict[str, object]) -> None:
    plan = planned(table(**rows), "count", drop=("casual",))
    assert plan.exclusion_reasons["casual"] == "left out by --drop"
    assert "registered" in [column.name for column in plan.numeric]


def test_an_allowed_leak_stays_a_feature(rows: dict[str, object]) -> None:
    plan = planned(table(**rows), "count", allow_leak=("casual", "registered"))
    assert {"casual", "registered"} <= {column.name for column in plan.numeric}


def test_allowing_one_of_two_leaks_is_not_enough(rows: dict[str, object]) -> None:
    assert "registered" in refusal(rows, "count", allow_leak=("casual",))


def test_a_copy_of_a_number_is_named(rows: dict[str, object]) -> None:
    rows |= {"The Count": rows["count"]}
    assert "The Count: is the label, or the label in another unit" in refusal(rows, "count", drop=("casual",))


def test_a_scaled_copy_is_named_in_a_small_table() -> None:
    label = np.arange(80.0) ** 2
    assert "thrice: " in refusal({"thrice": label * 3 + 1, "other": np.arange(80) % 7, "y": label}, "y")


@pytest.mark.parametrize("label", ["flag", "word"])
def test_a_copy_of_a_class_is_named(rows: dict[str, object], label: str) -> None:
    flag = np.asarray(rows["hour"]) > 15
    rows |= {"flag": flag, "word": np.where(flag, "late", "in time")}
    copy = {"flag": "word", "word": "flag"}[label]
    assert f"{copy}: alone explains 100.0%" in refusal(rows, label, drop=("hour",))


def test_a_number_that_a_class_was_cut_from_is_named(rows: dict[str, object]) -> None:
    rows |= {"windy": np.asarray(rows["wind"]) > 1}
    assert "wind: alone explains" in refusal(rows, "windy")


def test_a_column_that_is_missing_for_one_class_only_is_named(rows: dict[str, object]) -> None:
    sold = np.asarray(rows["hour"]) > 15
    price = pa.array(np.asarray(rows["wind"]), mask=~sold)
    assert "price: alone explains" in refusal(rows | {"price": price, "sold": sold}, "sold", drop=("hour",))


def test_a_feature_that_says_a_lot_is_no_leak() -> None:
    draw = np.random.default_rng(2)
    hour = draw.integers(0, 24, ROWS)
    plan = planned(table(hour=hour, y=hour * 2.0 + draw.normal(size=ROWS) * 3), "y")
    assert 0.9 < plan.strengths["hour_"] < 0.99


def test_chance_explains_nothing() -> None:
    draw = np.random.default_rng(3)
    noise = pa.chunked_array([pa.array(draw.normal(size=ROWS))])
    assert leaks.measure_leak_strength(noise, draw.normal(size=(ROWS, 1))) < 0.05


@pytest.mark.parametrize("count", [60, 100, 400])
def test_leaks_of_a_small_table_are_named(count: int) -> None:
    draw = np.random.default_rng(count)
    wind, other = draw.normal(size=count), draw.normal(size=count)
    assert "wind: alone " in refusal({"wind": wind, "other": other, "windy": wind > np.median(wind)}, "windy")
    three = np.digitize(wind, np.quantile(wind, [0.3, 0.7]))
    assert "wind: alone " in refusal({"wind": wind, "other": other, "y": np.array(["a", "b", "c"])[three]}, "y")
    speed = draw.uniform(1, 10, count)
    assert "speed: alone " in refusal({"speed": speed, "other": other, "y": speed**3 + 5}, "y")


@pytest.mark.parametrize("count", [60, 100, 400])
def test_strong_features_of_a_small_table_are_no_leaks(count: int) -> None:
    alarms = 0
    for seed in range(50):
        draw = np.random.default_rng(seed)
        strong = draw.normal(size=count)
        noisy = strong + draw.normal(size=count) * 0.3
        tasks: dict[Task, leaks.FloatArray] = {
            "regression": noisy[:, None],
            "binary": np.eye(2)[(noisy > 0).astype(int)],
        }
        for task, targets in tasks.items():
            found = {"strong": leaks.measure_leak_strength(pa.chunked_array([pa.array(strong)]), targets)}
            alarms += bool(leaks.find_leaks(found, {"strong": strong}, targets, task))
    assert alarms <= 5


def test_the_strongest_feature_of_a_small_table_is_found() -> None:
    """Of five features, one explains a third of the label: it must lead the baseline and the slices."""
    right = 0
    for seed in range(30):
        draw = np.random.default_rng(seed)
        columns = {name: draw.normal(size=300) for name in "abcde"}
        y = columns["c"] + draw.normal(size=300) * 1.4
        strengths = {
            name: leaks.measure_leak_strength(pa.chunked_array([pa.array(values)]), y[:, None])
            for name, values in columns.items()
        }
        right += max(strengths, key=strengths.__getitem__) == "c"
    assert right >= 28
