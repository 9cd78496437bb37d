import pytest
from conftest import edit, run_sql

from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core.errors import ProjectError
from mlteam.data import validation, warehouse


def refusal(spec: Spec) -> str:
    with warehouse.connect() as connection, pytest.raises(ProjectError) as caught:
        validation.check_relation(connection, spec)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("alter table features.flights rename wind to winds", "has no column 'wind'\ndid you mean 'winds'?"),
        ("alter table features.flights add column delay integer", "contains delay, known only after the event"),
        ("update features.flights set id = 'F1' where id in ('F2', 'F3')", "key id repeats in 2 of 1,500 rows"),
        ("update features.flights set id = null where id = 'F2'", "key id is missing in 1 of 1,500 rows"),
        ("update features.flights set wind = 'nan' where id = 'F2'", "wind is NaN or infinite in 1 rows"),
        ("update features.flights set wind = '-inf' where id = 'F2'", "wind is NaN or infinite in 1 rows"),
        ("update features.flights set late = true", "has 1 class(es) of late, binary needs 2"),
        ("update features.flights set late = null where id = 'F2'", "has 1 rows without a label"),
        ("delete from features.flights where day >= '2013-04-01'", "split test (2013-04-01 until 2013-06-01) has no"),
        ("delete from features.flights", "features.flights has no rows"),
        ("alter table features.flights rename to flight", "has no relation features.flights\ndid you mean"),
    ],
)
def test_rows_that_cannot_train_a_model_are_refused_with_the_count(spec: Spec, sql: str, said: str) -> None:
    run_sql(sql)
    assert said in refusal(spec)


def test_the_warehouse_must_have_been_built(spec: Spec) -> None:
    from mlteam.core.paths import WAREHOUSE

    WAREHOUSE.unlink()
    with pytest.raises(ProjectError, match="the warehouse has not been built yet"), warehouse.connect():
        pass


def test_a_slice_that_is_no_column_is_refused(spec: Spec) -> None:
    edit(spec.path, 'slices = ["carrier", "hour"]', 'slices = ["carier"]')
    assert "has no column 'carier'\ndid you mean 'carrier'?" in refusal(pipelines.load_spec(None))
