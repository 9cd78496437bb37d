"""The edges of a request: its body within limits and time, who may ask, and answers that never repeat what was sent."""

import asyncio
import hmac
import itertools
import re
import secrets
from typing import Any

from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mlteam.serving.request import RequestRejectedError

BODY_TIMEOUT_SECONDS = 10
# A client that is still sending does not hear that it is too much: so many times the limit are read, and forgotten.
DRAIN_FACTOR = 10
REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")
PROCESS_ID = secrets.token_hex(8)
REQUEST_COUNTER = itertools.count(1)
# Ids of requests that compare the service with the champion's bundle: no traffic of a client.
VERIFICATION_PREFIX = "verify-"
JSON_MEDIA_TYPE = "application/json"
Headers = dict[bytes, bytes]


async def read_body(request: Request, headers: Headers, limit: int) -> bytes:
    """Return the body, as far as it is allowed.

    Raises:
        RefusedError: No plain JSON (415), too large (413), or too slow (408).
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != JSON_MEDIA_TYPE.encode() or headers.get(b"content-encoding", b"identity") != b"identity":
        raise RequestRejectedError(415, (["header", "content-type"], f"must be {JSON_MEDIA_TYPE}, not compressed"))
    too_large = RequestRejectedError(413, (["body"], f"at most {limit:,} bytes in a request"))
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > DRAIN_FACTOR * limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > DRAIN_FACTOR * limit:
                    raise too_large
                if size > limit:
                    parts.clear()
                else:
                    parts.append(part)
    except TimeoutError:
        raise RequestRejectedError(408, (["body"], f"did not arrive within {BODY_TIMEOUT_SECONDS} seconds")) from None
    except ClientDisconnect:
        raise RequestRejectedError(400, (["body"], "did not arrive whole")) from None
    if size > limit:
        raise too_large
    return b"".join(parts)


def authenticate(headers: Headers, token: str | None) -> None:
    """Refuse who does not know the token, if there is one.

    Raises:
        RefusedError: 401.
    """
    if token is None:
        return
    if not hmac.compare_digest(headers.get(b"authorization", b""), f"Bearer {token}".encode()):
        raise RequestRejectedError(401, (["header", "authorization"], "must be: Bearer TOKEN"))


def is_verification(name: str) -> bool:
    """Return whether a request of this id compares the service with the champion's bundle."""
    return name.startswith(VERIFICATION_PREFIX)


def get_request_id(headers: Headers) -> str:
    """Return the id that the client gave, if it is a plain one, or a new one."""
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if REQUEST_ID_PATTERN.fullmatch(given) else f"{PROCESS_ID}-{next(REQUEST_COUNTER)}"


def build_response(content: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(to_json(content), status, named, JSON_MEDIA_TYPE)


def build_rejection(error: RequestRejectedError, **headers: str) -> Response:
    """Return what was refused, and why."""
    details = [{"loc": where, "msg": what} for where, what in error.details]
    more = {"www_authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004
    return build_response({"detail": details}, error.status, **headers, **more)
