"""Which proxy a request goes through: the operator's setting decides, the environment's variables only if it says so."""

from __future__ import annotations

from typing import Final
from urllib.request import getproxies_environment, proxy_bypass

import httpx

from ee_core.errors import PermanentActivityError

ENVIRONMENT: Final = (
    "environment"  # the setting that lets HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY count
)


def parse_proxy(text: str) -> httpx.URL:
    """Read the URL of a proxy; user and password may stand in it.

    Raises:
        ValueError: It is none; the message does not repeat it, for it may hold a password.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError("is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"must be {ENVIRONMENT!r}, or begin with http:// or https:// and a host")
    if url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError("must end after its host and port")
    return url


def find_proxy(setting: str | None, url: httpx.URL) -> httpx.URL | None:
    """Return the proxy for a request to a URL; None: it goes there itself.

    Raises:
        PermanentActivityError: A variable of the environment that counts names no proxy (code ``proxy``).
    """
    if setting != ENVIRONMENT:
        return parse_proxy(setting) if setting is not None else None
    variables = getproxies_environment()
    text = variables.get(url.scheme) or variables.get("all")
    if not text or proxy_bypass(url.netloc.decode("ascii")):  # NO_PROXY, for there are variables
        return None
    try:
        return parse_proxy(text if "://" in text else f"http://{text}")
    except ValueError as error:
        raise PermanentActivityError(
            f"the environment's proxy for {url.scheme}:// {error}; mend it, or name one in activities.http.proxy",
            code="proxy",
        ) from None
