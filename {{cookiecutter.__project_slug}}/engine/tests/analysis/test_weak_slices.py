"""Weak slices are compared with what pandas groups, and looked for at the edges of their limits."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlteam.analysis.weak_slices import WeakSlice, find_weak_slices

ROWS = 1_200


def chunk(values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


def draw() -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(6)
    frame = pd.DataFrame({"shop": random.choice(list("abc"), ROWS), "size": random.choice(list("sml"), ROWS)})
    together = (frame["shop"] == "a") & (frame["size"] == "l")
    loss = random.exponential(0.3, ROWS) + 0.9 * (frame["shop"] == "c") + 2 * together
    frame["loss"] = loss
    return frame, frame["loss"].to_numpy()


def find(frame: pd.DataFrame, loss: np.ndarray, clusters: np.ndarray | None = None) -> tuple[dict[str, WeakSlice], int]:
    columns = {name: chunk(frame[name].to_numpy()) for name in ("shop", "size")}
    found, tested = find_weak_slices(columns, loss, 0.95, 20, clusters)
    return {one.name: one for one in found}, tested


@pytest.mark.parametrize("days", [0, 40])
def test_means_and_intervals_are_those_of_the_rows(days: int) -> None:
    frame, loss = draw()
    frame["day"] = np.arange(ROWS) % max(days, 1)
    found, tested = find(frame, loss, frame["day"].to_numpy() if days else None)
    assert tested == 3 + 3 + 9
    assert next(iter(found)) == "shop = a and size = l"
    assert {"shop = c", "size = l"} & set(found)
    reach = NormalDist().inv_cdf(1 - 0.05 / 2 / 15)
    excess = []
    for name, one in found.items():
        part = frame.iloc[one.members]
        conditions = dict(condition.split(" = ") for condition in name.split(" and "))
        assert len(part) == len(frame.query(" and ".join(f"{c} == '{v}'" for c, v in conditions.items())))
        error = part["loss"].std() / np.sqrt(len(part))
        if days:
            sums = (part["loss"] - part["loss"].mean()).groupby(part["day"]).sum()
            error = np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(part)
        low = part["loss"].mean() - reach * error
        assert [one.low, one.mean, one.high] == pytest.approx(
            [low, part["loss"].mean(), part["loss"].mean() + reach * error]
        )
        assert one.share == pytest.approx(part["loss"].sum() / loss.sum())
        excess.append((low - loss.mean()) * len(part))
    assert excess == sorted(excess, reverse=True)
    assert min(excess) > 0


def test_two_columns_together_are_named_where_they_say_more_than_either_alone() -> None:
    frame, loss = draw()
    # Of the rows of shop c, those of any size lose as much.
    assert not [name for name in find(frame, loss)[0] if name.startswith("shop = c and")]
    more = loss + 1.5 * ((frame["shop"] == "c") & (frame["size"] == "s")).to_numpy()
    assert "shop = c and size = s" in find(frame, more)[0]


@pytest.mark.parametrize(("rows", "few"), [(2_000, 49), (400, 19), (60, 4)])
def test_a_slice_needs_fifty_rows_or_a_twentieth_of_them_or_five(rows: int, few: int) -> None:
    for count, expected in ((few, []), (few + 1, ["word = odd"])):
        word = np.where(np.arange(rows) < count, "odd", "even")
        loss = np.random.default_rng(1).random(rows) + 50 * (word == "odd")
        found, _ = find_weak_slices({"word": chunk(word)}, loss, 0.95, 5)
        assert [one.name for one in found] == expected


@pytest.mark.parametrize(("start", "kept"), [(50, 2), (49, 1)])
def test_of_slices_that_share_more_than_half_of_their_rows_the_first_is_kept(start: int, kept: int) -> None:
    place = np.arange(2_000)
    first, second = place < 150, (place >= start) & (place < start + 150)
    loss = np.random.default_rng(2).random(2_000) + 10 * first + 9 * second
    columns = {"first": chunk(np.where(first, "y", "n")), "second": chunk(np.where(second, "y", "n"))}
    found, _ = find_weak_slices(columns, loss, 0.95, 20)
    assert len([one for one in found if one.name in ("first = y", "second = y")]) == kept


@pytest.mark.parametrize(("days", "found"), [(4, 0), (5, 1)])
def test_rows_of_four_days_have_no_known_error(days: int, found: int) -> None:
    word = np.where(np.arange(ROWS) % 2 == 0, "odd", "even")
    loss = np.random.default_rng(3).random(ROWS) + 5 * (word == "odd")
    weak, tested = find_weak_slices({"word": chunk(word)}, loss, 0.95, 5, np.arange(ROWS) // 2 % days)
    assert tested == 2
    assert len(weak) == found


def test_days_of_many_values_are_kept_apart() -> None:
    random = np.random.default_rng(7)
    frame = pd.DataFrame({"word": [f"w{row % 12}" for row in range(ROWS)], "day": np.arange(ROWS) // 12 % 5})
    high = frame["word"].isin(["w4", "w5", "w6", "w7", "w8"])
    frame["loss"] = random.random(ROWS) + 5 * high + 0.2 * frame["day"] * random.random(ROWS)
    found, tested = find_weak_slices(
        {"word": chunk(frame["word"].to_numpy())}, frame["loss"].to_numpy(), 0.95, 20, frame["day"].to_numpy()
    )
    assert len(found) == 5
    reach = NormalDist().inv_cdf(1 - 0.05 / 2 / tested)
    for one in found:
        part = frame.iloc[one.members]
        sums = (part["loss"] - part["loss"].mean()).groupby(part["day"]).sum()
        error = np.sqrt((sums**2).sum() * 5 / 4) / len(part)
        assert one.high - one.mean == pytest.approx(reach * error)


def test_no_more_slices_than_asked_for_and_none_of_no_rows() -> None:
    frame, loss = draw()
    columns = {name: chunk(frame[name].to_numpy()) for name in ("shop", "size")}
    assert len(find_weak_slices(columns, loss, 0.95, 1)[0]) == 1
    assert find_weak_slices(columns, loss[:0], 0.95, 5) == ([], 0)
    assert find_weak_slices({"key": chunk([str(row) for row in range(30)])}, loss[:30], 0.95, 5) == ([], 0)


@pytest.mark.parametrize("names", [("word", "side"), ("side", "word")])
def test_rows_of_rare_values_are_in_no_slice(names: tuple[str, str]) -> None:
    random = np.random.default_rng(4)
    rows = 3_000
    # Twenty-four values have a slice each; two more have few rows, which lose most of all.
    word = np.where(np.arange(rows) < 60, np.arange(rows) % 2 + 24, np.arange(rows) % 24)
    frame = pd.DataFrame({"word": [f"w{number}" for number in word], "side": random.choice(["l", "r"], rows)})
    together = (frame["word"] == "w0") & (frame["side"] == "l")
    loss = random.random(rows) + 4 * together.to_numpy() + 1.5 * (word == 0) + 90 * (word >= 24)
    # All the same, so that they do not widen the interval of a side.
    loss[word >= 24] = loss[word >= 24].mean()
    found, tested = find_weak_slices({name: chunk(frame[name].to_numpy()) for name in names}, loss, 0.95, 50)
    assert tested == 24 + 2 + 48
    assert [one for one in found if "w0" in one.name]
    for one in found:
        conditions = dict(condition.split(" = ") for condition in one.name.split(" and "))
        part = np.logical_and.reduce([frame[column] == value for column, value in conditions.items()])
        assert one.members.tolist() == np.flatnonzero(part).tolist()
        assert one.mean == pytest.approx(loss[part].mean())


def test_only_the_columns_that_say_most_are_put_together() -> None:
    random = np.random.default_rng(5)
    columns = {f"c{number}": random.integers(0, 2, 4_000) for number in range(26)}
    loss = random.random(4_000) + columns["c7"] + columns["c21"] + 3 * columns["c7"] * columns["c21"]
    found, tested = find_weak_slices({name: chunk(values) for name, values in columns.items()}, loss, 0.95, 5)
    # Of 26 columns, 24 are paired.
    assert tested == 26 * 2 + 24 * 23 // 2 * 4
    assert found[0].name == "c7 = 1 and c21 = 1"
