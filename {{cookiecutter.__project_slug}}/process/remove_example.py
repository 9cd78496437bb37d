"""Take the flights example out, once, so that the project holds nothing but the team's own work.

Run from the root of the project. Whatever is not named here stays as it is.
"""

import ast
import re
from pathlib import Path

from checks.skeleton import fix
from reset_example import reset_pages

FILES = [
    "pipelines/flight_delays.toml",
    "process/remove_example.py",
    "process/reset_example.py",
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
BEGIN = """\
```sh
nox -s lint process tests
```

sets the environment up and shows that all is in order. A model begins with its rows: SQL in `sql/models/`, then a file
in `pipelines/` that names the relation, the label and the features.
"""
# What to put in the place of what, file by file.
REPLACED = {
    "README.md": (r"```sh\nnox -s pipeline\n```.*?(?=\n#)", BEGIN),
    "noxfile.py": (r"\n\n\n@nox\.session[^\n]*\ndef remove_example\(.*?(?=\n\n\n|\n\Z)", ""),
    "pyproject.toml": (r"(?m)^example = \[\n(?: .*?\n)*?\]\n", ""),
}


def main() -> None:
    """Remove the example's files, what other files hold for its sake, and this script; open its answers again."""
    for name in FILES:
        Path(name).unlink(missing_ok=True)
    for name, (pattern, replacement) in REPLACED.items():
        replace(Path(name), pattern, replacement)
    for path in Path("src").glob("*/upstream.py"):
        keep_docstring(path)
    for name, purpose in FOLDERS.items():
        Path(name, "README.md").write_text(f"{purpose}\n", encoding="utf-8", newline="\n")
    reset_pages(Path())
    fix(Path())


def replace(path: Path, pattern: str, replacement: str) -> None:
    """Put other text in the place of what the pattern finds in a file."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(pattern, replacement, text, flags=re.DOTALL), encoding="utf-8", newline="\n")


def keep_docstring(path: Path) -> None:
    """Leave of a module nothing but what it is there for: the team's own loaders follow."""
    text = path.read_text(encoding="utf-8")
    docstring = ast.parse(text).body[0]
    kept = text.splitlines()[: docstring.end_lineno]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
