"""Take the flights example out, once, so that the project holds nothing but the team's own work.

Run from the root of the project. Whatever is not named here stays as it is.
"""

import re
from pathlib import Path

from mlteam.process.writing import fix_project
from reset_example import reset_pages

FILES = [
    "examples/flight_delays.json",
    "metrics/cost_per_flight.py",
    "pipelines/flight_delays.toml",
    "process/remove_example.py",
    "process/reset_example.py",
    "sql/macros/clock_minutes.sql",
    "sql/macros/late_history.sql",
    "sql/models/sources.yml",
    "tests/test_cost_per_flight.py",
    *(
        f"sql/models/{model}.{ending}"
        for model in (
            "features/carrier_history",
            "features/departures_per_hour",
            "features/flight_features",
            "features/flown_flights",
            "features/route_history",
            "staging/stg_airlines",
            "staging/stg_airports",
            "staging/stg_flights",
            "staging/stg_planes",
            "staging/stg_weather",
        )
        for ending in ("sql", "yml")
    ),
]
FOLDERS = {
    "examples": "One JSON file a pipeline: an example to predict, with a value for each feature.",
    "pipelines": "One TOML file a model: what it learns from, how it is trained and how it is judged.",
    "sql/models/features": "The tables that models learn from, one file a model: one row for each thing to predict.",
    "sql/models/staging": "One model a source: renamed, typed, cleaned, nothing else.",
}
BEGIN = """\
```sh
nox -s new_pipeline -- NAME --table FILE --label COLUMN
```

makes a pipeline from a CSV or Parquet file: SQL with its tests, the file in `pipelines/` that decides about the model,
an example. It says what it decided, why, and where to change it. `nox -s pipeline` then trains and judges the model.
Before there is a table, `nox -s lint process tests` sets the environment up and shows that all is in order.
"""
# In which files, what, and what to put in its place.
REPLACED = [
    ("README.md", r"```sh\nnox -s pipeline\n```.*?(?=\n#)", BEGIN),
    ("noxfile.py", r"\n\n\n@nox\.session[^\n]*\ndef remove_example\(.*?(?=\n\n\n|\n\Z)", ""),
    ("pyproject.toml", r"example = \[\n(?: [^\n]*\n)*\]\n", ""),
    ("src/*/loaders.py", r"\nimport .*\Z", ""),
]


def main() -> None:
    """Remove the example's files, what other files hold for its sake, and this script; open its answers again."""
    for name in FILES:
        Path(name).unlink(missing_ok=True)
    Path("process").rmdir()
    for files, pattern, replacement in REPLACED:
        for path in Path().glob(files):
            replace(path, pattern, replacement)
    for name, purpose in FOLDERS.items():
        Path(name, "README.md").write_text(f"{purpose}\n", encoding="utf-8", newline="\n")
    reset_pages(Path())
    fix_project(Path())


def replace(path: Path, pattern: str, replacement: str) -> None:
    """Put other text in the place of what the pattern finds in a file."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(pattern, replacement, text, flags=re.DOTALL), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
