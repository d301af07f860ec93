"""Where requests may go: judged by address, and connected to that very address."""

from __future__ import annotations

import asyncio
import socket

import pytest
from ee_activity_http.egress import Egress, new_egress, parse_rule

from ee_core.errors import PermanentActivityError, TransientActivityError

NOT_PUBLIC = [
    "127.0.0.1",
    "127.8.9.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%1",
    "fd00::1",
    "fc00::1",
    "ff02::1",
    "ff0e::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "::10.0.0.1",
    "::2",
    "::ffff:0:127.0.0.1",
    "::ffff:0:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not Egress().allows("any.example.org", 443, address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::808:808"]
)
def test_public_addresses_may_be_reached_unless_only_the_list_counts(address: str) -> None:
    assert Egress().allows("any.example.org", 443, address)
    assert not Egress(public=False).allows("any.example.org", 443, address)


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "allowed"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1", True),
        ("127.0.0.1:8080", "127.0.0.1", 8081, "127.0.0.1", False),
        ("127.0.0.1", "other", 1, "127.0.0.1", True),
        ("127.0.0.1", "other", 1, "::ffff:127.0.0.1", True),
        ("127.0.0.1", "other", 1, "127.0.0.2", False),
        ("10.0.0.0/8", "erp", 443, "10.255.0.1", True),
        ("10.0.0.0/8:443", "erp", 80, "10.255.0.1", False),
        ("fd00::/8", "erp", 80, "fd12::1", True),
        ("[::1]:80", "erp", 80, "::1", True),
        ("[::1]:80", "erp", 81, "::1", False),
        ("::1", "erp", 81, "::1", True),
        ("localhost:8080", "localhost", 8080, "127.0.0.1", True),
        ("LocalHost", "LOCALHOST.", 1, "::1", True),
        ("erp.example.org", "erp.example.org", 443, "10.0.0.1", True),
        ("erp.example.org", "x.erp.example.org", 443, "10.0.0.1", False),
        ("*.example.org", "a.b.example.org", 443, "10.0.0.1", True),
        ("*.example.org", "example.org", 443, "10.0.0.1", False),
        ("*.example.org", "badexample.org", 443, "10.0.0.1", False),
        ("*.example.org", "a.example.org", 443, "169.254.169.254", False),
        ("*.example.org", "a.example.org", 443, "fe80::1", False),
        ("*.example.org", "a.example.org", 443, "0.0.0.0", False),
        ("169.254.169.254", "metadata", 80, "169.254.169.254", True),
    ],
)
def test_an_entry_allows_what_it_names(entry: str, host: str, port: int, address: str, allowed: bool) -> None:
    assert new_egress([entry], public=False).allows(host, port, address) is allowed


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.",
        "a b",
        "http://a",
        "10.0.0.1/33",
        "10.0.0.1/8",
        "1.2.3",
        "a:b",
        "a:0",
        "a:70000",
        "a/8",
        "[::1",
    ],
)
def test_what_is_no_entry_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"entry|port"):
        parse_rule(entry)


async def test_all_addresses_of_a_name_must_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(host, port, *, type):
        return [(socket.AF_INET, type, 0, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    with pytest.raises(
        PermanentActivityError, match=r"mixed\.example:443 is at 127\.0\.0\.1, which may not"
    ) as caught:
        await Egress().resolve("mixed.example", 443)
    assert caught.value.error_code == "egress"


@pytest.mark.parametrize(
    ("host", "address", "entry"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:8899"),
        ("127.1", "127.0.0.1", "127.0.0.1:8899"),
        ("Shop.lab.", "10.0.0.7", "shop.lab:8899"),
        ("::1", "::1", "[::1]:8899"),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.7", "10.0.0.7:8899"),
        ("metadata.example", "169.254.169.254", "169.254.169.254:8899"),
    ],
)
async def test_a_refusal_has_the_entry_that_would_allow_it_where_it_goes_and_that_it_takes_a_restart(
    monkeypatch: pytest.MonkeyPatch, host: str, address: str, entry: str
) -> None:
    async def getaddrinfo(host, port, *, type):
        return [(socket.AF_INET, type, 0, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    with pytest.raises(PermanentActivityError) as caught:
        await Egress().resolve(host, 8899)

    assert caught.value.text.endswith(
        "may not be reached from here; whoever runs this process, an engine or a bot, may allow it:"
        f' allow = ["{entry}"] under [activities.http] in its ee.toml (beside the entries there), then start it again'
    )
    assert await new_egress([entry], public=True).resolve(host, 8899) == [address]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "::1"])
async def test_loopback_is_seen_however_it_is_written(host: str) -> None:
    with pytest.raises((PermanentActivityError, TransientActivityError)) as caught:
        await Egress().resolve(host, 80)
    assert caught.value.error_code in ("egress", "dns")  # some resolvers do not take the odd ways


async def test_a_name_without_an_address_may_have_one_later() -> None:
    with pytest.raises(TransientActivityError) as caught:
        await Egress().resolve("no-such-name.invalid", 80)
    assert caught.value.error_code == "dns"


async def test_what_is_no_name_is_refused() -> None:
    with pytest.raises(PermanentActivityError) as caught:
        await Egress().resolve("a" * 70 + ".example", 80)
    assert caught.value.error_code == "bad_input"
