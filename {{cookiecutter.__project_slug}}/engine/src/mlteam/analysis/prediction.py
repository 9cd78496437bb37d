"""Predictions for rows that no split holds: an example made by hand, a file."""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from mlteam.analysis.prediction_summary import PredictionSummary
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.files import write_atomically
from mlteam.data.features import Feature, Matrix, Schema
from mlteam.modeling.model import Model

EXAMPLE_OPTION = "--example"
VERSION_COLUMN = "model_version"


def read_example(given: str) -> tuple[dict[str, Any], str]:
    """Return an example written as JSON, or in the file of that name; and its place.

    Raises:
        ProjectError: It is not a JSON object.
    """
    inline = given.lstrip().startswith("{")
    where = EXAMPLE_OPTION if inline else given
    try:
        content = json.loads(given if inline else Path(given).read_text(encoding="utf-8"))
    except OSError:
        raise ProjectError(
            "there is no such file", where=where, fix="name a JSON file, or write the example itself"
        ) from None
    except ValueError as error:
        raise ProjectError(f"not JSON: {error}", where=where, fix="write it as examples/ shows") from None
    if not isinstance(content, dict):
        raise ProjectError("is not a JSON object", where=where, fix="write one value for each feature")
    return content, where


def encode_example(schema: Schema, example: dict[str, Any], where: str) -> tuple[Matrix, list[str]]:
    """One example as the model sees it, and what is worth saying about it.

    Args:
        schema: The model's features.
        example: A value for each feature; None where it is not known.
        where: The place of the example, for messages.

    Returns:
        Shape (1, features), and a line for each value that training did not see.

    Raises:
        ProjectError: A feature is missing, misspelt, of the wrong kind or of a category that is not known.
    """
    for name in example:
        if name not in schema.names:
            raise ProjectError(f"{name!r} is not a feature of the model", where=where, fix=suggest(name, schema.names))
    for name in schema.names:
        if name not in example:
            raise ProjectError(
                f"feature {name!r} is missing", where=where, fix="give its value, or null if it is not known"
            )
    notes = [note for feature in schema.features if (note := _validate_value(feature, example[feature.name], where))]
    columns = {
        f.name: pa.array([example[f.name]], pa.float64() if f.kind == "numeric" else None) for f in schema.features
    }
    return schema.encode(pa.table(columns)), notes


def _validate_value(feature: Feature, value: Any, where: str) -> str:
    """Return what is worth saying about a value that can be used, or nothing."""
    if value is None:
        return f"{feature.name} is not known"
    if feature.kind == "categorical":
        text = str(value).lower() if isinstance(value, bool) else value
        if text not in feature.categories:
            what = f"{feature.name} is {value!r}, which training did not see"
            raise ProjectError(what, where=where, fix=suggest(str(value), list(feature.categories)))
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        bounds = f"a number from {feature.minimum:g} to {feature.maximum:g}"
        raise ProjectError(
            f"{feature.name} is {value!r}, which is not a finite number", where=where, fix=f"give {bounds}"
        )
    low, high = feature.minimum, feature.maximum
    if low is not None and high is not None and not low <= value <= high:
        return f"{feature.name} is {value:g}; training saw {low:g} to {high:g}"
    return ""


def list_prediction_columns(schema: Schema) -> dict[str, str]:
    """Return what predictions are called, such as `probability of yes`, and the column that holds each."""
    shape = (1, len(schema.classes)) if schema.task == "multiclass" else (1,)
    return {name: name.replace(" ", "_") for name in name_predictions(schema, np.zeros(shape, np.float32))}


def name_predictions(schema: Schema, predictions: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Predictions by what they say: the probability of a class, or the number.

    Args:
        schema: Names the classes.
        predictions: Shape (rows,) or (rows, classes).
    """
    if schema.task == "regression":
        return {"prediction": predictions}
    if schema.task == "binary":
        return {f"probability of {schema.classes[-1]}": predictions}
    return {f"probability of {name}": predictions[:, number] for number, name in enumerate(schema.classes)}


def write_predictions(schema: Schema, batches: Iterable[pa.Table], target: Path) -> PredictionSummary:
    """Write rows with their predictions as Parquet, batch by batch.

    Args:
        schema: The features of the model.
        batches: Rows as `append_predictions` returns them.
        target: The file to write, whole or not at all.

    Raises:
        ProjectError: There are no rows.
    """
    summary = PredictionSummary(schema, list_prediction_columns(schema))
    with write_atomically(target) as part, ExitStack() as stack:
        writer = None
        for batch in batches:
            summary.add(batch)
            if writer is None:
                writer = stack.enter_context(pyarrow.parquet.ParquetWriter(part, batch.schema, compression="zstd"))
            writer.write_table(batch)
        if not summary.rows:
            raise ProjectError("there are no rows to predict", fix="look at the table, and at --where")
    return summary


def append_predictions(schema: Schema, model: Model, number: int, rows: pa.Table) -> pa.Table:
    """Predict rows.

    Args:
        schema: The features of the model.
        model: The model.
        number: The number of its version.
        rows: Has a column for each feature.

    Returns:
        The rows with a column for each prediction and one for the version that made it. Predictions that the rows had
        already are left out.
    """
    columns = list_prediction_columns(schema)
    before = {*columns.values(), VERSION_COLUMN} - set(schema.names)
    rows = rows.drop_columns([name for name in rows.column_names if name in before])
    for name, values in name_predictions(schema, model.predict(schema.encode(rows))).items():
        rows = rows.append_column(columns[name], pa.array(values))
    return rows.append_column(VERSION_COLUMN, pa.array(np.full(rows.num_rows, number)))
