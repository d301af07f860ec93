"""What the activity sends, what it gives, and what it makes of each kind of failure."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from ee_activity_http import ee_open_activity

from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import (
    ActivityError,
    ConfigError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.local.env import SystemEnv
from ee_core.testing.activity import new_context
from ee_core.testing.attempts import failure_of

if TYPE_CHECKING:
    from pathlib import Path


# -- what is sent --------------------------------------------------------------------------------------------


async def test_a_get_gives_status_headers_and_parsed_json(server, fetch) -> None:
    output = await fetch(server.url("/echo?a=1"))

    assert output["status"] == 200
    assert output["headers"]["content-type"] == "application/json"
    assert output["body"]["query"] == {"a": "1"}
    assert output["body"]["headers"]["host"] == f"127.0.0.1:{server.port}"


async def test_json_and_text_are_sent_with_their_media_type(server, fetch) -> None:
    as_json = await fetch(server.url("/echo"), method="post", json={"a": "ü"})
    as_null = await fetch(server.url("/echo"), method="POST", json=None)
    as_text = await fetch(server.url("/echo"), method="PUT", text="ü")
    own = await fetch(server.url("/echo"), method="PUT", text="a", headers={"Content-Type": "text/csv"})

    assert (as_json["body"]["headers"]["content-type"], as_json["body"]["text"]) == (
        "application/json",
        '{"a": "ü"}',
    )
    assert as_null["body"]["text"] == "null"
    assert as_text["body"]["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert as_text["body"]["text"] == "ü"
    assert own["body"]["headers"]["content-type"] == "text/csv"


async def test_every_attempt_of_a_visit_has_the_same_idempotency_key(server, make_activity) -> None:
    for attempt in (1, 2):
        await make_activity().run(
            new_context("a#1", attempt=attempt), {"method": "POST", "url": server.url("/echo")}
        )

    assert [request.headers["idempotency-key"] for request in server.received] == ["job/a#1", "job/a#1"]


async def test_nothing_of_the_machine_takes_part(server, fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    output = await fetch(server.url("/echo"))

    assert sorted(output["body"]["headers"]) == [
        "accept",
        "accept-encoding",
        "host",
        "idempotency-key",
        "user-agent",
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"url": "ftp://a"},
        {"url": "file:///etc/passwd"},
        {"url": "//a"},
        {"url": "http://"},
        {"url": "http://user:word@a/"},
        {"url": "http://a:99999/"},
        {"url": "http://a:0/"},
        {"url": "http://a", "method": "TRACE"},
        {"url": "http://a", "method": 5},
        {"url": "http://a", "json": 1, "text": "a"},
        {"url": "http://a", "headers": {"a b": "c"}},
        {"url": "http://a", "headers": {"a": "b\r\nc: d"}},
        {"url": "http://a", "headers": {"Host": "b"}},
        {"url": "http://a", "headers": {"Content-Length": "1"}},
        {"url": "http://a", "timeout_s": 0},
        {"url": "http://a", "unknown": 1},
    ],
)
async def test_a_bad_input_is_refused_for_good(make_activity, value: object) -> None:
    assert await failure_of(make_activity().run(new_context(), value)) == (
        PermanentActivityError,
        "bad_input",
    )


# -- what is given -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media_type", "body", "expected"),
    [
        ("application/json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("application/problem+json; charset=utf-8", b"1", 1),
        ("application/json", b"{", "{"),
        ("application/json", b"NaN", "NaN"),
        ("application/json", b"1e999", "1e999"),
        ("application/json", b'"\\ud800"', '"\\ud800"'),
        ("application/json", b"[" * 1900, "[" * 1900),
        ("application/json", b"", ""),
        ("text/plain", b'{"a": 1}', '{"a": 1}'),
        ("text/plain; charset=latin-1", b"\xfc", "ü"),
        ("text/plain; charset=nothing", "ü".encode(), None),
        ("", b"plain", "plain"),
    ],
)
async def test_a_body_is_json_when_it_says_so_and_is(server, fetch, media_type, body, expected) -> None:
    output = await fetch(server.url(f"/body?type={quote(media_type)}&hex={body.hex()}"))

    if expected is None:
        assert output["body_encoding"] == "base64"
    else:
        assert (output["body"], "body_encoding" in output) == (expected, False)


async def test_bytes_that_are_no_text_come_in_base64(server, fetch) -> None:
    output = await fetch(server.url("/body?hex=ff00"))

    assert (output["body"], output["body_encoding"]) == ("/wA=", "base64")


@pytest.mark.parametrize("path", ["/large?bytes=1001", "/gzip?bytes=1001", "/gzip?bytes=5000000"])
async def test_a_larger_answer_is_refused_before_it_fills_the_memory(server, fetch, path: str) -> None:
    assert await failure_of(fetch(server.url(path), set_max_response_bytes=1000)) == (
        PermanentActivityError,
        "too_large",
    )


@pytest.mark.parametrize("path", ["/large?bytes=1000", "/gzip?bytes=1000", "/gzip?bytes=1000&as=x-gzip"])
async def test_an_answer_of_the_limit_is_taken(server, fetch, path: str) -> None:
    assert (await fetch(server.url(path), set_max_response_bytes=1000))["body"] == "a" * 1000


@pytest.mark.parametrize("path", ["/gzip?bytes=5&as=br", "/gzip?bytes=5&as=deflate%2C+gzip"])
async def test_a_coding_nobody_asked_for_is_refused(server, fetch, path: str) -> None:
    assert await failure_of(fetch(server.url(path))) == (PermanentActivityError, "bad_response")


# -- failures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "kind"),
    [
        ("GET", 400, PermanentActivityError),
        ("GET", 404, PermanentActivityError),
        ("POST", 409, PermanentActivityError),
        ("POST", 408, TransientActivityError),
        ("POST", 425, TransientActivityError),
        ("POST", 429, TransientActivityError),
        ("POST", 503, TransientActivityError),
        ("GET", 500, TransientActivityError),
        ("PUT", 502, TransientActivityError),
        ("POST", 500, ActivityError),
        ("PATCH", 504, ActivityError),
        ("GET", 501, PermanentActivityError),
        ("POST", 505, PermanentActivityError),
    ],
)
async def test_an_error_status_fails_with_its_code_and_advice(server, fetch, method, status, kind) -> None:
    assert await failure_of(fetch(server.url(f"/status?code={status}"), method=method)) == (
        kind,
        f"http_{status}",
    )


async def test_the_text_of_an_error_has_the_beginning_of_the_body(server, fetch) -> None:
    with pytest.raises(ActivityError) as caught:
        await fetch(server.url("/nothing"))

    assert caught.value.text == "the server answered 404 Word: no such thing"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("999999", 3600.0), ("soon", None), ("-1", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
async def test_the_servers_wish_to_wait_is_passed_on_within_an_hour(server, fetch, text, seconds) -> None:
    with pytest.raises(TransientActivityError) as caught:
        await fetch(server.url(f"/status?code=503&after={quote(text)}"))

    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_connection_means_that_nothing_was_sent(fetch, method: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"

        assert await failure_of(fetch(url, method=method)) == (TransientActivityError, "connect")


@pytest.mark.parametrize(
    ("path", "code"),
    [("/slow", "timeout"), ("/hang", "timeout"), ("/close", "disconnected"), ("/half", "disconnected")],
)
@pytest.mark.parametrize(
    ("method", "kind"),
    [("GET", TransientActivityError), ("POST", LostActivityError), ("PUT", LostActivityError)],
)
async def test_what_nobody_knows_is_lost_unless_the_method_is_safe(
    server, fetch, path, code, method, kind
) -> None:
    timeout_s = 0.5 if code == "timeout" else 20.0

    assert await failure_of(fetch(server.url(path), method=method, timeout_s=timeout_s)) == (kind, code)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_an_attempt_sends_once_whatever_becomes_of_it(server, fetch, method: str) -> None:
    await failure_of(fetch(server.url("/close"), method=method, json=1))

    assert [(request.method, request.body) for request in server.received] == [(method, b"1")]


@pytest.mark.parametrize("header", ["X-Request-Id", "Idempotency-Key"])
async def test_a_server_that_knows_repetitions_gets_the_key_in_its_own_header(
    server, fetch, header: str
) -> None:
    await fetch(server.url("/echo"), method="POST", idempotency_header=header)
    lost = await failure_of(fetch(server.url("/close"), method="POST", idempotency_header=header))
    refused = await failure_of(
        fetch(server.url("/status?code=500"), method="POST", idempotency_header=header)
    )

    assert {request.headers[header.lower()] for request in server.received} == {"job/node#1"}
    assert {request.headers["idempotency-key"] for request in server.received} == {"job/node#1"}
    assert lost == (LostActivityError, "disconnected")  # what follows is the node's `on_lost`
    assert refused == (TransientActivityError, "http_500")


async def test_a_key_of_the_authors_own_is_sent_as_it_is(server, fetch) -> None:
    await fetch(
        server.url("/echo"),
        method="POST",
        idempotency_header="X-Request-Id",
        headers={"x-request-id": "invoice-7"},
    )

    assert server.received[0].headers["x-request-id"] == "invoice-7"


async def test_a_time_out_before_anything_was_sent_is_not_lost(
    make_activity, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_arguments, **_options):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    value = {"method": "POST", "url": "http://name.example/", "timeout_s": 0.05}

    assert await failure_of(make_activity().run(new_context(), value)) == (TransientActivityError, "timeout")


# -- fire and forget -----------------------------------------------------------------------------------------


async def test_an_answer_nobody_awaits_is_not_awaited_and_its_absence_is_no_failure(server, fetch) -> None:
    nothing = {"status": None, "headers": {}, "body": None}
    for path in ("/slow", "/close"):
        output = await fetch(server.url(path), method="POST", json=1, await_response=False, set_answer_s=0.05)
        assert output == nothing
    assert [request.body for request in server.received] == [b"1", b"1"]


async def test_a_quick_answer_nobody_awaits_is_still_looked_at(server, fetch) -> None:
    output = await fetch(server.url("/echo"), method="POST", await_response=False)

    assert (output["status"], output["body"]) == (200, None)
    bad = fetch(server.url("/status?code=404"), method="POST", await_response=False)
    assert await failure_of(bad) == (PermanentActivityError, "http_404")


async def test_who_awaits_nothing_still_learns_that_nothing_was_sent(fetch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"

        assert await failure_of(fetch(url, method="POST", await_response=False)) == (
            TransientActivityError,
            "connect",
        )


# -- where it goes -------------------------------------------------------------------------------------------


async def test_loopback_is_refused_unless_it_is_allowed(server, fetch) -> None:
    assert await failure_of(fetch(server.url("/echo"), set_allow=[])) == (PermanentActivityError, "egress")
    assert server.received == []
    assert (await fetch(server.url("/echo"), set_allow=[f"127.0.0.1:{server.port}"]))["status"] == 200


async def test_a_name_is_resolved_once_and_that_very_address_is_connected_to(
    server, fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that moves to another address after it was judged: only the first look counts."""
    loop = asyncio.get_running_loop()
    looked_up = []

    async def getaddrinfo(host, port, **options):
        if host != "moving.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.99"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)

    output = await fetch(server.url("/echo", "moving.example"), set_allow=[f"127.0.0.1:{server.port}"])

    assert looked_up == ["moving.example"]
    assert output["body"]["headers"]["host"] == f"moving.example:{server.port}"


