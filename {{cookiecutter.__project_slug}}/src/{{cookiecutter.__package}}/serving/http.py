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

from ..request import RefusedError

BODY_SECONDS = 10
# A client that is still sending does not hear that it is too much: so many times the limit are read, and forgotten.
LINGER = 10
LATE = "the body is late"
PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
PROCESS = secrets.token_hex(8)
COUNTED = itertools.count(1)
JSON = "application/json"
Headers = dict[bytes, bytes]


async def body_of(request: Request, headers: Headers, limit: int) -> bytes:
    """The body, as far as it is allowed.

    Raises:
        RefusedError: No plain JSON (415), too large (413), or too slow (408).
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != JSON.encode() or headers.get(b"content-encoding", b"identity") != b"identity":
        raise RefusedError(415, (["header", "content-type"], f"must be {JSON}, not compressed"))
    too_large = RefusedError(413, (["body"], f"at most {limit:,} bytes in a request"))
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > LINGER * limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    # As asyncio.timeout does it, with less work, which each request would pay for.
    task = asyncio.current_task()
    assert task  # noqa: S101 - a request is answered by one
    late = asyncio.get_running_loop().call_later(BODY_SECONDS, task.cancel, LATE)
    try:
        async for part in request.stream():
            size += len(part)
            if size > LINGER * limit:
                raise too_large
            if size > limit:
                parts.clear()
            else:
                parts.append(part)
    except asyncio.CancelledError as error:
        if error.args != (LATE,):
            raise
        task.uncancel()
        raise RefusedError(408, (["body"], f"did not arrive within {BODY_SECONDS} seconds")) from None
    except ClientDisconnect:
        raise RefusedError(400, (["body"], "did not arrive whole")) from None
    finally:
        late.cancel()
    if size > limit:
        raise too_large
    return b"".join(parts)


def admit(headers: Headers, token: str | None) -> None:
    """Refuse who does not know the token, if there is one.

    Raises:
        RefusedError: 401.
    """
    if token is None:
        return
    if not hmac.compare_digest(headers.get(b"authorization", b""), f"Bearer {token}".encode()):
        raise RefusedError(401, (["header", "authorization"], "must be: Bearer TOKEN"))


def id_of(headers: Headers) -> str:
    """The id that the client gave, if it is a plain one, or a new one."""
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if PLAIN.fullmatch(given) else f"{PROCESS}-{next(COUNTED)}"


def answer(content: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(to_json(content), status, named, JSON)


def refusal(error: RefusedError, **headers: str) -> Response:
    """What was refused, and why."""
    said = [{"loc": where, "msg": what} for where, what in error.faults]
    more = {"www_authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004
    return answer({"detail": said}, error.status, **headers, **more)
