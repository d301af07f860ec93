"""A proxy: the operator's, never the environment's by itself, and what is judged before it is asked."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING

import pytest
from ee_activity_http import ee_open_activity
from ee_activity_http.egress import Egress, new_egress
from ee_activity_http.settings import read_settings

from ee_core.errors import (
    ConfigError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.local.env import SystemEnv
from ee_core.testing.attempts import failure_of

if TYPE_CHECKING:
    from pathlib import Path

_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


# -- what a proxy gets ---------------------------------------------------------------------------------------


async def test_a_proxy_gets_the_name_and_looks_it_up_itself(proxy, fetch) -> None:
    output = await fetch("http://erp.example/echo?a=1", set_proxy=proxy.url(""))

    assert output["status"] == 200
    [request] = proxy.received
    assert request.target == "http://erp.example/echo?a=1"
    assert request.headers["host"] == "erp.example"
    assert "proxy-authorization" not in request.headers


async def test_user_and_password_go_to_the_proxy(proxy, fetch) -> None:
    url = proxy.url("").replace("//", "//user:w%40rd@")

    await fetch("http://erp.example/echo", set_proxy=url)

    said = proxy.received[0].headers["proxy-authorization"]
    assert base64.b64decode(said.removeprefix("Basic ")) == b"user:w@rd"


async def test_tls_goes_through_a_tunnel_and_the_certificate_is_the_servers(
    proxy, tls_server, fetch, certificate: Path
) -> None:
    proxy.tunnel_to = tls_server.port
    settings = {"set_ca_file": str(certificate), "set_proxy": proxy.url("").replace("//", "//user:word@")}

    await fetch("https://localhost:9/echo", set_allow=["localhost"], **settings)
    refused = await failure_of(fetch("https://other.example/echo", **settings))

    assert [(each.method, each.target) for each in proxy.received] == [
        ("CONNECT", "localhost:9"),
        ("CONNECT", "other.example:443"),
    ]
    assert refused == (PermanentActivityError, "tls")
    [request] = tls_server.received
    assert "proxy-authorization" not in request.headers


async def test_a_proxy_with_tls_shows_the_certificate_of_its_own_name(
    tls_proxy, fetch, certificate: Path
) -> None:
    settings = {"set_ca_file": str(certificate)}

    await fetch("http://erp.example/echo", set_proxy=tls_proxy.url("", "localhost"), **settings)
    refused = await failure_of(fetch("http://erp.example/echo", set_proxy=tls_proxy.url(""), **settings))

    assert [request.target for request in tls_proxy.received] == ["http://erp.example/echo"]
    assert refused == (PermanentActivityError, "tls")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_was_sent_when_a_proxy_refuses_a_tunnel(proxy, fetch, method: str) -> None:
    proxy.refusal = 403

    failure = await failure_of(fetch("https://erp.example/", method=method, json=1, set_proxy=proxy.url("")))

    assert failure == (TransientActivityError, "proxy")


async def test_who_awaits_nothing_learns_that_a_proxy_refused(proxy, fetch) -> None:
    proxy.refusal = 403
    request = fetch(
        "https://erp.example/", method="POST", await_response=False, set_proxy=proxy.url(""), set_answer_s=20
    )

    assert await failure_of(request) == (TransientActivityError, "proxy")


@pytest.mark.parametrize("url", ["http://erp.example/", "https://erp.example/"])
async def test_nothing_was_sent_when_no_proxy_is_there(fetch, url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        there = f"http://127.0.0.1:{taken.getsockname()[1]}"

        assert await failure_of(fetch(url, method="POST", set_proxy=there)) == (
            TransientActivityError,
            "connect",
        )


@pytest.mark.parametrize(("path", "scheme"), [("/close", "http"), ("/close", "https")])
async def test_what_a_proxy_passed_on_is_lost_without_an_answer(
    proxy, tls_server, fetch, certificate: Path, path: str, scheme: str
) -> None:
    proxy.tunnel_to = tls_server.port
    request = fetch(
        f"{scheme}://localhost{path}",
        method="POST",
        json=1,
        set_proxy=proxy.url(""),
        set_allow=["localhost"],
        set_ca_file=str(certificate),
    )

    assert await failure_of(request) == (LostActivityError, "disconnected")


# -- what is judged ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "127.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "0",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "erp",
    ],
)
async def test_a_proxy_is_not_asked_for_what_is_not_public(proxy, fetch, host: str) -> None:
    request = fetch(f"http://{host}/echo", set_proxy=proxy.url(""), set_allow=[])

    assert await failure_of(request) == (PermanentActivityError, "egress")
    assert proxy.received == []


@pytest.mark.parametrize(
    "host", ["a%2e.example", "1.2.3.4.5", "256.256.256.256", "a.0x", "0177.0.0.1", "a..b"]
)
async def test_a_proxy_is_not_asked_for_what_it_may_read_as_an_address(proxy, fetch, host: str) -> None:
    kind, code = await failure_of(fetch(f"http://{host}/echo", set_proxy=proxy.url(""), set_allow=[]))

    assert (kind, code in ("bad_input", "egress")) == (PermanentActivityError, True)
    assert proxy.received == []


@pytest.mark.parametrize(
    ("entries", "host", "port"),
    [
        (["erp"], "ERP", 80),
        (["erp:8080"], "erp", 8080),
        (["*.plant.internal"], "a.plant.internal", 80),
        (["10.0.0.0/8"], "10.1.2.3", 80),
        (["127.0.0.1"], "127.1", 80),
        (["erp.example"], "erp.example", 80),
    ],
)
def test_an_entry_allows_what_it_names_by_a_proxy_too(entries, host, port) -> None:
    new_egress(entries, public=False).check_proxied(host, port)
    with pytest.raises(PermanentActivityError):
        Egress(public=False).check_proxied(host, port)


def test_without_public_places_a_name_must_be_listed_and_a_network_lists_none() -> None:
    egress = new_egress(["0.0.0.0/0", "::/0", "erp.example:443"], public=False)

    egress.check_proxied("erp.example", 443)
    for host, port in (("erp.example", 80), ("other.example", 443)):
        with pytest.raises(PermanentActivityError) as caught:
            egress.check_proxied(host, port)
        assert caught.value.error_code == "egress"


async def test_a_redirect_is_judged_by_a_proxy_too(proxy, fetch) -> None:
    url = "http://erp.example/redirect?to=http%3A%2F%2F169.254.169.254%2F"

    assert await failure_of(fetch(url, set_proxy=proxy.url(""))) == (PermanentActivityError, "egress")
    assert len(proxy.received) == 1


# -- which proxy ---------------------------------------------------------------------------------------------


async def test_the_environment_counts_only_when_the_setting_says_so(
    proxy, server, fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")

    await fetch(server.url("/echo"))
    assert (len(server.received), len(proxy.received)) == (1, 0)

    await fetch(server.url("/echo"), set_proxy="environment")
    assert (len(server.received), len(proxy.received)) == (1, 1)

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    await fetch(server.url("/echo"), set_proxy="environment")
    assert (len(server.received), len(proxy.received)) == (2, 1)


async def test_all_proxy_counts_for_what_has_none_of_its_own(
    proxy, fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url(""))

    await fetch("http://erp.example/echo", set_proxy="environment")

    assert len(proxy.received) == 1


async def test_an_environment_without_a_proxy_means_none(server, fetch) -> None:
    assert (await fetch(server.url("/echo"), set_proxy="environment"))["status"] == 200


async def test_what_is_judged_does_not_change_when_no_proxy_counts(
    fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")

    request = fetch("http://127.0.0.1/", set_proxy="environment", set_allow=[])

    assert await failure_of(request) == (PermanentActivityError, "egress")


async def test_a_variable_that_names_no_proxy_is_refused_without_its_password(
    fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://user:canary@127.0.0.1:9")

    with pytest.raises(
        PermanentActivityError, match=r"mend it, or name one in activities\.http\.proxy"
    ) as caught:
        await fetch("http://erp.example/", set_proxy="environment")

    assert caught.value.error_code == "proxy"
    assert "canary" not in caught.value.text


@pytest.mark.parametrize(
    "text",
    ["", "proxy:3128", "socks5://u:canary@a:1", "http://", "http://u:canary@a:1/path", "http://a:canary"],
)
def test_a_setting_that_names_no_proxy_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError, match=r"activities\.http\.proxy") as caught:
        ee_open_activity({"proxy": text}, SystemEnv())
    assert "canary" not in str(caught.value)


def test_the_settings_do_not_show_a_proxys_password() -> None:
    assert "canary" not in repr(read_settings({"proxy": "http://user:canary@proxy.example:3128"}))
