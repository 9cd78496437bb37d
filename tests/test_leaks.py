"""Features of real flights that use what was not yet known are named by `time_travel`; others raise no alarm."""

import re
from pathlib import Path

import baking
import pytest

pytestmark = pytest.mark.slow

MODEL = "sql/models/features/flight_features"
LATE = "cast(is_late as integer)"
DAY = "order by flight_date range between interval 28 day preceding and"
LEAKS = {
    "late_rate_of_day": f"avg({LATE}) over (partition by flight_date)",
    "late_rate_of_carrier": f"avg({LATE}) over (partition by carrier)",
    "late_rate_of_month": f"avg({LATE}) over (partition by origin, dest, date_trunc('month', flight_date))",
    "late_rate_to_today": f"avg({LATE}) over (partition by origin {DAY} current row)",
    "late_share_of_all": f"avg({LATE}) over ()",
    "next_is_late": f"lead({LATE}) over carrier_flights",
    "own_label": f"{LATE} + distance_miles",
    "flights_of_day": "count(*) over (partition by flight_date, carrier)",
    "next_visibility": "lead(visibility_miles) over (partition by origin order by flight_date, departure, flight_id)",
    "coldest_of_day": "min(temperature_f) over (partition by origin, flight_date)",
    "warmest_of_day": "max(temperature_f) over (partition by origin, flight_date)",
    "rank_of_wind": "percent_rank() over (order by wind_speed_mph)",
    # A flight is a row only if it lands, which is not known while it is in the air.
    "previous_departure": "lag(departure) over carrier_flights",
    "previous_temperature": "lag(temperature_f) over (partition by origin order by flight_date, departure, flight_id)",
    "place_in_day": "row_number() over (partition by origin, flight_date order by departure, flight_id)",
}
KNOWN = {
    "doubled_distance": "distance_miles * 2",
    "day_of_year": "extract(doy from flight_date)",
    "late_rate_before": f"avg({LATE}) over (partition by origin {DAY} interval 1 day preceding)",
    "flights_before": f"count(*) over (partition by carrier {DAY} interval 1 day preceding)",
    "wind_by_visibility": "wind_speed_mph / (1 + visibility_miles)",
    "is_weekend": "iso_day_of_week >= 6",
    "late_rate_by_seats": "route_late_rate_28d * seats",
}


@pytest.fixture(scope="module")
def project(demonstrated: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demonstrated project with more features; its environment is the original's."""
    root = tmp_path_factory.mktemp("leaks") / "flights"
    baking.copy(demonstrated[0], root, ".git", "snapshots", "artifacts")
    sql, described = root / f"{MODEL}.sql", root / f"{MODEL}.yml"
    columns = ",\n    ".join(f"{text} as {name}" for name, text in (LEAKS | KNOWN).items())
    around = (
        "with known as (",
        sql.read_text(),
        "), clocks as (select *, scheduled_departure_minutes as departure from known)",
        "select * exclude (departure),",
        columns,
        "from clocks",
        "window carrier_flights as (partition by carrier order by flight_date, departure, flight_id)",
    )
    sql.write_text("\n".join(around) + "\n")
    # What the contract and the unit tests say is about the columns before.
    text = re.sub(r"\nunit_tests:.*", "\n", described.read_text(), flags=re.DOTALL)
    described.write_text(text.replace("contract: {enforced: true}", "contract: {enforced: false}"))
    pipeline = root / "pipelines" / "flight_delays.toml"
    names = "".join(f'    "{name}",\n' for name in LEAKS | KNOWN)
    pipeline.write_text(re.sub(r'(    "carrier_late_rate_28d",\n)', rf"\1{names}", pipeline.read_text()))
    return root


def test_leaks_are_named_with_their_path_and_nothing_else_is(demonstrated: tuple[Path, str], project: Path) -> None:
    command = demonstrated[0] / ".venv" / "bin" / "mlteam"
    built = baking.run(command, "data", cwd=project)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "time travel: not checked since a change" in built.stderr
    done = baking.run(command, "time_travel", cwd=project)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    said = set(re.findall(r"(?m)^leak: (\w+) differs in [\d,]+ rows, such as \S+: ", done.stdout))
    assert said == set(LEAKS)
    assert (
        "late_rate_of_day ← flight_features ← flown_flights ← stg_flights ← nycflights.flights.arr_delay" in done.stdout
    )
    assert done.stderr.startswith(f"error: {MODEL}.sql: ")


def test_the_shipped_features_pass(demonstrated: tuple[Path, str]) -> None:
    done = baking.run(demonstrated[0] / ".venv" / "bin" / "mlteam", "time_travel", cwd=demonstrated[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"0 of \d+ features differ on [\d,]+ rows when rebuilt from what was known", done.stdout)
    assert "without a known_at: nycflights.planes, nycflights.airports" in done.stdout


def test_every_drill_is_noticed(demonstrated: tuple[Path, str]) -> None:
    done = baking.run(demonstrated[0] / ".venv" / "bin" / "mlteam", "drills", cwd=demonstrated[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 noticed, 0 missed, 0 not run" in done.stdout
