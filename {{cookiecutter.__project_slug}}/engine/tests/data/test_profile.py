import pytest
from conftest import edit, run_sql
from variants import become

from mlteam.commands import profile
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.config.splits import HashSplits
from mlteam.data import changes, snapshot
from mlteam.data.changes import Change
from mlteam.data.snapshot import Snapshot

HOSTILE = "<script>alert(''x'')</script>&"


def page(spec: Spec, before: Snapshot | None = None) -> str:
    return profile.write_snapshot_page(spec, snapshot.take(spec), before).read_text()


def test_every_column_is_drawn_but_the_key(spec: Spec, capsys: pytest.CaptureFixture[str]) -> None:
    html = page(spec)
    columns = ["late", "carrier", "hour", "wind; missing in 14.3 %", "day"]
    assert all(f"<figcaption>{column}</figcaption>" in html for column in columns)
    assert "<figcaption>id" not in html
    assert "F1000" not in html
    assert "Share of late = true by month" in html
    assert "This is the first snapshot" in html
    assert "1,500 rows, 6 columns" in capsys.readouterr().out


def test_what_changed_since_the_snapshot_before_is_said(spec: Spec) -> None:
    before = snapshot.take(spec)
    run_sql("""
        delete from features.flights where carrier = 'XX' and hour > 6;
        update features.flights set wind = 3 where wind is null;
        alter table features.flights add column extra integer;
    """)
    found = {
        (change.column, change.what): change for change in changes.compare_snapshots(spec, before, snapshot.take(spec))
    }
    assert found["", "rows"].before == "1,500"
    assert found["extra", "column"] == Change("extra", "column", "not there", "new")
    assert found["wind", "missing"].now == "0.00 %"
    assert found["carrier", "most frequent"].before == "YY (66.7%)"
    assert ("hour", "median") in found
    assert ("id", "most frequent") not in found


def test_the_same_rows_have_not_changed(spec: Spec) -> None:
    taken = snapshot.take(spec)
    assert changes.compare_snapshots(spec, taken, taken) == []
    assert "Rows, missing values, medians and most frequent values are those of" in page(spec, taken)


def test_texts_of_the_data_stay_texts(spec: Spec) -> None:
    run_sql(f"update features.flights set carrier = '{HOSTILE}' where carrier = 'XX'")
    run_sql(f"""alter table features.flights rename column wind to "{HOSTILE.replace("''", "'")}" """)
    edit(spec.path, ', "wind"', "")
    html = page(pipelines.load_spec(None))
    assert "<script" not in html
    assert "&lt;script&gt;alert" in html
    assert "http://" not in html.replace("http://www.w3.org/", "")


def test_the_page_stays_small_whatever_the_data(spec: Spec) -> None:
    wide = ", ".join(f"md5(id || '{i}')[:2] as a_column_with_a_rather_long_name_{i}" for i in range(300))
    wide += ", repeat(carrier, 900) as long"
    run_sql(f"create or replace table features.flights as select *, {wide} from features.flights")
    html = page(spec)
    assert len(html) < 3_000_000
    assert "nor are the last 247 columns" in html


def test_rare_values_of_a_personal_column_are_not_shown(spec: Spec) -> None:
    run_sql("""
        alter table features.flights add column town varchar; alter table features.flights add column age integer;
        update features.flights set town = case when hour < 12 then 'Big' else 'Large' end, age = 30 + hour;
    """)
    edit(spec.path, 'none_because = "made up"', 'quasi_identifiers = ["town", "age"]\nk = 2')
    spec = pipelines.load_spec(None)
    taken = snapshot.take(spec)
    run_sql("update features.flights set town = 'Tiny', age = 98765 where id in ('F7', 'F8')")
    strict = spec.model_copy(update={"privacy": spec.privacy.model_copy(update={"k": 3})})
    lax = snapshot.take(spec)
    html = profile.write_snapshot_page(strict, lax, taken).read_text()
    assert "Large" in html
    assert "Tiny" not in html
    assert "98765" not in html


@pytest.mark.parametrize(
    ("task", "label", "mean"),
    [
        ("multiclass", "case when hour < 8 then 'early' when late then 'late' else 'fine' end", None),
        ("regression", "hour * 2", "Mean target by month"),
    ],
)
def test_every_task_has_its_page(spec: Spec, task: str, label: str, mean: str | None) -> None:
    html = page(become(spec, task, label, '["r2"]' if mean else '["accuracy"]'))
    assert "Rows by month" in html
    assert mean is None or mean in html


def test_types_that_are_neither_number_nor_text_are_drawn_or_left_out(spec: Spec) -> None:
    run_sql("""
        alter table features.flights add column moment timestamp; update features.flights set moment = day;
        alter table features.flights add column price decimal(9, 2); update features.flights set price = hour + 0.5;
        alter table features.flights add column never integer;
        alter table features.flights add column unbounded double; update features.flights set unbounded = 'inf';
    """)
    html = page(spec)
    assert "<figcaption>moment</figcaption>" in html
    assert "<figcaption>never" not in html


def test_time_is_counted_by_day_where_it_is_short(spec: Spec) -> None:
    run_sql("update features.flights set day = date '2013-01-01' + cast(hour as integer)")
    assert "Rows by day" in page(spec.model_copy(update={"splits": HashSplits(by="key", column="id")}))
