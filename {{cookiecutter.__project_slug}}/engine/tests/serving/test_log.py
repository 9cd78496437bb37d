import json
from pathlib import Path

import pytest

from mlteam.serving.prediction_log import PredictionLog

MEGABYTES = 1


# Two bytes a character: the bound is one of bytes.
ANSWER = json.dumps({"prediction": [0.5], "padding": "é" * 190}, ensure_ascii=False).encode() + b"\n"


def dropped() -> None:
    raise AssertionError("an answer was dropped")


@pytest.mark.parametrize("rows", [1, 300])
def test_the_log_keeps_the_newest_within_its_bound(tmp_path: Path, rows: int) -> None:
    log = PredictionLog(tmp_path, MEGABYTES, dropped)
    for place in range(9000 // rows):
        log.enqueue(json.dumps({"place": place}).encode() + b"\n" + ANSWER * rows)
    log.close()
    texts = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert 500_000 < sum(map(len, texts)) <= 1_000_000
    places = [json.loads(line)["place"] for text in texts for line in text.splitlines() if b"place" in line[:9]]
    assert places == list(range(places[0], 9000 // rows))


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    lost: list[None] = []
    (tmp_path / "file").write_text("")
    log = PredictionLog(tmp_path / "file", MEGABYTES, lambda: lost.append(None))
    for _ in range(3):
        log.enqueue(ANSWER)
    log.close()
    assert len(lost) == 3
