"""Sends one request to an address that was judged, and follows redirects of safe methods the same way.

The URL that httpx gets holds the address; the header Host and the name that TLS checks are the host's. No proxy, no
cookie and no password file of the machine takes part.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from ee_activity_http.parameters import to_query
from ee_core.errors import PermanentActivityError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from ee_activity_http.egress import Egress
    from ee_activity_http.request import HttpInput

MAX_REDIRECTS: Final = 5
_TIMEOUT: Final = {"connect": 10.0}  # seconds for one address; the time for everything is the caller's
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEPT_ABROAD: Final = frozenset({"accept", "accept-language", "accept-encoding", "user-agent"})
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(slots=True)
class Progress:
    """How far a request came; what may have happened follows from it."""

    on_sent: Callable[[], None]  # called when the whole request was handed to the system
    began: bool = False  # a byte of a request may have left: the server may have acted
    sent: bool = False  # all of it did
    tried: list[str] = field(default_factory=list)  # addresses, for messages

    async def trace(self, event: str, _info: dict[str, Any]) -> None:
        """Follow httpcore's events."""
        if event.endswith(".send_request_headers.started"):
            self.began = True
        elif event.endswith(".send_request_body.complete"):
            self.sent = True
            self.on_sent()


@asynccontextmanager
async def exchange(
    request: HttpInput, headers: dict[str, str], egress: Egress, trust: ssl.SSLContext, progress: Progress
) -> AsyncIterator[httpx.Response]:
    """Send a request and give its answer, the body not yet read.

    Raises:
        ActivityError: The destination is not allowed, has no address, or redirects badly.
        httpx.TransportError: The network failed.
    """
    try:
        url = _with_query(_parse_url(request.url), to_query(request.query))
    except (httpx.InvalidURL, ValueError) as error:
        raise PermanentActivityError(f"url: {error}", code="bad_input") from error
    # the transport alone: a client would add headers and cookies of its own, and log the URL with its query
    async with httpx.AsyncHTTPTransport(verify=trust, trust_env=False) as transport:
        for _ in range(MAX_REDIRECTS + 1):
            addresses = await egress.resolve(_host(url), _port(url))
            response = await _send(transport, request, url, headers, addresses, progress)
            try:
                target = _redirect(request, url, response)
                if target is None:
                    yield response
                    return
            finally:
                await response.aclose()
            if (target.scheme, target.host, _port(target)) != (url.scheme, url.host, _port(url)):
                headers = {name: value for name, value in headers.items() if name in _KEPT_ABROAD}
            url = target
        raise PermanentActivityError(
            f"more than {MAX_REDIRECTS} redirects, the last to {_place(url)}", code="redirects"
        )


async def _send(
    transport: httpx.AsyncHTTPTransport,
    request: HttpInput,
    url: httpx.URL,
    headers: dict[str, str],
    addresses: list[str],
    progress: Progress,
) -> httpx.Response:
    """Send to the first address that takes a connection; nothing has left before that."""
    body, _ = request.to_body()
    for place, address in enumerate(addresses, 1):
        progress.tried.append(address)
        message = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers={**headers, "host": url.netloc.decode("ascii")},
            content=body,
            extensions={"sni_hostname": _host(url), "trace": progress.trace, "timeout": _TIMEOUT},
        )
        try:
            response = await transport.handle_async_request(message)
            response.request = message
            return response
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if place == len(addresses):
                raise
    raise AssertionError("a host that was resolved has an address")


def _redirect(request: HttpInput, url: httpx.URL, response: httpx.Response) -> httpx.URL | None:
    """Return where a safe request is sent on to; other methods get the redirect as their answer."""
    if response.status_code not in _REDIRECTS or not request.is_safe or "location" not in response.headers:
        return None
    if request.expect is not None and request.expect.has(response.status_code):
        return None  # the redirect itself is what the workflow wants to know
    try:
        target = _parse_url(str(url.join(response.headers["location"])))
    except (httpx.InvalidURL, ValueError) as error:
        raise PermanentActivityError(
            f"{_place(url)} redirects to no URL that is possible here: {error}", code="redirects"
        ) from error
    if url.scheme == "https" and target.scheme != "https":
        raise PermanentActivityError(
            f"{_place(url)} redirects to {_place(target)}, without TLS", code="redirects"
        )
    return target


def _parse_url(text: str) -> httpx.URL:
    """Read an absolute URL.

    Raises:
        ValueError: It is none that we send to. httpx.InvalidURL: it is no URL at all.
    """
    url = httpx.URL(text)
    if url.scheme not in _PORTS or not url.host:
        raise ValueError(f"it must begin with http:// or https:// and a host, not with {url.scheme!r}")
    if url.port is not None and not 0 < url.port < 65_536:
        raise ValueError(f"a port is a number from 1 to 65535, not {url.port}")
    if url.userinfo:
        raise ValueError("a user or password does not belong there; use a header")
    return url


def _with_query(url: httpx.URL, query: str) -> httpx.URL:
    """Add to a URL's query, what it has left as it is."""
    parts = [part for part in (url.query.decode("ascii"), query) if part]
    return url.copy_with(query="&".join(parts).encode("ascii")) if query else url


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS[url.scheme]


def _place(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"  # a query may hold secrets
