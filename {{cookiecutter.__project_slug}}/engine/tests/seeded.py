"""Small projects with SQL of their own, in which leaks are seeded."""

import shutil
import tomllib
from pathlib import Path

from conftest import REPOSITORY, SPEC, run_sql

from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.data import warehouse

PROJECTS = Path(__file__).parent / "data" / "time_travel"
HASH = '[splits]\nby = "group"\ncolumn = "{group}"\n'


def lay_out_project(name: str) -> Spec:
    """Bring a project into the working directory, build its SQL and read its pipeline."""
    given = tomllib.loads((PROJECTS / name / "pipeline.toml").read_text())
    shutil.copytree(PROJECTS / name / "models", "sql/models/features")
    shutil.copy(PROJECTS / name / "sources.yml", "sql/models")
    for part in ("macros/portable.sql", "dbt_project.yml", "profiles.yml"):
        Path("sql", part).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "sql" / part, Path("sql", part))
    Path("team.toml").write_text('stage = "prototype"\n')
    Path("data").mkdir()
    run_sql((PROJECTS / name / "rows.sql").read_text())
    warehouse.build(lambda _: None)
    table = f"{name.removesuffix('s')}_features"
    with warehouse.connect() as connection:
        columns = [column for column, *_ in connection.execute(f"describe features.{table}").fetchall()]
    features = [column for column in columns if column.startswith(("ok_", "leak_"))]
    text = SPEC
    if "group" in given:
        by_time = text[text.index("[splits]") : text.index("[model]")]
        text = text.replace(by_time, HASH.format(**given))
    for old, new in (
        ("features.flights", f"features.{table}"),
        ('key = "id"', f'key = "{given["key"]}"'),
        ('time = "day"', f'time = "{given["time"]}"' if "time" in given else ""),
        ('label = "late"', f'label = "{given["label"]}"'),
        ('categorical = ["carrier"]\nnumeric = ["hour", "wind"]', f"numeric = {features}".replace("'", '"')),
        ('slices = ["carrier", "hour"]', "slices = []"),
    ):
        assert old in text
        text = text.replace(old, new)
    Path("pipelines").mkdir()
    Path("pipelines", f"{name}.toml").write_text(text)
    return pipelines.load_spec(None)
