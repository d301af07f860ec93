"""The activity type ``http``: what a request means for the engine.

What nobody knows is Lost (R22): the time is over, or the connection broke, after a request began to leave whose method
is not safe. Before that nothing happened, and with a safe method nothing that matters can have.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

import httpx

from ee_activity_http.authentication import HEADER
from ee_activity_http.egress import new_egress
from ee_activity_http.exchange import Outlet, Progress, exchange
from ee_activity_http.expectation import is_success
from ee_activity_http.request import HttpInput, is_idempotent_as_written
from ee_activity_http.response import read_body, read_excerpt, to_error, to_output
from ee_core.contracts.activity import ActivityTraits
from ee_core.contracts.inputs import read_input
from ee_core.errors import (
    ActivityError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ee_activity_http.settings import HttpSettings
    from ee_core.contracts.activity import ActivityContext
    from ee_core.contracts.env import Env

_NOBODY_AWAITED: Final[dict[str, Any]] = {"status": None, "headers": {}, "body": None}
_OUTPUT_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "status": {
            "type": ["integer", "null"],
            "examples": [200],
            "description": "Null when nobody awaited an answer, and none came.",
        },
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": {"description": "The value of JSON, else text; null when nobody asked for it."},
        "body_encoding": {"const": "base64", "description": "Only when the body is no text."},
    },
    "required": ["status", "headers", "body"],
}


class HttpActivity:
    """One HTTP request; see the package's README for what it does with each answer."""

    name: Final = "http"
    # Made once: bots tell it again and again.
    input_schema: ClassVar[Mapping[str, Any]] = HttpInput.model_json_schema()
    output_schema: ClassVar[Mapping[str, Any]] = _OUTPUT_SCHEMA

    def __init__(self, settings: HttpSettings, env: Env) -> None:
        self._settings = settings
        self._env = env
        self._egress = new_egress(settings.allow, public=settings.public)
        self._trust: ssl.SSLContext | None = None  # read from files, so not before the first run

    def traits_for(self, template: Any) -> ActivityTraits:
        return ActivityTraits(stateless=True, idempotent=is_idempotent_as_written(template))

    async def run(self, context: ActivityContext, value: Any) -> Any:
        request = read_input(HttpInput, value)
        loop = asyncio.get_running_loop()
        limit = asyncio.timeout(request.timeout_s or self._settings.timeout_s)

        def shorten() -> None:
            if not request.await_response:
                limit.reschedule(loop.time() + self._settings.answer_s)

        progress = Progress(on_sent=shorten)
        try:
            async with limit, self._exchange(request, context, progress) as response:
                return await self._answer(request, response)
        except TimeoutError:
            if progress.sent and not request.await_response:
                return dict(_NOBODY_AWAITED)
            raise _unknown(request, progress, "timeout", "no answer in time") from None
        except httpx.TransportError as error:
            if progress.sent and not request.await_response:
                return dict(_NOBODY_AWAITED)
            raise _broken_off(request, progress, error) from error

    @asynccontextmanager
    async def _exchange(
        self, request: HttpInput, context: ActivityContext, progress: Progress
    ) -> AsyncIterator[httpx.Response]:
        if self._trust is None:
            self._trust = await asyncio.to_thread(_read_trust, self._settings.ca_file)
        headers = _headers(request, context.idempotency_key)
        outlet = Outlet(self._egress, self._trust, self._settings.proxy)
        async with exchange(request, headers, outlet, progress) as response:
            yield response

    async def _answer(self, request: HttpInput, response: httpx.Response) -> Any:
        if not is_success(response.status_code, request.expect):
            raise to_error(
                response,
                await read_excerpt(response),
                expected=request.expect,
                is_idempotent=request.is_idempotent,
                now_s=self._env.now() / 1_000_000,
            )
        if not request.await_response or request.response == "none":
            return {"status": response.status_code, "headers": dict(response.headers), "body": None}
        body = await read_body(response, self._settings.max_response_bytes)
        return to_output(response, body, request.response)


def _headers(request: HttpInput, key: str) -> dict[str, str]:
    """Return all headers but Host, by lower-case name; the author's win."""
    _, media_type = request.to_body()
    ours = {
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "ee-activity-http",
        "idempotency-key": key,
    }
    if request.idempotency_header:
        ours[request.idempotency_header.lower()] = key
    if media_type:
        ours["content-type"] = media_type
    if request.auth is not None:
        ours[HEADER] = request.auth.to_header()
    return ours | {name.lower(): value for name, value in request.headers.items()}


def _read_trust(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError is one
        raise PermanentActivityError(
            f"activities.http.ca_file {ca_file!r} cannot be used: {error}", code="tls"
        ) from error


def _broken_off(request: HttpInput, progress: Progress, error: httpx.TransportError) -> ActivityError:
    what = str(error) or type(error).__name__
    if isinstance(error, httpx.LocalProtocolError):
        return PermanentActivityError(f"the request cannot be written: {what}", code="bad_input")
    if _is_untrusted(error):
        return PermanentActivityError(f"the server is not who it should be: {what}", code="tls")
    code = "disconnected" if progress.began else "connect"
    if isinstance(error, httpx.ProxyError):
        code = "proxy"
    return _unknown(request, progress, code, what)


def _unknown(request: HttpInput, progress: Progress, code: str, what: str) -> ActivityError:
    """Say what is known after the network or the clock ended a request."""
    place = f" (at {progress.tried[-1]})" if progress.tried else ""
    if not progress.began:
        return TransientActivityError(f"nothing was sent{place}: {what}", code=code)
    if request.is_safe:
        return TransientActivityError(f"the answer did not come{place}: {what}", code=code)
    return LostActivityError(
        f"{request.method} was sent{place}, and nobody knows whether it took effect: {what}", code=code
    )


def _is_untrusted(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
