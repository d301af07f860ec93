"""Sends one request to an address that was judged, and follows redirects of safe methods the same way.

The URL that httpx gets holds the address; the header Host and the name that TLS checks are the host's. A proxy gets the
host instead, and looks it up itself. No cookie and no password file of the machine takes part.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from ee_activity_http.parameters import to_query
from ee_activity_http.proxy import find_proxy
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


@dataclass(frozen=True, slots=True)
class Outlet:
    """How requests leave this process; the operator's will."""

    egress: Egress
    trust: ssl.SSLContext
    proxy: str | None = None  # as of `find_proxy`


@dataclass(slots=True)
class Progress:
    """How far a request came; what may have happened follows from it."""

    on_sent: Callable[[], None]  # called when the whole request was handed to the system
    began: bool = False  # a byte of a request may have left: the server may have acted
    sent: bool = False  # all of it did
    tried: list[str] = field(default_factory=list)  # addresses, for messages
    _is_for_proxy: bool = False  # what leaves now asks a proxy for a tunnel; the server sees nothing of it

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Follow httpcore's events."""
        if event.endswith(".send_request_headers.started"):
            self._is_for_proxy = info["request"].method == b"CONNECT"
        if self._is_for_proxy:
            return
        if event.endswith(".send_request_headers.started"):
            self.began = True
        elif event.endswith(".send_request_body.complete"):
            self.sent = True
            self.on_sent()


@asynccontextmanager
async def exchange(
    request: HttpInput, headers: dict[str, str], outlet: Outlet, progress: Progress
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
    for _ in range(MAX_REDIRECTS + 1):
        async with _send(request, url, headers, outlet, progress) as response:
            target = _redirect(request, url, response)
            if target is None:
                yield response
                return
        if (target.scheme, target.host, _port(target)) != (url.scheme, url.host, _port(url)):
            headers = {name: value for name, value in headers.items() if name in _KEPT_ABROAD}
        url = target
    raise PermanentActivityError(
        f"more than {MAX_REDIRECTS} redirects, the last to {_place(url)}", code="redirects"
    )


@asynccontextmanager
async def _send(
    request: HttpInput, url: httpx.URL, headers: dict[str, str], outlet: Outlet, progress: Progress
) -> AsyncIterator[httpx.Response]:
    """Send one message, by a proxy or to the first address that takes a connection."""
    proxy = find_proxy(outlet.proxy, url)
    through = (
        httpx.Proxy(proxy, ssl_context=outlet.trust if proxy.scheme == "https" else None) if proxy else None
    )
    # the transport alone: a client would add headers and cookies of its own, and log the URL with its query
    async with httpx.AsyncHTTPTransport(verify=outlet.trust, trust_env=False, proxy=through) as transport:
        if proxy is not None:
            outlet.egress.check_proxied(_host(url), _port(url))
            progress.tried.append(f"the proxy {proxy.host}")
            # no name for TLS is given: it would be taken for the proxy's
            message = _message(request, url, url, headers, {"trace": progress.trace})
            response = await transport.handle_async_request(message)
        else:
            addresses = await outlet.egress.resolve(_host(url), _port(url))
            response = await _send_to_one(transport, request, url, headers, addresses, progress)
        try:
            yield response
        finally:
            await response.aclose()


async def _send_to_one(
    transport: httpx.AsyncHTTPTransport,
    request: HttpInput,
    url: httpx.URL,
    headers: dict[str, str],
    addresses: list[str],
    progress: Progress,
) -> httpx.Response:
    """Send to the first address that takes a connection; nothing has left before that."""
    extensions = {"sni_hostname": _host(url), "trace": progress.trace}
    for place, address in enumerate(addresses, 1):
        progress.tried.append(address)
        try:
            return await transport.handle_async_request(
                _message(request, url, url.copy_with(host=address), headers, extensions)
            )
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if place == len(addresses):
                raise
    raise AssertionError("a host that was resolved has an address")


def _message(
    request: HttpInput, url: httpx.URL, place: httpx.URL, headers: dict[str, str], extensions: dict[str, Any]
) -> httpx.Request:
    body, _ = request.to_body()
    return httpx.Request(
        request.method,
        place,
        headers={**headers, "host": url.netloc.decode("ascii")},
        content=body,
        extensions={"timeout": _TIMEOUT, **extensions},
    )


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
