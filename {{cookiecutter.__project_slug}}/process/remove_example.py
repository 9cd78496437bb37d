"""Take the flights example out, once, so that the project holds nothing but the team's own work.

Run from the root of the project. Whatever is not named here stays as it is.
"""

import ast
import re
from pathlib import Path

FILES = [
    "pipelines/flight_delays.toml",
    "process/remove_example.py",
    "sql/macros/clock_minutes.sql",
    "sql/macros/late_history.sql",
    "sql/models/sources.yml",
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
    "pipelines": "One TOML file a model: what it learns from, how it is trained and how it is judged.",
    "sql/models/features": "The tables that models learn from, one file a model: one row for each thing to predict.",
    "sql/models/staging": "One model a source: renamed, typed, cleaned, nothing else.",
}
BLOCKS = {
    "noxfile.py": r"\n\n@nox\.session\ndef remove_example\(.*?(?=\n\n\n|\Z)",
    "pyproject.toml": r"(?m)^example = \[\n(?: .*\n)*\]\n",
}


def main() -> None:
    """Remove the example's files, what other files hold for its sake, and this script."""
    for name in FILES:
        Path(name).unlink(missing_ok=True)
    for name, pattern in BLOCKS.items():
        cut(Path(name), pattern)
    for path in Path("src").glob("*/upstream.py"):
        keep_docstring(path)
    for name, purpose in FOLDERS.items():
        Path(name, "README.md").write_text(f"{purpose}\n", encoding="utf-8", newline="\n")


def cut(path: Path, pattern: str) -> None:
    """Remove what the pattern finds in a file."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(pattern, "", text, flags=re.DOTALL), encoding="utf-8", newline="\n")


def keep_docstring(path: Path) -> None:
    """Leave of a module nothing but what it is there for: the team's own loaders follow."""
    text = path.read_text(encoding="utf-8")
    docstring = ast.parse(text).body[0]
    kept = text.splitlines()[: docstring.end_lineno]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8", newline="\n")


main()
