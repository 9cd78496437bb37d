"""Others can read what a snapshot is: its Croissant file passes the validator of those who made the format."""

import json
from pathlib import Path

import mlcroissant
import pyarrow as pa
import pyarrow.parquet

from mlteam.core.files import compute_sha256
from mlteam.data.croissant import DatasetInfo, build_croissant


def croissant(folder: Path) -> Path:
    table = pa.table({"id": ["F1", "F2"], "late": [True, False], "wind": [1.5, None], "seats": [150, 90]})
    (folder / "rows").mkdir()
    files = {f"rows/part-{number:05}.parquet": table.slice(number, 1) for number in range(2)}
    for name, rows in files.items():
        pyarrow.parquet.write_table(rows, folder / name)
    metadata = {
        "pipeline": "delays",
        "digest": "0123456789abcdef" * 4,
        "created_at": "2026-01-31T10:00:00+00:00",
        "files": {name: compute_sha256(folder / name) for name in files},
        "rows": 2,
        "sources": [{"name": "upstream.flights", "sha256": "ab" * 32}],
        "columns": [
            {"name": "id", "type": "VARCHAR"},
            {"name": "late", "type": "BOOLEAN"},
            {"name": "wind", "type": "DOUBLE"},
            {"name": "seats", "type": "BIGINT"},
        ],
    }
    said = {"wind": "Wind speed, miles per hour."}
    about = DatasetInfo("One row per flight.", "CC0-1.0", "https://flights.test", "Ada", said)
    (folder / "croissant.json").write_text(json.dumps(build_croissant(metadata, about)), encoding="utf-8")
    return folder / "croissant.json"


def test_the_validator_has_nothing_to_say(tmp_path: Path) -> None:
    dataset = mlcroissant.Dataset(jsonld=croissant(tmp_path))
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings


def test_rows_can_be_read_through_it(tmp_path: Path) -> None:
    rows = list(mlcroissant.Dataset(jsonld=croissant(tmp_path)).records("rows"))
    assert [row["rows/seats"] for row in rows] == [150, 90]
    assert [row["rows/late"] for row in rows] == [True, False]


def test_what_a_column_says_is_told_and_its_name_where_nothing_is_said(tmp_path: Path) -> None:
    fields = json.loads(croissant(tmp_path).read_text(encoding="utf-8"))["recordSet"][0]["field"]
    assert [field["description"] for field in fields] == ["id", "late", "Wind speed, miles per hour.", "seats"]
