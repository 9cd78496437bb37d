"""Two engines that build the same from the same rows are told so; a cell, a row or a column that differs is named."""

from collections.abc import Iterator

import pytest
from conftest import run_sql
from seeded import lay_out_project

from mlteam.commands import parity as command
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import parity, targets, warehouse
from mlteam.data.targets import Target

PROD = Target("prod", "postgres", {})
TABLE = "features.patient_features"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spec]:
    """A project whose sources and relation are in the warehouse, as if copied from another engine."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("patients"))
        yield lay_out_project("patients")


def change(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Let the other engine have built something else, until the end of the test."""
    run_sql(f"create or replace table kept as from {TABLE}; {statement}")
    monkeypatch.setattr(targets, "load_target", lambda _: PROD)
    monkeypatch.setattr(command, "build_tables", lambda *_: None)


@pytest.fixture(autouse=True)
def restore(built: Spec) -> Iterator[None]:
    """Put the relation back after each test."""
    yield
    with warehouse.connect() as connection:
        tables = connection.execute("show tables").fetchall()
    if ("kept",) in tables:
        run_sql(f"create or replace table {TABLE} as from kept; drop table kept")


def test_the_same_rows_are_said_to_be_the_same(
    built: Spec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The last digits of a sum depend on the order of its rows.
    change(monkeypatch, f"update {TABLE} set ok_mean_age = ok_mean_age * (1 + 1e-12)")
    command.compare_engines(built, "prod")
    said = " ".join(capsys.readouterr().out.split())
    with warehouse.connect() as connection:
        (rows,) = connection.execute(f"select count(*) from {TABLE}").fetchone() or (0,)
    assert f"{rows:,} rows and" in said
    assert "are the same on prod (postgres) and here, numbers within 1e-09" in said


def test_what_differs_is_named_with_column_key_and_model(
    built: Spec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with warehouse.connect() as connection:
        keys = [key for (key,) in connection.execute(f"select {built.data.key} from {TABLE} order by 1").fetchall()]
    change(
        monkeypatch,
        f"update {TABLE} set ok_age = null where {built.data.key} = {keys[3]!r};"
        f"update {TABLE} set ok_mean_age = ok_mean_age + 1e-6;"
        f"delete from {TABLE} where {built.data.key} = {keys[1]!r};"
        f"update {TABLE} set {built.data.key} = {keys[-1]!r} * 2 where {built.data.key} = {keys[2]!r};"
        f"alter table {TABLE} add column noted integer",
    )
    found = parity.check_parity(built, PROD)
    differences = {difference.column: difference for difference, _ in found.differences}
    assert set(differences) == {"ok_age", "ok_mean_age"}
    assert (differences["ok_age"].rows, differences["ok_age"].example) == (1, str(keys[3]))
    assert differences["ok_age"].value == "null"
    assert differences["ok_mean_age"].rows == found.rows == len(keys) - 2
    assert found.lone == ((1, str(keys[-1] * 2)), (2, str(keys[1])))
    assert found.missing == ("noted",)
    with pytest.raises(
        ProjectError, match=rf"patient_features\.sql: {TABLE} differs between prod \(postgres\) and here"
    ):
        command.compare_engines(built, "prod")
    said = capsys.readouterr().out
    assert "ok_mean_age ← patient_features ← " in said
    assert f"2 rows are only here, such as {keys[1]}" in said
    assert "columns of one build only: noted" in said


def test_sql_that_runs_there_only_is_named(built: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    model = next(path for path in built.path.parent.parent.rglob("patient_features.sql") if "target" not in path.parts)
    text = model.read_text()
    model.write_text(text.replace("select", "select to_char(current_date, 'YYYY') as said_year,", 1))
    try:
        with pytest.raises(ProjectError, match=r"runs on prod \(postgres\), but not here: .*to_char"):
            parity.check_parity(built, PROD)
    finally:
        model.write_text(text)


def test_the_warehouse_here_is_no_other_engine(built: Spec) -> None:
    with pytest.raises(ProjectError, match="target dev is the warehouse here, so there is nothing to compare it with"):
        command.compare_engines(built, None)
