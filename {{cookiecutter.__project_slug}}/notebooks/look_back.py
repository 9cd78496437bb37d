"""All versions side by side: the table that `nox -s history` writes, one metric over time.

With a browser: `uv run marimo edit notebooks/look_back.py`.
Without one: `uv run python notebooks/look_back.py`, which fails if a cell does.
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import pathlib

    import altair
    import duckdb
    import marimo as mo

    return altair, duckdb, mo, pathlib


@app.cell
def _(mo, pathlib):
    # Seen from the file, because a notebook may be opened from any folder.
    reports = pathlib.Path(__file__).resolve().parent.parent / "data" / "reports"
    tables = sorted([*reports.glob("*-history.parquet"), *reports.glob("*-rescored-*.parquet")], reverse=True)
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
