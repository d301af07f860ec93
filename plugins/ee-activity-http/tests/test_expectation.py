"""What a workflow asks of an answer: its status, and what its body is."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from ee_core.errors import ActivityError, PermanentActivityError, TransientActivityError


@pytest.mark.parametrize(
    ("status", "expected"),
    [(204, 204), (404, [200, 404]), (500, "5xx"), (201, "2xx"), (302, ["2xx", 302]), (409, ["4xx"])],
)
async def test_an_expected_status_is_a_success(server, fetch, status: int, expected: object) -> None:
    output = await fetch(server.url(f"/status?code={status}"), method="POST", expect={"status": expected})

    assert output["status"] == status


@pytest.mark.parametrize(
    ("status", "expected", "kind"),
    [
        (202, [200, 201], PermanentActivityError),
        (303, "2xx", PermanentActivityError),
        (404, "2xx", PermanentActivityError),
        (503, 200, TransientActivityError),
        (500, [404], ActivityError),
    ],
)
async def test_another_status_fails_and_says_what_was_expected(server, fetch, status, expected, kind) -> None:
    with pytest.raises(ActivityError) as caught:
        await fetch(server.url(f"/status?code={status}"), method="POST", expect={"status": expected})

    assert (caught.type, caught.value.error_code) == (kind, f"http_{status}")
    wanted = " or ".join(map(str, expected if isinstance(expected, list) else [expected]))
    assert caught.value.text.endswith(f"; expected was {wanted}")


async def test_a_body_of_an_expected_error_is_given(server, fetch) -> None:
    output = await fetch(server.url("/nothing"), expect={"status": [200, 404]})

    assert (output["status"], output["body"]) == (404, "no such thing")


async def test_a_redirect_is_followed_unless_it_is_expected(server, fetch) -> None:
    url = server.url("/redirect?to=/echo")

    followed = await fetch(url, expect={"status": 200})
    given = await fetch(url, expect={"status": "3xx"})

    assert followed["status"] == 200
    assert (given["status"], given["headers"]["location"]) == (302, "/echo")


@pytest.mark.parametrize(
    ("wanted", "media_type", "body", "expected"),
    [
        ("json", "text/plain", b'{"a": 1}', {"a": 1}),
        ("json", "application/json", b"null", None),
        ("text", "application/json", b'{"a": 1}', '{"a": 1}'),
        ("text", "text/plain; charset=latin-1", b"\xfc", "ü"),
        ("text", "", b"", ""),
        ("none", "application/json", b'{"a": 1}', None),
    ],
)
async def test_a_body_is_given_as_it_is_asked_for(server, fetch, wanted, media_type, body, expected) -> None:
    url = server.url(f"/body?type={quote(media_type)}&hex={body.hex()}")

    output = await fetch(url, response=wanted)

    assert output["body"] == expected
    assert set(output) == {"status", "headers", "body"}


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        ("json", b"{"),
        ("json", b""),
        ("json", b"NaN"),
        ("json", b"[" * 1900),
        ("json", b"\xff"),
        ("text", b"\xff"),
    ],
)
async def test_a_body_that_is_not_what_is_asked_for_fails_for_good(server, fetch, wanted, body) -> None:
    with pytest.raises(PermanentActivityError, match=f"is not the {wanted} that is asked for") as caught:
        await fetch(server.url(f"/body?type=application/json&hex={body.hex()}"), response=wanted)

    assert caught.value.error_code == "bad_response"


async def test_a_body_that_nobody_asks_for_is_not_read(server, fetch) -> None:
    output = await fetch(server.url("/large?bytes=5000000"), response="none", set_max_response_bytes=10)

    assert (output["status"], output["body"]) == (200, None)
