"""A first look at the newest snapshot: its profile, and the distribution of one column.

With a browser: `uv run marimo edit notebooks/first_look.py`.
Without one: `uv run python notebooks/first_look.py`, which fails if a cell does.
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
    try:
        snapshot = mlteam.open(pipeline.value, start=__file__).snapshot()
    except mlteam.NotCreatedError as error:
        mo.stop(True, mo.md(str(error)))
    mo.md(f"Snapshot `{snapshot.digest[:12]}` of the pipeline `{pipeline.value}`")
    return (snapshot,)


@app.cell
def _(duckdb, mo, snapshot):
    rows = duckdb.read_parquet(snapshot.files)
    profile = rows.query(
        "rows", "select column_name, column_type, null_percentage, min, q50, max from (summarize rows)"
    )
    mo.ui.table(profile.to_arrow_table().to_pylist(), selection=None)
    return (rows,)


@app.cell
def _(mo, rows):
    column = mo.ui.dropdown(sorted(rows.columns), value=sorted(rows.columns)[0], label="Column")
    mo.hstack([column], justify="start")
    return (column,)


@app.cell
def _(altair, column, mo, rows):
    # Counted before it is drawn: a chart that holds every row would not fit into a page.
    counts = rows.aggregate(f'"{column.value}" as value, count(*) as rows').order("rows desc").limit(500)
    number = str(counts.types[0]) in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"}
    axis = altair.X("value:Q", bin=altair.Bin(maxbins=40)) if number else altair.X("value:N", sort="-y")
    chart = altair.Chart(altair.Data(values=counts.to_arrow_table().to_pylist()))
    mo.ui.altair_chart(chart.mark_bar().encode(x=axis.title(column.value), y=altair.Y("sum(rows):Q", title="rows")))


if __name__ == "__main__":
    app.run()
