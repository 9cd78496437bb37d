"""From rows to the matrix that a model sees, the same way in training, in a batch and for one example."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlteam.config.settings import Settings
from mlteam.config.spec import Spec, Task
from mlteam.core.errors import ProjectError, suggest

SCHEMA_FILE = "schema.json"
Floats = NDArray[np.floating]
Matrix = NDArray[np.float32]
Labels = NDArray[np.int64] | NDArray[np.float64]


class TableLike(Protocol):
    """Rows by column: those of a table in memory, or of a file."""

    @property
    def column_names(self) -> list[str]:
        """The columns, in their order."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """One column."""


class Feature(Settings):
    """One column as training saw it: its range, or its categories in alphabetical order."""

    name: str
    kind: Literal["numeric", "categorical"]
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()


class Schema(Settings):
    """What goes into a model and comes out of it; stored beside the model and valid as long as it is.

    Attributes:
        task: What is predicted.
        classes: The labels in order, the positive one of two last; empty in a regression.
        features: The columns, in the order of the matrix.
    """

    task: Task
    classes: tuple[str, ...]
    features: tuple[Feature, ...]

    @property
    def names(self) -> list[str]:
        """The columns, in the order of the matrix."""
        return [feature.name for feature in self.features]

    def encode(self, table: TableLike, file: Path | None = None) -> Matrix:
        """Return the matrix of a table's rows.

        Args:
            table: Has a column for each feature; further columns are ignored.
            file: Where the matrix is kept, a column after the other; in memory where nothing is said.

        Returns:
            Shape (rows, features). A category is its position in `categories`. Missing values, and categories that
            training did not see, are NaN: the model treats both as missing.

        Raises:
            ProjectError: A feature has no column, or its values have another kind.
        """
        shape = table.num_rows, len(self.features)
        matrix = np.memmap(file, np.float32, "w+", shape=shape, order="F") if file else np.empty(shape, np.float32)
        for position, feature in enumerate(self.features):
            matrix[:, position] = _encode_feature(table, feature)
        return matrix


@dataclass(frozen=True)
class Examples:
    """Rows of one dataset as a model sees them.

    Attributes:
        name: The dataset's name.
        matrix: The features, shape (rows, features).
        label: Shape (rows,): the position of the class, or the number itself in a regression.
        scratch: The folder that holds the matrix, and what a model makes of it; None where they are in memory.
    """

    name: str
    matrix: Matrix
    label: Labels
    scratch: Path | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class EvaluationRows(Examples):
    """Rows of one dataset that a model is evaluated by or explained with.

    Attributes:
        table: All columns of the rows.
    """

    table: pa.Table


def learn_schema(spec: Spec, train: TableLike) -> Schema:
    """Read ranges and categories off the training rows.

    Raises:
        ProjectError: A feature has no value, or only one, in all training rows; or the snapshot is older than the spec.
    """
    for name in spec.features.names:
        _check_column_in_snapshot(spec, train, name)
    numeric = [_learn_range(name, train[name], spec) for name in spec.features.numeric]
    categorical = [_learn_categories(name, train[name], spec) for name in spec.features.categorical]
    return Schema(task=spec.task, classes=_learn_classes(spec, train), features=(*categorical, *numeric))


def build_evaluation_rows(spec: Spec, schema: Schema, name: str, table: pa.Table) -> EvaluationRows:
    """Rows made ready for a model, with all of their columns."""
    return EvaluationRows(**vars(build_examples(spec, schema, name, table)), table=table)


def build_examples(spec: Spec, schema: Schema, name: str, table: TableLike, scratch: Path | None = None) -> Examples:
    """Rows made ready for a model, in memory or in a folder."""
    _check_column_in_snapshot(spec, table, spec.data.label)
    column = table[spec.data.label]
    if schema.classes:
        column = pc.index_in(_cast_to_class_names(column), value_set=pa.array(schema.classes))
    if column.null_count:
        raise ProjectError(
            f"{column.null_count:,} rows of {name} have a label that training did not see", where=str(spec.path)
        )
    label = pc.cast(column, pa.float64(), safe=False).to_numpy()
    matrix = schema.encode(table, scratch / f"{name}.matrix" if scratch else None)
    return Examples(name, matrix, label.astype(np.int64) if schema.classes else label, scratch=scratch)


def _check_column_in_snapshot(spec: Spec, table: TableLike, name: str) -> None:
    if name not in table.column_names:
        what = f"{name} is not a column of the snapshot, which was taken before {spec.path.name} named it"
        raise ProjectError(what, where=str(spec.path), fix="run `nox -s data`, or fix the name")


def _learn_classes(spec: Spec, train: TableLike) -> tuple[str, ...]:
    """Return the labels in order: of numbers the least first, of text by the alphabet, the positive one last."""
    if spec.task == "regression":
        return ()
    _check_column_in_snapshot(spec, train, spec.data.label)
    column = train[spec.data.label]
    distinct = pc.unique(column if _is_number(column.type) else _cast_to_text(column))
    classes = [str(value) for value in sorted(distinct.drop_null().to_pylist())]
    positive = spec.data.positive
    if positive is not None and positive not in classes:
        raise ProjectError(
            f"data.positive is {positive!r}, which no row has", where=str(spec.path), fix=suggest(positive, classes)
        )
    return tuple(sorted(classes, key=lambda name: name == positive))


def _learn_range(name: str, column: pa.ChunkedArray, spec: Spec) -> Feature:
    if not _is_number(column.type):
        raise _make_kind_error(spec, name, column.type, "numeric")
    low, high = pc.min_max(column).as_py().values()
    if low is None or low == high:
        raise _make_constant_feature_error(spec, name)
    return Feature(name=name, kind="numeric", minimum=low, maximum=high)


def _learn_categories(name: str, column: pa.ChunkedArray, spec: Spec) -> Feature:
    if _is_number(column.type):
        raise _make_kind_error(spec, name, column.type, "categorical")
    seen = sorted(value for value in pc.unique(_cast_to_text(column)).to_pylist() if value is not None)
    if len(seen) < 2:  # noqa: PLR2004
        raise _make_constant_feature_error(spec, name)
    return Feature(name=name, kind="categorical", categories=tuple(seen))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cast_to_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.string())


def _cast_to_class_names(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return labels as the schema names them: Arrow writes the number 1.0 as 1."""
    if not pa.types.is_floating(column.type):
        return _cast_to_text(column)
    values = pc.unique(column)
    names = pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())
    return pc.take(names, pc.index_in(column, value_set=values))


def _make_kind_error(spec: Spec, name: str, kind: pa.DataType, declared: str) -> ProjectError:
    other = {"numeric": "categorical", "categorical": "numeric"}[declared]
    what = f"feature {name} is {kind}, not {declared}"
    return ProjectError(what, where=str(spec.path), fix=f"list it under features.{other}, or cast it in SQL")


def _make_constant_feature_error(spec: Spec, name: str) -> ProjectError:
    what = f"feature {name} has the same value in all training rows, or none"
    return ProjectError(what, where=str(spec.path), fix="remove it from the features, or fix its SQL")


def _encode_feature(table: TableLike, feature: Feature) -> NDArray[np.float32]:
    if feature.name not in table.column_names:
        raise ProjectError(f"the rows have no column {feature.name}, which the model was trained with", fix="add it")
    column = table[feature.name]
    if feature.kind == "categorical":
        column = pc.index_in(_cast_to_text(column), value_set=pa.array(feature.categories, pa.string()))
    values: NDArray[np.float32] = pc.cast(column, pa.float32(), safe=False).to_numpy()
    return values
