"""The API's description (OpenAPI): the champion's fields, and every answer that can come."""

from typing import Any

from pydantic import BaseModel

from mlteam.serving.active_models import ActiveModels

Number = float
Probabilities = dict[str, float]


class ErrorDetail(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int]
    msg: str


class RejectionResponse(BaseModel):
    """Why a request was refused."""

    detail: list[ErrorDetail]


class FailureResponse(BaseModel):
    """Why there is no answer."""

    detail: str


class Prediction(BaseModel):
    """The number, the probability of the positive class, or the probability of each of many classes."""

    prediction: Number | Probabilities
    warnings: list[str]


class PredictionResponse(BaseModel):
    """A prediction, or for a list one for each row, with who made it."""

    version: int
    snapshot: str
    prediction: Number | Probabilities | None = None
    warnings: list[str] | None = None
    predictions: list[Prediction] | None = None


class ExplanationResponse(BaseModel):
    """A prediction with what each feature added to it: in log-odds, or in the label's unit; the strongest first."""

    version: int
    snapshot: str
    prediction: Number | Probabilities
    contributions: dict[str, float]
    warnings: list[str]


class VersionResponse(BaseModel):
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


class HealthResponse(BaseModel):
    """Whether the service is well."""

    status: str


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": RejectionResponse, "description": "The body is not JSON, or did not arrive whole."},
    401: {"model": RejectionResponse, "description": "The token is missing or wrong."},
    408: {"model": RejectionResponse, "description": "The body arrived too slowly."},
    413: {"model": RejectionResponse, "description": "The body is too large, or has too many rows."},
    415: {"model": RejectionResponse, "description": "The body is not declared as JSON, or compressed."},
    422: {"model": RejectionResponse, "description": "A field is missing, unknown, or not what it must be."},
    500: {"model": FailureResponse, "description": "The model failed."},
    503: {"model": FailureResponse, "description": "No model answers yet."},
}


def extend_openapi(base: dict[str, Any], now: ActiveModels | None) -> dict[str, Any]:
    """Return the description with the fields of what answers now.

    Args:
        base: What FastAPI derives from the routes.
        now: What answers, or None.
    """
    if now is None:
        return base
    reader = now.champion.reader
    example = reader.example.model_json_schema(by_alias=True)
    example |= {
        "title": "Example",
        "examples": [dict(golden.features) for golden in now.champion.bundle.golden_examples[:1]],
    }
    base["components"]["schemas"]["Example"] = example
    one = {"$ref": "#/components/schemas/Example"}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": reader.request_schema.batch_rows}
    for path, schema in (("/predict", {"anyOf": [one, many]}), ("/explain", one)):
        content = {"application/json": {"schema": schema}}
        base["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}
    return base
