"""From an answer's bytes to an output: bounded, decoded, and parsed when it says that it is JSON."""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import httpx

from ee_core.errors import ActivityError, PermanentActivityError, TransientActivityError

if TYPE_CHECKING:
    from ee_activity_http.expectation import Expectation

MAX_RETRY_AFTER_S: Final = 3600.0
_EXCERPT_BYTES: Final = 1000
_EXCERPT_CHARACTERS: Final = 200
_EXCERPT_S: Final = 1.0

# What the server says about itself: it did not do it, and may do it later. Source: RFC 9110, 15.5 and 15.6; RFC 8470; RFC 6585.
_NOT_NOW: Final = frozenset({408, 425, 429, 503})
_NEVER: Final = frozenset({501, 505})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Read a body up to a limit, as it is after decompression.

    Raises:
        PermanentActivityError: It is larger (``too_large``), or coded in a way we did not ask for (``bad_response``).
    """
    raw = bytearray()
    async for chunk in response.aiter_raw():
        raw += chunk
        if len(raw) > limit:
            raise _too_large(limit)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity") or not raw:
        return bytes(raw)
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise PermanentActivityError(
            f"the answer is coded as {coding!r}, which was not asked for", code="bad_response"
        )
    try:
        decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        body = decoder.decompress(bytes(raw), limit + 1)
    except zlib.error as error:
        raise PermanentActivityError(f"the answer is no {coding}: {error}", code="bad_response") from error
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def read_excerpt(response: httpx.Response) -> bytes:
    """Read the beginning of a body for people, as far as it comes soon; the status alone decides."""
    raw = bytearray()
    if response.headers.get("content-encoding"):
        return b""
    with suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(_EXCERPT_S):
            async for chunk in response.aiter_raw():
                raw += chunk
                if len(raw) >= _EXCERPT_BYTES:
                    break
    return bytes(raw[:_EXCERPT_BYTES])


def to_output(response: httpx.Response, body: bytes, wanted: str | None) -> dict[str, Any]:
    """Return the output: status, headers by lower-case name, and the body.

    The body is the value of JSON when the media type says JSON and the bytes are; else text. Bytes that are no text
    are given in base64, and then there is the member ``body_encoding``.

    Args:
        wanted: ``json`` or ``text``: what the body must be, whatever the media type says.

    Raises:
        PermanentActivityError: The body is not what is wanted (``bad_response``).
    """
    output: dict[str, Any] = {"status": response.status_code, "headers": dict(response.headers)}
    text = _decode(response, body)
    if text is None:
        if wanted is not None:
            raise _unwanted(response, f"is not the {wanted} that is asked for: it is no text")
        return output | {"body": base64.b64encode(body).decode("ascii"), "body_encoding": "base64"}
    if wanted == "json":
        try:
            return output | {"body": _parse(text)}
        except (ValueError, RecursionError) as error:
            raise _unwanted(response, f"is not the json that is asked for: {error}") from error
    if wanted == "text" or not _says_json(response):
        return output | {"body": text}
    with suppress(ValueError, RecursionError):  # what only says that it is JSON is text
        return output | {"body": _parse(text)}
    return output | {"body": text}


def to_error(
    response: httpx.Response,
    body: bytes,
    *,
    expected: Expectation | None,
    is_idempotent: bool,
    now_s: float,
) -> ActivityError:
    """Return the error of an answer that is no success.

    With 408, 425, 429 and 503 the server says that it has not done it: try again. With another 5xx it may have done it,
    so for a method that is not idempotent no advice is given, and the node's own `retry` decides.
    """
    status = response.status_code
    readable = "".join(
        letter for letter in body.decode(errors="ignore") if letter.isprintable() or letter.isspace()
    )
    excerpt = " ".join(readable.split())
    if len(excerpt) > _EXCERPT_CHARACTERS or len(body) >= _EXCERPT_BYTES:
        excerpt = (
            f"{excerpt[:_EXCERPT_CHARACTERS]}..."  # dots: whoever searches it for a secret must see the cut
        )
    text = f"the server answered {status} {response.reason_phrase}" + (f": {excerpt}" if excerpt else "")
    if expected is not None:
        text += f"; expected was {expected}"
    code = f"http_{status}"
    if status in _NOT_NOW or (status >= 500 and is_idempotent and status not in _NEVER):
        after_s = _retry_after_s(response.headers.get("retry-after", ""), now_s)
        return TransientActivityError(text, code=code, retry_after_s=after_s)
    if status >= 500 and status not in _NEVER:
        return ActivityError(text, code=code)
    return PermanentActivityError(text, code=code)


def _too_large(limit: int) -> PermanentActivityError:
    return PermanentActivityError(
        f"the answer has more than {limit} bytes; ask for less, or raise activities.http.max_response_bytes",
        code="too_large",
    )


def _decode(response: httpx.Response, body: bytes) -> str | None:
    try:
        return body.decode(response.charset_encoding or "utf-8")
    except (LookupError, UnicodeError):
        return None


def _says_json(response: httpx.Response) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or str(kind).endswith("+json")


def _parse(text: str) -> Any:
    """Return the value of JSON text that every JSON reader would take.

    Raises:
        ValueError, RecursionError: It is none.
    """
    value = json.loads(text, parse_constant=_refuse)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # a lone surrogate or 1e999 is neither
    return value


def _unwanted(response: httpx.Response, what: str) -> PermanentActivityError:
    kind = response.headers.get("content-type", "of no media type")
    return PermanentActivityError(
        f"the body of the answer {response.status_code} ({kind}) {what}", code="bad_response"
    )


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _retry_after_s(text: str, now_s: float) -> float | None:
    """Read ``Retry-After``: seconds, or a date; not more than an hour, whatever the server says."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now_s, 0.0), MAX_RETRY_AFTER_S)
    except ValueError:
        return None