async def test_the_next_address_is_tried_only_when_the_first_takes_no_connection(
    server, fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(host, port, **options):
        addresses = ("127.0.0.2", "127.0.0.1") if host == "two.example" else (host,)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    assert (await fetch(server.url("/echo", "two.example"), method="POST"))["status"] == 200
    assert len(server.received) == 1


async def test_a_safe_method_follows_redirects(server, fetch) -> None:
    output = await fetch(server.url(f"/redirect?code=307&to={quote('/echo?b=2')}"))

    assert output["body"]["query"] == {"b": "2"}


async def test_another_method_gets_the_redirect_as_its_answer(server, fetch) -> None:
    output = await fetch(server.url("/redirect?code=303&to=/echo"), method="POST")

    assert (output["status"], output["headers"]["location"]) == (303, "/echo")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://169.254.169.254/latest/meta-data", "egress"),
        ("http://[::1]:1/", "egress"),
        ("file:///etc/passwd", "redirects"),
        ("http://user:word@127.0.0.1/", "redirects"),
        ("http://127.0.0.1:99999/", "redirects"),
    ],
)
async def test_each_redirect_is_judged_anew(server, fetch, target: str, code: str) -> None:
    redirect = server.url(f"/redirect?to={quote(target)}")

    assert await failure_of(fetch(redirect)) == (PermanentActivityError, code)


