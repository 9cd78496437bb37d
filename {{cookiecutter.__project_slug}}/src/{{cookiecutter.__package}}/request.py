"""From the bytes of a request to the rows of the matrix: refused by name, or exactly what training would have seen."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from pydantic import Field

from .features import Matrix, Schema
from .form import Entry, Form
from .settings import suggest

MOST_SAID = 5
MOST_LISTED = 12
KEY_LENGTH = 200


class RefusedError(Exception):
    """A request that cannot be answered.

    Args:
        status: HTTP status.
        faults: Where and what, none of which repeats what was sent.
    """

    def __init__(self, status: int, *faults: tuple[list[str | int], str]) -> None:
        super().__init__(faults[0][1])
        self.status, self.faults = status, faults


@dataclass(frozen=True)
class Asked:
    """What was asked: rows as they were sent, and as the model sees them.

    Attributes:
        many: Whether a list was sent.
        keys: The key of each row, or None.
        rows: The features of each row by name.
        matrix: Shape (rows, features).
        unseen: For each row the features whose category training did not see, which count as missing.
    """

    many: bool
    keys: list[str | None]
    rows: list[dict[str, Any]]
    matrix: Matrix
    unseen: list[list[str]]


class Reader:
    """Reads requests for one model.

    Args:
        form: The fields and limits.
        schema: The features as training saw them.
    """

    def __init__(self, form: Form, schema: Schema) -> None:
        self.form = form
        self.example = _example(form)
        self._validate = self.example.__pydantic_validator__.validate_python
        self._columns = [
            (feature.name, {text: float(place) for place, text in enumerate(feature.categories)})
            for feature in schema.features
        ]

    def read(self, body: bytes) -> Asked:
        """Parse, check and encode a body: one example, or a list of them.

        Raises:
            RefusedError: It is not JSON (400), too many rows (413), or no example of this model (422).
        """
        given = _parse(body)
        many = isinstance(given, list)
        rows = given if many else [given]
        if not rows:
            raise RefusedError(422, (["body"], "the list is empty"))
        if len(rows) > self.form.batch_rows:
            raise RefusedError(413, (["body"], f"at most {self.form.batch_rows:,} rows in a request"))
        for place, row in enumerate(rows):
            self._check(row, ["body", place] if many else ["body"])
        keys = [row.pop(self.form.key, None) for row in rows]
        matrix, unseen = self.encode(rows)
        return Asked(many, keys, rows, matrix, unseen)

    def encode(self, rows: list[dict[str, Any]]) -> tuple[Matrix, list[list[str]]]:
        """Rows that were checked as a matrix, and for each the features whose category training did not see.

        Args:
            rows: The features of each row by name; further names are ignored.
        """
        unseen: list[list[str]] = [[] for _ in rows]
        matrix = np.empty((len(rows), len(self._columns)), dtype=np.float32)
        for place, row in enumerate(rows):
            matrix[place] = [_number(row[name], name, places, unseen[place]) for name, places in self._columns]
        return matrix, unseen

    def _check(self, row: Any, where: list[str | int]) -> None:
        try:
            self._validate(row)
        except pydantic.ValidationError as error:
            raise RefusedError(422, *self._faults(error, where)) from None

    def _faults(self, error: pydantic.ValidationError, where: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
        entries = {entry.name: entry for entry in self.form.entries}
        said: set[str] = set()
        for found in error.errors(include_url=False, include_input=False, include_context=False)[: 4 * MOST_SAID]:
            name = str(found["loc"][0]) if found["loc"] else ""
            if found["type"] == "extra_forbidden":
                fault = (where, f"an unknown field: {suggest(name, [*entries, self.form.key])}")
            elif name in entries:
                missing = found["type"] == "missing"
                fault = ([*where, name], "is missing" if missing else _wanted(entries[name]))
            elif name == self.form.key:
                fault = ([*where, name], f"must be a text of at most {KEY_LENGTH} characters, or null")
            else:
                fault = (where, "must be an object of features")
            if str(fault) not in said and len(said) < MOST_SAID:
                said.add(str(fault))
                yield fault


def _number(value: Any, name: str, places: dict[str, float], unseen: list[str]) -> float:
    """A value as the matrix holds it; `places` is empty for a numeric feature."""
    if value is None:
        return np.nan
    if not places:
        return float(value)
    place = places.get(str(value).lower() if isinstance(value, bool) else value)
    if place is None:
        unseen.append(name)
        return np.nan
    return place


def _example(form: Form) -> type[pydantic.BaseModel]:
    """The model of one example; its fields carry the features' names as aliases, whatever these look like."""
    fields: dict[str, Any] = {
        f"feature_{place}": (
            _kind(entry),
            Field(alias=entry.name, description=entry.description or None),
        )
        for place, entry in enumerate(form.entries)
    }
    key = Annotated[str, Field(strict=True, max_length=KEY_LENGTH)] | None
    fields["key"] = (key, Field(default=None, alias=form.key, description="Names the row, to find its outcome later."))
    settings = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, regex_engine="python-re")
    made: type[pydantic.BaseModel] = pydantic.create_model("Example", __config__=settings, **fields)
    return made


def _kind(entry: Entry) -> Any:
    kind: Any
    if entry.kind == "numeric":
        kind = Annotated[float, Field(ge=entry.minimum, le=entry.maximum)]
    elif set(entry.categories) <= {"true", "false"}:
        kind = bool | Literal["true", "false"]
    else:
        kind = Literal[entry.categories]
    return kind | None if entry.nullable else kind


def _wanted(entry: Entry) -> str:
    """What a field must be, in words."""
    null = ", or null" if entry.nullable else ""
    if entry.kind == "numeric":
        return f"must be a number from {entry.minimum:.10g} to {entry.maximum:.10g}{null}"
    if len(entry.categories) <= MOST_LISTED:
        return f"must be one of {', '.join(entry.categories)}{null}"
    return f"must be one of the {len(entry.categories)} texts that the API's description lists{null}"


def _parse(body: bytes) -> Any:
    """JSON in UTF-8, in which no key stands twice and every number is finite."""
    try:
        return JSON.decode(body.decode())
    except (ValueError, RecursionError):
        raise RefusedError(400, (["body"], "must be JSON in UTF-8, without NaN and without repeated keys")) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
