"""Ways to make the activity reach what it must not, or hold more than it can; each ends before anything is reached."""

from __future__ import annotations

import asyncio
import json
import socket
import tracemalloc
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from ee_core.errors import ActivityError, PermanentActivityError
from ee_core.testing.attempts import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC = "93.184.216.34"


@pytest.fixture
async def internet(server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[str], list[str]]]:
    """Answer names one address after the other, and connect public addresses to the tests' server."""
    loop = asyncio.get_running_loop()
    connect = loop.create_connection
    looked_up: list[str] = []
    connected: list[str] = []

    async def create_connection(factory: Any, host: str, port: int, **options: Any) -> Any:
        connected.append(host)
        assert host == PUBLIC, "nothing but the public address may be connected to"
        return await connect(factory, "127.0.0.1", server.port, **options)

    def begin(**answers: list[str]) -> tuple[list[str], list[str]]:
        async def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
            looked_up.append(host)
            found = answers.get(host.removesuffix(".example"))
            address = found.pop(0) if found else host
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "create_connection", create_connection)
        return looked_up, connected

    return begin


async def test_a_name_that_is_public_when_judged_and_private_when_connected_to(
    server, fetch, internet
) -> None:
    looked_up, connected = internet(rebound=[PUBLIC, "127.0.0.1"])

    output = await fetch("http://rebound.example/echo", set_allow=[])
    again = await failure_of(fetch("http://rebound.example/echo", set_allow=[]))

    assert output["body"]["headers"]["host"] == "rebound.example"
    assert again == (PermanentActivityError, "egress")
    assert looked_up == ["rebound.example", "rebound.example"]  # once for each request
    assert connected == [PUBLIC]
    assert len(server.received) == 1


async def test_a_redirect_to_the_same_name_at_another_address(server, fetch, internet) -> None:
    _, connected = internet(rebound=[PUBLIC, "10.0.0.1"])
    url = f"http://rebound.example/redirect?to={quote('http://rebound.example/echo')}"

    assert await failure_of(fetch(url, set_allow=[])) == (PermanentActivityError, "egress")
    assert connected == [PUBLIC]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
    ],
)
async def test_a_redirect_from_a_public_place_to_one_that_is_not(server, fetch, internet, host: str) -> None:
    # IPv6 comes as itself from the resolver, as from the machine's
    _, connected = internet(public=[PUBLIC], **{host: [host.strip("[]")]})
    url = f"http://public.example/redirect?to={quote(f'http://{host}/echo')}"

    assert await failure_of(fetch(url, set_allow=[])) == (PermanentActivityError, "egress")
    assert connected == [PUBLIC]


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.01",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "127.0.0.%31",
        "127。0。0。1",
        "①②⑦.⓪.⓪.①",
    ],
)
async def test_this_machine_however_it_is_written(server, fetch, host: str) -> None:
    """The real resolver: what it takes for this machine is refused, and the rest is no address to it."""
    kind, code = await failure_of(fetch(server.url("/echo", host), set_allow=[]))

    assert issubclass(kind, ActivityError)
    assert code in ("egress", "dns", "bad_input")
    assert server.received == []


@pytest.mark.parametrize(
    "url",
    ["http://user:canary@public.example/", "http://canary@public.example/", "http://:canary@public.example/"],
)
async def test_credentials_in_a_url_are_refused_and_not_shown(fetch, internet, url: str) -> None:
    looked_up, _ = internet(public=[PUBLIC])

    with pytest.raises(PermanentActivityError) as caught:
        await fetch(url)

    assert caught.value.error_code == "bad_input"
    assert "canary" not in caught.value.text
    assert looked_up == []


@pytest.mark.parametrize("target", ["http://other.example/echo", "http://public.example:8080/echo"])
async def test_secrets_for_one_origin_do_not_reach_another(server, fetch, internet, target: str) -> None:
    internet(public=[PUBLIC, PUBLIC], other=[PUBLIC])
    headers = dict.fromkeys(("Authorization", "Cookie", "X-Api-Key"), "canary")

    output = await fetch(
        f"http://public.example/redirect?to={quote(target)}",
        headers=headers,
        idempotency_header="X-Request-Id",
        set_allow=[],
    )

    first, second = server.received
    assert first.headers["authorization"] == "canary"
    assert "canary" not in json.dumps(output["body"])
    assert set(second.headers) == {"accept", "accept-encoding", "host", "user-agent"}


async def test_an_answer_of_a_gibibyte_is_cut_at_the_limit(server, fetch) -> None:
    tracemalloc.start()
    try:
        failure = await failure_of(
            fetch(server.url(f"/endless?bytes={1 << 30}"), set_max_response_bytes=100_000)
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert failure == (PermanentActivityError, "too_large")
    assert peak < 20_000_000
    assert server.written < 64_000_000  # what the system's buffers take, and no more