async def test_redirects_end(server, fetch) -> None:
    target = "/echo"
    for _ in range(6):
        target = f"/redirect?to={quote(target, safe='')}"

    assert await failure_of(fetch(server.url(target))) == (PermanentActivityError, "redirects")
    assert len(server.received) == 6


async def test_secrets_do_not_follow_a_redirect_to_another_place(server, fetch) -> None:
    elsewhere = server.url("/echo", "127.0.0.2").replace("127.0.0.2", "localhost")
    headers = {"Authorization": "canary", "X-Api-Key": "canary", "Accept": "text/plain"}

    same = await fetch(server.url("/redirect?to=/echo"), headers=headers)
    other = await fetch(
        server.url(f"/redirect?to={quote(elsewhere)}"), headers=headers, set_allow=["127.0.0.1", "::1"]
    )

    assert same["body"]["headers"]["authorization"] == "canary"
    assert "canary" not in json.dumps(other["body"])
    assert other["body"]["headers"]["accept"] == "text/plain"


async def test_a_query_is_not_shown_in_errors(server, fetch) -> None:
    with pytest.raises(ActivityError) as caught:
        await fetch(server.url("/redirect?key=canary&to=file:///x"))
    assert "canary" not in caught.value.text


async def test_a_query_is_not_shown_in_logs(server, fetch, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        await fetch(server.url("/echo?key=canary"), headers={"X-Api-Key": "canary"})
    assert "canary" not in caplog.text


# -- TLS -----------------------------------------------------------------------------------------------------


async def test_tls_checks_the_name_though_the_address_is_connected_to(
    tls_server, fetch, certificate: Path
) -> None:
    output = await fetch(
        tls_server.url("/echo", "localhost"), set_ca_file=str(certificate), set_allow=["localhost"]
    )

    assert output["body"]["headers"]["host"] == f"localhost:{tls_server.port}"


async def test_a_certificate_for_another_name_is_refused_for_good(
    tls_server, fetch, certificate: Path
) -> None:
    assert await failure_of(fetch(tls_server.url("/echo"), set_ca_file=str(certificate))) == (
        PermanentActivityError,
        "tls",
    )
    assert tls_server.received == []


async def test_a_certificate_nobody_trusts_is_refused_for_good(tls_server, fetch) -> None:
    assert await failure_of(fetch(tls_server.url("/echo", "localhost"), set_allow=["localhost"])) == (
        PermanentActivityError,
        "tls",
    )


async def test_a_redirect_never_leaves_tls(tls_server, fetch, certificate: Path) -> None:
    url = tls_server.url("/redirect?to=http%3A%2F%2F127.0.0.1%3A1%2F", "localhost")

    failure = await failure_of(fetch(url, set_ca_file=str(certificate), set_allow=["localhost"]))

    assert failure == (PermanentActivityError, "redirects")


async def test_a_file_of_certificates_that_cannot_be_read_is_named(fetch, tmp_path: Path) -> None:
    failure = await failure_of(fetch("https://localhost/", set_ca_file=str(tmp_path / "none.pem")))

    assert failure == (PermanentActivityError, "tls")


# -- the plugin ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "idempotent"),
    [
        ({"url": "u"}, True),
        ({"url": "u", "method": "get"}, True),
        ({"url": "u", "method": "PUT"}, True),
        ({"url": "u", "method": "DELETE"}, True),
        ({"url": "u", "method": "POST"}, False),
        ({"url": "u", "method": "PATCH"}, False),
        ({"url": "u", "method": "${ inputs.m }"}, False),
        ({"url": "u", "method": None}, False),
        ({"url": "u", "method": "POST", "idempotency_header": "X-Request-Id"}, True),
        ({"url": "u", "method": "${ inputs.m }", "idempotency_header": "X-Request-Id"}, True),
        ({"url": "u", "method": "POST", "idempotency_header": "${ inputs.h }"}, False),
        ({"url": "u", "method": "POST", "idempotency_header": ""}, False),
        ({"url": "u", "method": "POST", "headers": {"Idempotency-Key": "a"}}, False),
        ("${ inputs.all }", False),
        (None, False),
    ],
)
def test_only_a_literal_idempotent_method_may_be_repeated(
    make_activity, template: object, idempotent: bool
) -> None:
    assert make_activity().traits_for(template) == ActivityTraits(stateless=True, idempotent=idempotent)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alow": []}, r"unknown key 'activities\.http\.alow'; known are allow, public"),
        ({"allow": ["10.0.0.0/99"]}, r"activities\.http\.allow: value error, '10\.0\.0\.0/99' is no entry"),
        ({"timeout_s": 0}, r"activities\.http\.timeout_s: input should be greater than 0, got 0"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ee_open_activity(settings, SystemEnv())


def test_a_list_may_be_given_as_one_text(make_activity) -> None:
    activity = ee_open_activity({"allow": "127.0.0.1:80, *.example.org"}, SystemEnv())

    assert activity.name == "http"
