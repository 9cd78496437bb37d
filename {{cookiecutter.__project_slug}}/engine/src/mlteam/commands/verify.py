"""Is what answers what was launched? The answers of a service are compared with what was computed offline."""

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import httpx
import numpy as np

from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.core.errors import ProjectError
from mlteam.registry import launch_log
from mlteam.serving import bundle
from mlteam.serving.bundle import Bundle
from mlteam.serving.environment import TOKEN_VARIABLE
from mlteam.serving.transport import VERIFICATION_PREFIX

TOLERANCE = 1e-5
LATENCY_CALLS = 200
TIMEOUT_SECONDS = 10
OK_STATUS, UNAUTHORIZED_STATUS, REJECTED_STATUS = 200, 401, 422


# A rollback helps against a champion that answers wrongly, and not where something else answers.
FIXES = {
    "champion": "the log of the service says why; see ModelReloadFailed in docs/runbook.md",
    "golden examples": "see docs/runbook.md; `nox -s rollback` restores the previous champion",
}


@dataclass(frozen=True)
class VerificationCheck:
    """One comparison: what was looked at, whether it holds, what was found."""

    name: str
    passed: bool
    message: str


class ServiceClient:
    """Sends requests to the service at a URL over connections that stay open; a context manager.

    Args:
        url: Its root, such as http://127.0.0.1:8000.

    Raises:
        ProjectError: It is not the URL of a host.
    """

    def __init__(self, url: str) -> None:
        try:
            root = httpx.URL(url)
        except httpx.InvalidURL:
            root = httpx.URL()
        if root.scheme not in ("http", "https") or not root.host:
            raise ProjectError(f"--url {url!r} is not a URL", fix="try --url http://127.0.0.1:8000")
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        headers = {"X-Request-ID": f"{VERIFICATION_PREFIX}{secrets.token_hex(8)}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # Redirects are not followed: they would take the token to another host.
        self._client = httpx.Client(base_url=root, headers=headers, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send_request(self, path: str, content: Any = None) -> tuple[int, dict[str, Any]]:
        """GET a path, or POST content to it as JSON.

        Returns:
            Status and content of the response; no content where the status is an error.

        Raises:
            ProjectError: There is no response, the token is not the right one, or the content is not a JSON object.
        """
        where = f"{self._client.base_url}{path.lstrip('/')}"
        try:
            response = self._client.request("GET" if content is None else "POST", path, json=content)
        except httpx.HTTPError as error:
            fix = "start it with `nox -s serve`, or see docs/runbook.md"
            raise ProjectError(f"no response: {str(error) or type(error).__name__}", where=where, fix=fix) from None
        if response.status_code == UNAUTHORIZED_STATUS:
            fix = f"set {TOKEN_VARIABLE} to the token that the service was started with"
            raise ProjectError("the service refuses the token, or the lack of one", where=where, fix=fix)
        if not response.is_success:
            return response.status_code, {}
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            fix = "check --url: this is not a service of `nox -s serve`"
            raise ProjectError("the response is not a JSON object", where=where, fix=fix)
        return response.status_code, answer


def verify_service(spec: Spec, url: str) -> None:
    """Compare and print; every check must hold.

    Args:
        spec: The pipeline that the service should answer for.
        url: Where it answers.

    Raises:
        ProjectError: A check failed; names it.
    """
    champion = launch_log.get_launch_state(spec).champion
    if champion is None:
        raise ProjectError(f"no version of {spec.name} is launched", fix="launch one: `nox -s launch`")
    opened = bundle.load(bundle.get_bundles_folder(spec.name) / champion.folder)
    with ServiceClient(url) as client, console.show_progress(f"ask {url}"):
        checks = list(_run_checks(client, opened))
    rows = [[check.name, "passed" if check.passed else "FAILED", check.message] for check in checks]
    console.print_text_table(f"{spec.name} version {champion.version} at {url}", ["check", "", "found"], rows)
    broken = [check.name for check in checks if not check.passed]
    if broken:
        fix = FIXES.get(broken[0], "see docs/runbook.md")
        raise ProjectError(f"not verified: {', '.join(broken)}", where=url, fix=fix)
    console.print_line(f"verified: version {champion.version} gives the same answers as offline")


def _run_checks(client: ServiceClient, opened: Bundle) -> Iterator[VerificationCheck]:
    status, version = client.send_request("/version")
    answers = version.get("bundle", f"status {status}")
    yield VerificationCheck(
        "champion", answers == opened.folder.name, f"bundle {answers}, launched is {opened.folder.name}"
    )
    yield _check_golden_examples(client, opened)
    yield _check_rejection(client, opened)
    yield _check_latency(client, opened)


def _check_golden_examples(client: ServiceClient, opened: Bundle) -> VerificationCheck:
    """Return the examples that the bundle was made with, in one request and one by one."""
    examples = [golden.features for golden in opened.golden_examples]
    status, many = client.send_request("/predict", examples)
    answered = [_flatten_prediction(row["prediction"]) for row in many.get("predictions", [])]
    if len(answered) != len(examples):
        return VerificationCheck("golden examples", False, f"status {status}")
    single = [
        _flatten_prediction(client.send_request("/predict", example)[1].get("prediction", [])) for example in examples
    ]
    expected = [golden.prediction for golden in opened.golden_examples]
    if [len(row) for row in (*answered, *single)] != [len(row) for row in (*expected, *expected)]:
        return VerificationCheck("golden examples", False, "an answer has another form than offline")
    distance = max(float(np.abs(np.subtract(found, expected)).max()) for found in (answered, single))
    scale = max(1.0, float(np.abs(expected).max()))
    message = f"{len(examples)} examples, largest difference {distance:.1e}, must be ≤ {TOLERANCE * scale:.0e}"
    return VerificationCheck("golden examples", distance <= TOLERANCE * scale, message)


def _flatten_prediction(prediction: Any) -> list[float]:
    """Return a prediction as a list: one number, or one for each class."""
    if isinstance(prediction, dict):
        return list(prediction.values())
    return [prediction] if isinstance(prediction, int | float) else []


def _check_rejection(client: ServiceClient, opened: Bundle) -> VerificationCheck:
    """Check that a value that no row has is rejected."""
    entry = opened.request_schema.entries[0]
    strange = (entry.maximum or 0) * 2 + 1e9 if entry.kind == "numeric" else "no such category"
    status, _ = client.send_request("/predict", {**opened.golden_examples[0].features, entry.name: strange})
    message = f"{entry.name} with a value never seen in training gets status {status}, must give {REJECTED_STATUS}"
    return VerificationCheck("refusal", status == REJECTED_STATUS, message)


def _check_latency(client: ServiceClient, opened: Bundle) -> VerificationCheck:
    """One row at a time, as a client sees it."""
    taken = []
    for call in range(LATENCY_CALLS):
        example = opened.golden_examples[call % len(opened.golden_examples)].features
        start = time.perf_counter()
        status, _ = client.send_request("/predict", example)
        if status != OK_STATUS:
            return VerificationCheck("latency", False, f"status {status}")
        taken.append(1000 * (time.perf_counter() - start))
    found, limit = float(np.quantile(taken, 0.99)), opened.request_schema.latency_ms
    message = f"99 % of {LATENCY_CALLS} within {found:.1f} ms, must be ≤ {limit:g} ms"
    return VerificationCheck("latency", bool(found <= limit), message)
