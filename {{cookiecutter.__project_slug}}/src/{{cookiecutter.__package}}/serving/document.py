"""The API's description (OpenAPI): the champion's fields, and every answer that can come."""

from typing import Any

from pydantic import BaseModel

from .service import Now

Number = float
Probabilities = dict[str, float]


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int]
    msg: str


class Refusal(BaseModel):
    """Why a request was refused."""

    detail: list[Fault]


class Failure(BaseModel):
    """Why there is no answer."""

    detail: str


class Prediction(BaseModel):
    """The number, the probability of the positive class, or the probability of each of many classes."""

    prediction: Number | Probabilities
    warnings: list[str]


class Answer(BaseModel):
    """A prediction, or for a list one for each row, with who made it."""

    version: int
    snapshot: str
    prediction: Number | Probabilities | None = None
    warnings: list[str] | None = None
    predictions: list[Prediction] | None = None


class Explanation(BaseModel):
    """A prediction with what each feature added to it: in log-odds, or in the label's unit; the strongest first."""

    version: int
    snapshot: str
    prediction: Number | Probabilities
    contributions: dict[str, float]
    warnings: list[str]


class Version(BaseModel):
    """What answers."""

    pipeline: str
    version: int
    snapshot: str
    bundle: str
    trained_at: str
    commit: str
    launched_at: str
    by: str
    shadow: int | None
    canary_share: float
    canary_stopped: bool


class Health(BaseModel):
    """Whether the service is well."""

    status: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "The body is no JSON, or did not arrive whole."},
    401: {"model": Refusal, "description": "The token is missing or wrong."},
    408: {"model": Refusal, "description": "The body arrived too slowly."},
    413: {"model": Refusal, "description": "The body is too large, or has too many rows."},
    415: {"model": Refusal, "description": "The body is not declared as JSON, or compressed."},
    422: {"model": Refusal, "description": "A field is missing, unknown, or not what it must be."},
    500: {"model": Failure, "description": "The model failed."},
    503: {"model": Failure, "description": "No model answers yet."},
}


def describe(base: dict[str, Any], now: Now | None) -> dict[str, Any]:
    """The description with the fields of what answers now.

    Args:
        base: What FastAPI derives from the routes.
        now: What answers, or None.
    """
    if now is None:
        return base
    reader = now.champion.reader
    example = reader.example.model_json_schema(by_alias=True)
    example |= {"title": "Example", "examples": [dict(golden.features) for golden in now.champion.bundle.golden[:1]]}
    base["components"]["schemas"]["Example"] = example
    one = {"$ref": "#/components/schemas/Example"}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": reader.form.batch_rows}
    for path, schema in (("/predict", {"anyOf": [one, many]}), ("/explain", one)):
        content = {"application/json": {"schema": schema}}
        base["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}
    return base
