"""All versions side by side: the table that `nox -s history` writes, one metric over time.

With a browser: `uv run marimo edit notebooks/look_back.py`.
Without one: `uv run python notebooks/look_back.py`, which fails if a cell does.
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import altair
    import duckdb
    import marimo as mo
    import mlteam

    return altair, duckdb, mlteam, mo


@app.cell
def _(mlteam, mo):
    # Found from the file, because a notebook may be opened from any folder.
    names = mlteam.list_pipelines(start=__file__)
    mo.stop(not names, mo.md("There is no pipeline yet: `nox -s new_pipeline` creates one."))
    pipeline = mo.ui.dropdown(names, value=names[0], label="Pipeline")
    mo.hstack([pipeline], justify="start")
    return (pipeline,)


@app.cell
def _(mlteam, mo, pipeline):
    reports = mlteam.open(pipeline.value, start=__file__).reports
    patterns = (f"{pipeline.value}-history.parquet", f"{pipeline.value}-rescored-*.parquet")
    tables = sorted((path for pattern in patterns for path in reports.glob(pattern)), reverse=True)
    mo.stop(not tables, mo.md("There is no table yet: `nox -s history -- --rescore test` writes one."))
    table = mo.ui.dropdown({path.stem: str(path) for path in tables}, value=tables[0].stem, label="Table")
    mo.hstack([table], justify="start")
    return (table,)


@app.cell
def _(duckdb, mo, table):
    rows = duckdb.read_parquet(table.value)
    metrics = [name for (name,) in rows.query("rows", "select distinct metric from rows order by metric").fetchall()]
    metric = mo.ui.dropdown(metrics, value=metrics[0], label="Metric")
    mo.hstack([metric], justify="start")
    return metric, rows


@app.cell
def _(duckdb, metric, mo, rows):
    chosen = rows.filter(duckdb.ColumnExpression("metric") == duckdb.ConstantExpression(metric.value))
    found = chosen.order('dataset, version, "when"').to_arrow_table().to_pylist()
    mo.ui.table(found, selection=None)
    return (found,)


@app.cell
def _(altair, found, metric, mo):
    values = [{**row, "when": row["when"].isoformat()} for row in found if row["value"] is not None]
    chart = altair.Chart(altair.Data(values=values)).encode(
        x=altair.X("version:O", title="Version"), color=altair.Color("dataset:N", title="Dataset")
    )
    span = chart.mark_rule().encode(
        y=altair.Y("low:Q", title=metric.value, scale=altair.Scale(zero=False)), y2="high:Q"
    )
    mo.ui.altair_chart(span + chart.mark_point(filled=True).encode(y="value:Q"))


if __name__ == "__main__":
    app.run()
