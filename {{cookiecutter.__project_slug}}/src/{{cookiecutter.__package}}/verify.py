"""Is what answers what was launched? The answers of a service are compared with what was computed offline."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from . import bundle, console, launches
from .bundle import Bundle
from .errors import ProjectError
from .serving.run import TOKEN
from .spec import Spec

TOLERANCE = 1e-5
CALLS = 200
SECONDS = 10
REFUSED = 422


@dataclass(frozen=True)
class Check:
    """One comparison: what was looked at, whether it holds, what was found."""

    name: str
    passed: bool
    said: str


class Client:
    """Asks the service at a URL.

    Args:
        url: Its root, such as http://127.0.0.1:8000.
    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ProjectError(f"--url {url!r} is no URL", fix="say --url http://127.0.0.1:8000")
        self.url = url.rstrip("/")

    def ask(self, path: str, content: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and content of an answer.

        Raises:
            ProjectError: Nothing answers there, or it is no such service.
        """
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310 - the scheme was checked
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, {}
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            fix = "is it running? `nox -s serve`; what to do stands in docs/runbook.md"
            raise ProjectError(f"gives no answer: {reason}", where=self.url + path, fix=fix) from None


def verify(spec: Spec, url: str) -> None:
    """Compare and print; every check must hold.

    Args:
        spec: The pipeline that the service should answer for.
        url: Where it answers.

    Raises:
        ProjectError: A check does not hold; names it.
    """
    champion = launches.state(spec).champion
    if champion is None:
        raise ProjectError(f"no version of {spec.name} is launched", fix="launch one: `nox -s launch`")
    opened = bundle.load(bundle.home(spec.name) / champion.folder)
    client = Client(url)
    with console.step(f"ask {url}"):
        checks = list(_checks(client, opened))
    rows = [[check.name, "holds" if check.passed else "DOES NOT HOLD", check.said] for check in checks]
    console.facts(f"{spec.name} version {champion.version} at {url}", ["check", "", "found"], rows)
    broken = [check.name for check in checks if not check.passed]
    if broken:
        fix = "see docs/runbook.md; `nox -s rollback` goes back to the champion before"
        raise ProjectError(f"not verified: {', '.join(broken)}", where=url, fix=fix)
    console.say(f"verified: version {champion.version} answers as it did offline")


def _checks(client: Client, opened: Bundle) -> Iterator[Check]:
    status, version = client.ask("/version")
    answers = version.get("bundle", f"status {status}")
    yield Check("champion", answers == opened.folder.name, f"bundle {answers}, launched is {opened.folder.name}")
    yield _golden(client, opened)
    yield _refusal(client, opened)
    yield _latency(client, opened)


def _golden(client: Client, opened: Bundle) -> Check:
    """The examples that the bundle was made with, in one request and one by one."""
    examples = [golden.features for golden in opened.golden]
    status, many = client.ask("/predict", examples)
    answered = [_plain(row["prediction"]) for row in many.get("predictions", [])]
    if len(answered) != len(examples):
        return Check("golden examples", False, f"status {status}")
    single = [_plain(client.ask("/predict", example)[1].get("prediction", [])) for example in examples]
    expected = [golden.prediction for golden in opened.golden]
    if [len(row) for row in (*answered, *single)] != [len(row) for row in (*expected, *expected)]:
        return Check("golden examples", False, "an answer has another form than offline")
    distance = max(float(np.abs(np.subtract(found, expected)).max()) for found in (answered, single))
    scale = max(1.0, float(np.abs(expected).max()))
    said = f"{len(examples)} examples, largest difference {distance:.1e}, must be ≤ {TOLERANCE * scale:.0e}"
    return Check("golden examples", distance <= TOLERANCE * scale, said)


def _plain(prediction: Any) -> list[float]:
    """A prediction as a list: one number, or one for each class."""
    if isinstance(prediction, dict):
        return list(prediction.values())
    return [prediction] if isinstance(prediction, int | float) else []


def _refusal(client: Client, opened: Bundle) -> Check:
    """A value that no row has must not be answered."""
    entry = opened.form.entries[0]
    strange = (entry.maximum or 0) * 2 + 1e9 if entry.kind == "numeric" else "no such category"
    status, _ = client.ask("/predict", {**opened.golden[0].features, entry.name: strange})
    said = f"{entry.name} with a value that no row has gives status {status}, must give {REFUSED}"
    return Check("refusal", status == REFUSED, said)


def _latency(client: Client, opened: Bundle) -> Check:
    """One row at a time, as a client sees it."""
    taken = []
    for call in range(CALLS):
        example = opened.golden[call % len(opened.golden)].features
        start = time.perf_counter()
        client.ask("/predict", example)
        taken.append(1000 * (time.perf_counter() - start))
    found, limit = float(np.quantile(taken, 0.99)), opened.form.latency_ms
    said = f"99 % of {CALLS} within {found:.1f} ms, must be ≤ {limit:g} ms"
    return Check("latency", bool(found <= limit), said)
