"""Reads the columns of tables that are files of the repository, with the standard library alone."""

import csv
import json
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

DELIMITED, JSON_LINES = (".csv", ".tsv"), (".jsonl", ".ndjson")
SAMPLE_ROWS = 500
SAMPLE_BYTES = 1_000_000
Columns = Mapping[str, list[str]]


def read_columns(path: Path, suffix: str) -> Columns:
    """Return the first values of each column of a table; those of Parquet only by name."""
    if suffix in DELIMITED + JSON_LINES:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines = list(islice(file.read(SAMPLE_BYTES).splitlines(), SAMPLE_ROWS))
        return _parse_json_lines(lines) if suffix in JSON_LINES else _parse_delimited(lines)
    if suffix == ".parquet":
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - SAMPLE_BYTES))
            end_of_file = file.read()
        footer = end_of_file[-8 - int.from_bytes(end_of_file[-8:-4], "little") :].decode("utf-8", "replace")
        return {name: [] for name in re.findall(r"[A-Za-z_][\w-]+", footer)}
    return {}


def _parse_delimited(lines: list[str]) -> Columns:
    header = lines[0].removeprefix("\ufeff") if lines else ""
    delimiter = max(",;\t|", key=header.count)
    try:
        names, *rows = csv.reader([header, *lines[1:]], delimiter=delimiter)
    except (csv.Error, ValueError):
        return {}
    return {name: [row[at] for row in rows if at < len(row)] for at, name in enumerate(names)}


def _parse_json_lines(lines: list[str]) -> Columns:
    columns: dict[str, list[str]] = {}
    for line in lines:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        for name, value in record.items() if isinstance(record, dict) else ():
            columns.setdefault(name, []).append(str(value))
    return columns
