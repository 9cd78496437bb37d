"""Texts that differ give pages of their own."""

import pytest

from mlteam.reports.page import choose_page_path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("test where hour >= 20", "test where hour <= 20"),
        ("a/rows.csv", "b/rows.csv"),
        ("a/rows.csv", "a_rows.csv"),
        ("x" * 81 + "1", "x" * 81 + "2"),
        ("größe > 1", "größe < 1"),
    ],
)
def test_two_texts_never_share_a_page(one: str, other: str) -> None:
    assert choose_page_path("flights", one) != choose_page_path("flights", other)


def test_a_plain_name_stays_as_it_is() -> None:
    assert choose_page_path("flights", "v1", "compare", "test").name == "flights-v1-compare-test.html"
