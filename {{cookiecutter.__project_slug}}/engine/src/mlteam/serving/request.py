"""From the bytes of a request to the rows of the matrix: refused by name, or exactly what training would have seen."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from pydantic import Field

from mlteam.core.errors import suggest
from mlteam.data.features import Matrix, Schema
from mlteam.serving.request_schema import RequestField, RequestSchema

MAX_ERRORS = 5
MAX_LISTED_CATEGORIES = 12
MAX_KEY_LENGTH = 200


class RequestRejectedError(Exception):
    """A request that cannot be answered.

    Args:
        status: HTTP status.
        details: Where and what, none of which repeats what was sent.
    """

    def __init__(self, status: int, *faults: tuple[list[str | int], str]) -> None:
        super().__init__(faults[0][1])
        self.status, self.details = status, faults


@dataclass(frozen=True)
class ParsedRequest:
    """What was asked: rows as they were sent, and as the model sees them.

    Attributes:
        is_batch: Whether a list was sent.
        keys: The key of each row, or None.
        rows: The features of each row by name.
        matrix: Shape (rows, features).
        unseen: For each row the features whose category training did not see, which count as missing.
    """

    is_batch: bool
    keys: list[str | None]
    rows: list[dict[str, Any]]
    matrix: Matrix
    unseen: list[list[str]]


class RequestReader:
    """Reads requests for one model.

    Args:
        request_schema: The fields and limits.
        schema: The features as training saw them.
    """

    def __init__(self, form: RequestSchema, schema: Schema) -> None:
        self.request_schema = form
        self.example = _build_example_model(form)
        self._validate = self.example.__pydantic_validator__.validate_python
        self._columns = [
            (feature.name, {text: float(place) for place, text in enumerate(feature.categories)})
            for feature in schema.features
        ]

    def read(self, body: bytes) -> ParsedRequest:
        """Parse, check and encode a body: one example, or a list of them.

        Raises:
            RefusedError: It is not JSON (400), too many rows (413), or no example of this model (422).
        """
        given = _parse_json(body)
        many = isinstance(given, list)
        rows = given if many else [given]
        if not rows:
            raise RequestRejectedError(422, (["body"], "the list is empty"))
        if len(rows) > self.request_schema.batch_rows:
            raise RequestRejectedError(413, (["body"], f"at most {self.request_schema.batch_rows:,} rows in a request"))
        for place, row in enumerate(rows):
            self._validate_row(row, ["body", place] if many else ["body"])
        keys = [row.pop(self.request_schema.key, None) for row in rows]
        matrix, unseen = self.encode(rows)
        return ParsedRequest(many, keys, rows, matrix, unseen)

    def encode(self, rows: list[dict[str, Any]]) -> tuple[Matrix, list[list[str]]]:
        """Rows that were checked as a matrix, and for each the features whose category training did not see.

        Args:
            rows: The features of each row by name; further names are ignored.
        """
        unseen: list[list[str]] = [[] for _ in rows]
        matrix = np.empty((len(rows), len(self._columns)), dtype=np.float32)
        for place, row in enumerate(rows):
            matrix[place] = [_encode_value(row[name], name, places, unseen[place]) for name, places in self._columns]
        return matrix, unseen

    def _validate_row(self, row: Any, where: list[str | int]) -> None:
        try:
            self._validate(row)
        except pydantic.ValidationError as error:
            raise RequestRejectedError(422, *self._describe_errors(error, where)) from None

    def _describe_errors(
        self, error: pydantic.ValidationError, where: list[str | int]
    ) -> Iterator[tuple[list[str | int], str]]:
        entries = {entry.name: entry for entry in self.request_schema.entries}
        reported: set[str] = set()
        for found in error.errors(include_url=False, include_input=False, include_context=False)[: 4 * MAX_ERRORS]:
            name = str(found["loc"][0]) if found["loc"] else ""
            if found["type"] == "extra_forbidden":
                fault = (where, f"an unknown field: {suggest(name, [*entries, self.request_schema.key])}")
            elif name in entries:
                missing = found["type"] == "missing"
                fault = ([*where, name], "is missing" if missing else _describe_allowed_values(entries[name]))
            elif name == self.request_schema.key:
                fault = ([*where, name], f"must be a text of at most {MAX_KEY_LENGTH} characters, or null")
            else:
                fault = (where, "must be an object of features")
            if str(fault) not in reported and len(reported) < MAX_ERRORS:
                reported.add(str(fault))
                yield fault


def _encode_value(value: Any, name: str, places: dict[str, float], unseen: list[str]) -> float:
    """Return a value as the matrix holds it; `places` is empty for a numeric feature."""
    if value is None:
        return np.nan
    if not places:
        return float(value)
    place = places.get(str(value).lower() if isinstance(value, bool) else value)
    if place is None:
        unseen.append(name)
        return np.nan
    return place


def _build_example_model(form: RequestSchema) -> type[pydantic.BaseModel]:
    """Return the model of one example; its fields carry the features' names as aliases, whatever these look like."""
    fields: dict[str, Any] = {
        f"feature_{place}": (
            _build_field_type(entry),
            Field(alias=entry.name, description=entry.description or None),
        )
        for place, entry in enumerate(form.entries)
    }
    key = Annotated[str, Field(strict=True, max_length=MAX_KEY_LENGTH)] | None
    fields["key"] = (key, Field(default=None, alias=form.key, description="Names the row, to find its outcome later."))
    settings = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, regex_engine="python-re")
    made: type[pydantic.BaseModel] = pydantic.create_model("Example", __config__=settings, **fields)
    return made


def _build_field_type(entry: RequestField) -> Any:
    kind: Any
    if entry.kind == "numeric":
        kind = Annotated[float, Field(ge=entry.minimum, le=entry.maximum)]
    elif set(entry.categories) <= {"true", "false"}:
        kind = bool | Literal["true", "false"]
    else:
        kind = Literal[entry.categories]
    return kind | None if entry.nullable else kind


def _describe_allowed_values(entry: RequestField) -> str:
    """Return what a field must be, in words."""
    null = ", or null" if entry.nullable else ""
    if entry.kind == "numeric":
        return f"must be a number from {entry.minimum:.10g} to {entry.maximum:.10g}{null}"
    if len(entry.categories) <= MAX_LISTED_CATEGORIES:
        return f"must be one of {', '.join(entry.categories)}{null}"
    return f"must be one of the {len(entry.categories)} texts that the API's description lists{null}"


def _parse_json(body: bytes) -> Any:
    """JSON in UTF-8, without duplicate keys, in which every number is finite."""
    try:
        return JSON_DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        raise RequestRejectedError(
            400, (["body"], "must be JSON in UTF-8, without NaN and without repeated keys")
        ) from None


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate key")
    return found


def _reject_constant(constant: str) -> None:
    raise ValueError(constant)


JSON_DECODER = json.JSONDecoder(object_pairs_hook=_reject_duplicate_keys, parse_constant=_reject_constant)
