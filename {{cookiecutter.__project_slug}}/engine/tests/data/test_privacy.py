"""Persons stay hidden: groups are counted as a well-known library counts them, and messages never show a value."""

from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlteam.config.privacy import Privacy
from mlteam.core.errors import ProjectError
from mlteam.data.anonymity import Anonymity, check_privacy, find_personal_columns, measure_anonymity

PATIENTS = [("1970s", "N", "flu"), ("1970s", "N", "asthma"), ("1980s", "S", "flu"), ("1980s", "S", "flu")]


DECLARED = Privacy(quasi_identifiers=("decade", "region"), sensitive=("illness",), k=2, l=1)


def patients(rows: Sequence[tuple[str | None, ...]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create table patients (decade varchar, region varchar, illness varchar)")
    if rows:
        connection.executemany("insert into patients values (?, ?, ?)", rows)
    return connection


def column(name: str, values: list[str]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f'create table people ("{name}" varchar)')
    connection.executemany("insert into people values (?)", [(value,) for value in values])
    return connection


def test_k_is_the_smallest_group_and_l_the_fewest_values_in_one() -> None:
    assert measure_anonymity(patients(PATIENTS), "patients", DECLARED) == Anonymity(4, 2, 0, 1, 0)


def test_rows_without_quasi_identifiers_are_only_counted() -> None:
    assert measure_anonymity(patients(PATIENTS), "patients", Privacy(none_because="public records")) == Anonymity(4)


def test_no_rows_reveal_nobody() -> None:
    assert measure_anonymity(patients([]), "patients", DECLARED) == Anonymity(0)


def test_a_missing_value_singles_out_like_any_other() -> None:
    assert measure_anonymity(patients([*PATIENTS, (None, "N", "flu")]), "patients", DECLARED).k == 1


def test_a_group_that_is_too_small_is_refused_with_counts_and_without_values() -> None:
    with pytest.raises(ProjectError) as refused:
        check_privacy(patients([*PATIENTS, ("1930s", "N", "gout")]), "patients", DECLARED, "pipelines/p.toml")
    assert str(refused.value).startswith("pipelines/p.toml: k is 1, 2 is required: 1 of 5 rows are in smaller groups")
    assert "gout" not in str(refused.value)
    assert "1930s" not in str(refused.value)


def test_a_group_that_is_too_alike_is_refused() -> None:
    with pytest.raises(ProjectError, match="l is 1, 2 is required: 1 groups have fewer values"):
        check_privacy(patients(PATIENTS), "patients", DECLARED.model_copy(update={"l": 2}), "pipelines/p.toml")


def test_larger_and_more_diverse_groups_than_required_are_fine() -> None:
    rows = [*PATIENTS, *PATIENTS, ("1980s", "S", "gout"), ("1980s", "S", "asthma")]
    found = check_privacy(patients(rows), "patients", DECLARED, "pipelines/p.toml")["found"]
    assert (found["k"], found["l"]) == (4, 2)


def test_only_texts_are_searched_for_personal_values() -> None:
    connection = duckdb.connect()
    connection.execute("create table people as select 4915112345678 as number, date '2024-01-01' as day, 'a' as word")
    assert find_personal_columns(connection, "people", Privacy(none_because="made up")) == []


def test_a_declared_identifier_must_not_be_in_the_rows() -> None:
    with pytest.raises(ProjectError, match="the rows contain illness, declared as identifiers of persons"):
        check_privacy(patients(PATIENTS), "patients", Privacy(identifiers=("illness",)), "pipelines/p.toml")


def test_a_declared_column_that_the_rows_do_not_have_is_named() -> None:
    with pytest.raises(ProjectError, match="names 'postcode', which the rows do not have"):
        check_privacy(patients(PATIENTS), "patients", Privacy(quasi_identifiers=("postcode",)), "pipelines/p.toml")


def test_what_was_required_and_found_is_recorded() -> None:
    record = check_privacy(patients(PATIENTS), "patients", DECLARED, "pipelines/p.toml")
    assert record["found"]["k"] == record["required"]["k"] == 2
    assert record["scanned"] == 3


@pytest.mark.parametrize(
    ("name", "looks_like"),
    [
        ("email", "an e-mail address"),
        ("customerEmail", "an e-mail address"),
        ("first_name", "a person's name"),
        ("mobile-phone", "a phone number"),
        ("date_of_birth", "a day of birth"),
    ],
)
def test_a_column_can_look_personal_by_its_name(name: str, looks_like: str) -> None:
    (found,) = find_personal_columns(column(name, ["x"]), "people", Privacy())
    assert (found.looks_like, found.share) == (looks_like, None)


@pytest.mark.parametrize(
    ("value", "looks_like"),
    [
        ("grace@navy.mil", "an e-mail address"),
        ("+44 20 7946 0958", "a phone number"),
        ("(212) 555-0199", "a phone number"),
        ("212-555-0199", "a phone number"),
        ("Mary Ann Evans", "a person's name"),
        ("John O'Neill", "a person's name"),
        ("DE44 5001 0517 5407 3249 31", "a bank account"),
    ],
)
def test_a_column_can_look_personal_by_its_values(value: str, looks_like: str) -> None:
    (found,) = find_personal_columns(column("note", [value, "nothing", "to see"]), "people", Privacy())
    assert (found.looks_like, round(found.share or 0, 2)) == (looks_like, 0.33)


@pytest.mark.parametrize("value", ["20130101-UA-1545-EWR", "N14228", "2013-01-01", "New York", "12345678901", "JFK"])
def test_keys_dates_places_and_numbers_do_not_look_personal(value: str) -> None:
    assert find_personal_columns(column("note", [value]), "people", Privacy()) == []


@pytest.mark.parametrize("name", ["carrier_name", "phoneme", "wind_direction_deg", "address_changes", "mailing"])
def test_a_word_that_only_contains_a_personal_one_is_left_alone(name: str) -> None:
    assert find_personal_columns(column(name, ["x"]), "people", Privacy()) == []


def test_a_suspect_column_stops_the_check_and_shows_no_value() -> None:
    with pytest.raises(ProjectError, match="looks like an e-mail address in 100% of the values looked at") as refused:
        check_privacy(column("note", ["grace@navy.mil"]), "people", Privacy(none_because="told so"), "pipelines/p.toml")
    assert "grace" not in str(refused.value)


@pytest.mark.parametrize(
    ("columns", "more"), [(1, ""), (2, "; 1 more columns like it"), (3, "; 2 more columns like it")]
)
def test_how_many_columns_look_personal_is_counted(columns: int, more: str) -> None:
    connection = duckdb.connect()
    names = ", ".join(f"{name} varchar" for name in ("email", "phone", "surname")[:columns])
    connection.execute(f"create table people ({names})")
    with pytest.raises(ProjectError) as refused:
        check_privacy(connection, "people", Privacy(none_because="nobody said"), "p.toml")
    assert refused.value.what.endswith(f"by its name{more}")


def test_a_column_that_was_looked_at_and_cleared_is_let_through() -> None:
    assert find_personal_columns(column("note", ["grace@navy.mil"]), "people", Privacy(not_personal=("note",))) == []


def test_columns_with_quotes_in_their_names_are_measured() -> None:
    connection = duckdb.connect()
    connection.execute('create table odd as select 1 as "a""b" from range(3)')
    assert measure_anonymity(connection, "odd", Privacy(quasi_identifiers=('a"b',))).k == 3


@pytest.mark.parametrize(
    "said",
    [
        {"sensitive": ("illness",)},
        {"none_because": "x", "identifiers": ("a",)},
        {"quasi": ("a",)},
        {"k": 1},
    ],
)
def test_a_declaration_that_protects_nobody_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"[Pp]rivacy"):
        Privacy.model_validate(said)


rows_of_text = st.lists(st.tuples(*[st.sampled_from(["a", "b", "c"])] * 3), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows_of_text)
def test_counts_agree_with_counting_by_hand(rows: list[tuple[str, ...]]) -> None:
    groups: dict[tuple[str, ...], list[str]] = {}
    for *quasi, illness in rows:
        groups.setdefault(tuple(quasi), []).append(illness)
    found = measure_anonymity(patients(rows), "patients", DECLARED)
    assert found.k == min(map(len, groups.values()))
    assert found.l == min(len(set(illnesses)) for illnesses in groups.values())
