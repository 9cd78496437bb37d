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


def test_a_row_is_predicted_on_the_line_between_its_neighbors() -> None:
    values, label = np.array([4.0, 0, 1, 2, 2]), np.array([[70.0], [10], [20], [30], [50]])
    found = leaks._interpolate_targets(values, label)
    # 0, 1, 2 and 4 have the labels 10, 20, 40 and 70: 1 is halfway from 10 to 40, 2 a third of the way from 20 to 70.
    assert found.ravel() == pytest.approx([40, 20, 25, 20 + 50 / 3, 20 + 50 / 3])


def test_what_several_features_say_together_is_found_and_chance_is_not() -> None:
    draw = np.random.default_rng(1)
    first, second = draw.integers(0, 2, ROWS), draw.integers(0, 2, ROWS)
    features = [pa.chunked_array([first]), pa.chunked_array([np.where(second == 1, "yes", "no")])]
    either = (first ^ second)[:, None].astype(float)
    assert leaks.measure_joint_strength(features, either) > leaks.JOINT_THRESHOLD
    assert leaks.measure_joint_strength(features, draw.normal(size=(ROWS, 1))) < 0.05
    # Trees read 32 bits.
    assert leaks.measure_joint_strength(features, either * 1e39) == 0


def test_numbers_beyond_32_bits_are_missing_to_the_trees() -> None:
    column = pa.chunked_array([[1.0, -2.0, 1e39, -1e39, np.inf, None]])
    assert leaks._encode_values(column).tolist() == pytest.approx([1, -2, *[np.nan] * 4], nan_ok=True)


@pytest.mark.parametrize(("fewest", "apart"), [(4, False), (5, True)])
def test_five_rows_of_a_class_that_have_a_range_to_themselves_are_no_chance(fewest: int, *, apart: bool) -> None:
    label = np.repeat([0, 1], [fewest, 40])
    assert leaks._separates_classes(np.arange(40.0 + fewest), label) is apart


@pytest.mark.parametrize(("rows", "found"), [(17, ()), (18, ("a", "b"))])
def test_six_rows_for_each_weight_are_enough_to_find_the_parts(rows: int, found: tuple[str, ...]) -> None:
    draw = np.random.default_rng(2)
    # However small the numbers are.
    numbers = {name: draw.uniform(1, 2, rows) / 1_000 for name in "ab"}
    assert leaks._find_parts(numbers, numbers["a"] + numbers["b"], np.asarray) == found
    assert leaks._find_parts(numbers, numbers["a"] * numbers["b"], np.log) == found


@pytest.mark.parametrize("least", [0.0, -1.0])
def test_a_label_that_is_not_positive_is_no_product(least: float) -> None:
    draw = np.random.default_rng(3)
    numbers = {name: draw.uniform(1, 2, 60) for name in "ab"}
    label = numbers["a"] * numbers["b"]
    label[7] = least
    assert leaks._find_parts(numbers, label, np.log) == ()
