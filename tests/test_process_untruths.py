"""The check reports operational untruths with file and line."""

from pathlib import Path

import pytest
from edits import findings
from untruths import PASSED_BEFORE, UNTRUTHS, Untruth


def apply_untruth(project: Path, untruth: Untruth) -> list[int]:
    """Write the false text into its page; return the lines that it takes."""
    path = project / untruth.path
    text = path.read_text(encoding="utf-8")
    if untruth.old:
        assert untruth.old in text, untruth
        start = text.index(untruth.old)
        text = text.replace(untruth.old, untruth.new, 1)
    else:
        start = len(text) + 1
        text = f"{text}\n{untruth.new}\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    first = text.count("\n", 0, start) + 1
    return list(range(first, first + untruth.new.count("\n") + 1))


@pytest.mark.parametrize("untruth", UNTRUTHS, ids=lambda untruth: f"{untruth.code}-{untruth.new[:40]}")
def test_an_untruth_is_reported_where_it_is(untruth: Untruth, project: Path) -> None:
    lines = apply_untruth(project, untruth)
    found = findings(project)
    assert any((code, path) == (untruth.code, untruth.path) and line in lines for code, path, line in found), found


def test_there_are_enough_untruths() -> None:
    assert len(PASSED_BEFORE) == 14
    assert len(UNTRUTHS) >= 74
