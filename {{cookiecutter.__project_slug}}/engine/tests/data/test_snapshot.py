import datetime as dt
import shutil
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import edit, run_sql
from hypothesis import given
from hypothesis import strategies as st

from mlteam.config.spec import Spec
from mlteam.core import provenance
from mlteam.core.errors import ProjectError
from mlteam.core.files import write_json
from mlteam.core.paths import SNAPSHOTS
from mlteam.data import datasets, parts, snapshot
from mlteam.data.digest import TableDigest
from mlteam.data.targets import PROFILES


def digest(table: pa.Table, rows: int = 1000) -> str:
    made = TableDigest(table.schema)
    for batch in table.to_batches(max_chunksize=rows):
        made.update(batch)
    return made.hexdigest()


def test_the_same_rows_give_the_same_snapshot(spec: Spec) -> None:
    first = snapshot.take(spec)
    run_sql("create or replace table features.flights as select * from features.flights order by random()")
    second = snapshot.take(spec)
    assert second == first
    assert [path.name for path in SNAPSHOTS.joinpath(spec.name).iterdir() if path.is_dir()] == [first.folder.name]


def test_one_changed_value_gives_another_snapshot_and_leaves_the_old_one(spec: Spec) -> None:
    first = snapshot.take(spec)
    run_sql("update features.flights set wind = 1.5 where id = 'F8'")
    assert snapshot.take(spec).digest != first.digest
    assert snapshot.load_newest(spec.name).digest != first.digest
    assert snapshot.load(spec.name, first.digest) == first


@pytest.mark.parametrize("later", ["2026-01-02T00:00:00+00:00", "2026-01-01T00:00:00+00:00"])
def test_the_snapshot_before_is_found(spec: Spec, monkeypatch: pytest.MonkeyPatch, later: str) -> None:
    monkeypatch.setattr(provenance, "get_timestamp", lambda: "2026-01-01T00:00:00+00:00")
    first = snapshot.take(spec)
    assert snapshot.load_previous(first) is None
    run_sql("update features.flights set wind = 1.5 where id = 'F8'")
    monkeypatch.setattr(provenance, "get_timestamp", lambda: later)
    assert snapshot.load_previous(snapshot.take(spec)) == first


def test_metadata_says_where_rows_came_from_and_what_columns_hold(spec: Spec) -> None:
    metadata = snapshot.take(spec).metadata
    assert metadata["rows"] == 1500
    assert {"created_at", "created_by", "git_commit", "libraries", "sources"} <= set(metadata)
    wind = next(column for column in metadata["columns"] if column["name"] == "wind")
    assert float(wind["missing_pct"]) == pytest.approx(100 * 215 / 1500, abs=0.01)


def test_the_warehouse_is_read_by_the_settings_that_it_is_built_by(spec: Spec) -> None:
    run_sql("alter table features.flights add column seen timestamptz")
    edit(PROFILES, "TimeZone: UTC", "TimeZone: Asia/Tokyo")
    assert pa.parquet.read_schema(*snapshot.take(spec).hashes).field("seen").type.tz == "Asia/Tokyo"


def test_a_table_that_needs_more_memory_than_it_may_have_names_the_line_to_change(spec: Spec) -> None:
    many = "select * replace (id || range as id) from features.flights, range(500)"
    run_sql(f"create or replace table features.flights as {many}")
    edit(PROFILES, "memory_limit: 1GB", "memory_limit: 20MB")
    edit(PROFILES, "temp_directory: data/tmp", 'temp_directory: ""')
    with pytest.raises(ProjectError, match=r"^sql/profiles.yml: Out of Memory Error: .*\nraise memory_limit") as caught:
        snapshot.take(spec)
    assert str(caught.value).count("\n") == 1
    assert not list(SNAPSHOTS.glob("**/*.part"))


