"""Tables with personal data stay out of git, whatever their form; others may be committed."""

from pathlib import Path

import duckdb
import pytest
from edits import PIPELINE, append, list_findings, replace

TABLE = "examples/table"


def find_kinds(project: Path) -> list[str]:
    return [f.message for f in list_findings(project) if f.code == "PRC049" and f.path.startswith(TABLE)]


@pytest.mark.parametrize(
    ("suffix", "text", "kind"),
    [
        ("csv", "id,email\n1,\n", "an e-mail address"),
        ("csv", "\ufeffEmail;id\nx;1\n", "an e-mail address"),
        ("tsv", "id\tLast Name\n1\tx\n", "a person's name"),
        ("csv", "id,contact\n1,ada@example.org\n2,\n3,grace@example.org\n", "an e-mail address"),
        ("csv", "id,who\n1,Maria Schmidt\n2,John Smith\n", "a person's name"),
        ("csv", "a,b\n1,+49 30 1234567\n", "a phone number"),
        ("jsonl", '{"id": 1, "dateOfBirth": "1990-01-01"}\n', "a day of birth"),
        ("ndjson", 'no json\n{"x": "DE89 3704 0044 0532 0130 00"}\n', "a bank account"),
    ],
)
def test_a_table_with_personal_data_is_named_with_its_column(project: Path, suffix: str, text: str, kind: str) -> None:
    append(f"{TABLE}.{suffix}", text)(project)
    (message,) = find_kinds(project)
    assert kind in message


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("csv", ""),
        ("csv", "\n\n"),
        ("csv", "id,origin,delay\n1,JFK,12\n"),
        ("csv", "id,phone_service,mailing\n1,Yes,3\n2,No,4\n"),
        ("csv", 'id,note\n1,"open quote\n'),
        ("csv", "when,number\n2013-01-01,555\n2013-01-02,556\n"),
        ("jsonl", "[1, 2]\n3\n"),
        ("parquet", "not a table"),
    ],
)
def test_a_table_without_personal_data_may_be_committed(project: Path, suffix: str, text: str) -> None:
    append(f"{TABLE}.{suffix}", text)(project)
    assert find_kinds(project) == []


@pytest.mark.parametrize(("column", "found"), [("last_name", 1), ("origin", 0)])
def test_the_columns_of_a_parquet_file_are_looked_at(project: Path, column: str, found: int) -> None:
    path = project / f"{TABLE}.parquet"
    duckdb.execute(f"copy (select 1 as id, 'x' as {column}) to '{path}'")
    assert len(find_kinds(project)) == found


def test_a_column_that_was_looked_at_and_a_table_that_is_allowed_may_stay(project: Path) -> None:
    append(f"{TABLE}.csv", "id,street\n1,x\n")(project)
    assert len(find_kinds(project)) == 1
    replace(PIPELINE, "[privacy]\n", '[privacy]\nnot_personal = ["street"]\n')(project)
    assert find_kinds(project) == []
    append(f"{TABLE}.csv", "2,ada@example.org\n3,grace@example.org\n")(project)
    append("examples/table2.csv", "email\n")(project)
    assert len(find_kinds(project)) == 1
    append("process.toml", f'\n[allow]\npaths = ["{TABLE}2.csv"]\n')(project)
    assert find_kinds(project) == []


def test_a_table_that_cannot_be_looked_into_warns(project: Path) -> None:
    (project / f"{TABLE}.xlsx").write_bytes(b"PK")
    assert find_kinds(project) == []
    assert "PRC049" in {f.code for f in list_findings(project, warnings=True)}