def test_an_altered_snapshot_is_refused(spec: Spec) -> None:
    taken = snapshot.take(spec)
    (part,) = taken.hashes
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(ProjectError, match="has changed since it was taken"):
        snapshot.load_newest(spec.name)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 700)
    monkeypatch.setattr(snapshot, "BATCH_ROWS", 300)


def test_rows_in_parts_are_those_of_one_file(spec: Spec, small_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    several = snapshot.take(spec)
    assert [pa.parquet.read_metadata(path).num_rows for path in several.hashes] == [600, 600, 300]
    found = read_all(several, spec)
    shutil.rmtree(several.folder)
    monkeypatch.setattr(parts, "PART_ROWS", 1500)
    one = snapshot.take(spec)
    assert len(one.hashes) == 1
    assert one.digest == several.digest
    assert read_all(one, spec) == found


def read_all(taken: snapshot.Snapshot, spec: Spec) -> tuple[object, ...]:
    """Rows as a whole and by column, and what the metadata says of them."""
    lazy = datasets.LazySnapshotTable(taken, spec, "train")
    columns = {column["name"]: column["missing_pct"] for column in taken.metadata["columns"]}
    whole = datasets.read_snapshot_rows(taken, spec, "train")
    return whole, [lazy[name].to_pylist() for name in lazy.column_names], taken.metadata["rows"], columns


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_part_is_checked_when_a_snapshot_is_opened(spec: Spec, small_parts: None, number: int) -> None:
    part = list(snapshot.take(spec).hashes)[number]
    part.unlink()
    with pytest.raises(ProjectError, match=f"part-0000{number}.parquet: snapshot .* has changed since it was taken"):
        snapshot.load_newest(spec.name)


def test_a_snapshot_of_an_earlier_release_opens(spec: Spec) -> None:
    taken = snapshot.take(spec)
    rows = datasets.read_snapshot_rows(taken, spec, "test")
    ((part, sha256),) = taken.hashes.items()
    part.rename(taken.folder / "data.parquet")
    metadata = taken.metadata | {"parquet_sha256": sha256}
    write_json(taken.folder / "metadata.json", {k: v for k, v in metadata.items() if k != "files"})
    opened = snapshot.load_newest(spec.name)
    assert list(opened.hashes) == [taken.folder / "data.parquet"]
    assert datasets.read_snapshot_rows(opened, spec, "test") == rows
    assert snapshot.take(spec) == opened


def test_no_snapshot_yet_says_what_to_run(spec: Spec) -> None:
    with pytest.raises(ProjectError, match="no snapshot yet\nrun `nox -s data`"):
        snapshot.load_newest(spec.name)


def test_a_failure_leaves_nothing_half_written(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_collect_metadata", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        snapshot.take(spec)
    assert list((SNAPSHOTS / spec.name).iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(spec: Spec) -> None:
    left = SNAPSHOTS / spec.name / ".snapshot.0123.part"
    (left / "rows").mkdir(parents=True)
    (left / "rows" / "part-00000.parquet").write_bytes(b"half")
    snapshot.take(spec)
    assert not left.exists()


VALUES = st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=20)


@given(VALUES, st.integers(1, 20))
def test_the_digest_does_not_depend_on_the_size_of_batches(values: list[str | None], rows: int) -> None:
    table = pa.table({"x": pa.array(values, pa.string())})
    assert digest(table, rows) == digest(table)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: list[str | None], other: list[str | None]) -> None:
    tables = [pa.table({"x": pa.array(values, pa.string())}) for values in (one, other)]
    assert (digest(tables[0]) == digest(tables[1])) == (one == other)


ZEROS = [0, 0.0, False, "", dt.date(1970, 1, 1), dt.datetime(1970, 1, 1), Decimal("0.00")]


@pytest.mark.parametrize("zero", ZEROS, ids=repr)
def test_a_missing_value_is_not_a_zero(zero: object) -> None:
    present = pa.table({"x": pa.array([zero])})
    missing = pa.table({"x": pa.array([None], present["x"].type)})
    assert digest(missing) != digest(present)
