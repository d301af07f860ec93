"""The input: what it sends, and that its schema takes and refuses what the activity does."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from ee_activity_http.request import HttpInput

from ee_core.contracts.inputs import read_input
from ee_core.definitions.fitting import find_misfits
from ee_core.errors import PermanentActivityError

URL = "http://a.example/"

# -- query ---------------------------------------------------------------------------------------------------


async def test_a_query_is_added_to_the_urls_own(server, fetch) -> None:
    query = {"q": "ü & /?#=+", "n": 7, "x": 0.5, "yes": True, "id": ["a", 2], "gone": None, "none": []}

    await fetch(server.url("/echo?a=1&b=%2F#part"), query=query)

    target = server.received[0].target
    assert target.startswith("/echo?a=1&b=%2F&q=%C3%BC%20%26%20%2F%3F%23%3D%2B&")
    assert parse_qsl(urlsplit(target).query, keep_blank_values=True) == [
        ("a", "1"),
        ("b", "/"),
        ("q", "ü & /?#=+"),
        ("n", "7"),
        ("x", "0.5"),
        ("yes", "true"),
        ("id", "a"),
        ("id", "2"),
    ]


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/echo", {"a": "b"}, "/echo?a=b"),
        ("/echo?", {"a": ""}, "/echo?a="),
        ("/echo?a=1", {"a": "2"}, "/echo?a=1&a=2"),
        ("/echo?a=%7e+b", {}, "/echo?a=%7e+b"),
        ("/echo", {"a": None}, "/echo"),
    ],
)
async def test_the_urls_own_query_stays_as_it_is(server, fetch, path, query, target) -> None:
    await fetch(server.url(path), query=query)

    assert server.received[0].target == target


async def test_a_redirect_says_the_whole_query_of_its_target(server, fetch) -> None:
    await fetch(server.url("/redirect?to=/echo"), query={"token": "canary"})

    assert [request.target for request in server.received] == ["/redirect?to=/echo&token=canary", "/echo"]


# -- bodies --------------------------------------------------------------------------------------------------


async def test_a_form_is_sent_as_browsers_send_it(server, fetch) -> None:
    await fetch(server.url("/echo"), method="POST", form={"name": "Ü b&c", "tag": ["x", "y"], "off": None})

    assert server.received[0].body == b"name=%C3%9C+b%26c&tag=x&tag=y"
    assert server.received[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_an_empty_form_is_a_body_too(server, fetch) -> None:
    await fetch(server.url("/echo"), method="POST", form={})

    assert server.received[0].headers["content-length"] == "0"
    assert server.received[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("body", [{"text": "<a/>"}, {"json": {"a": 1}}])
async def test_text_and_json_have_the_media_type_that_is_said(server, fetch, body) -> None:
    await fetch(server.url("/echo"), method="POST", content_type="application/xml; charset=utf-8", **body)

    assert server.received[0].headers["content-type"] == "application/xml; charset=utf-8"


@pytest.mark.parametrize("value", [{"text": "\ud800"}, {"json": "\ud800"}, {"json": float("nan")}])
def test_a_body_that_cannot_be_written_is_the_authors_fault(value) -> None:
    with pytest.raises(PermanentActivityError) as caught:
        read_input(HttpInput, {"url": URL, **value})
    assert caught.value.error_code == "bad_input"


# -- schema --------------------------------------------------------------------------------------------------

GOOD = [
    {"auth": {"bearer": "abc"}},
    {},
    {"url": "HTTPS://[::1]:8443"},
    {"url": "http://a?b=c@d"},
    {"method": "get"},
    {"headers": {"X-A": "b", "Accept": "ü\t"}},
    {"query": {"a": ["b", 1, 1.5, True], "c": None}},
    {"json": None},
    {"json": 1, "text": None},
    {"form": {}, "text": None},
    {"form": {"a": [1], "b": "c"}},
    {"text": "a", "content_type": "text/csv; charset=utf-8"},
    {"json": {}, "content_type": "application/merge-patch+json"},
    {"timeout_s": 1},
    {"timeout_s": None},
    {"await_response": False},
    {"await_response": False, "response": "none"},
    {"await_response": False, "response": None},
    {"expect": None},
    {"idempotency_header": "X-Request-Id"},
    {"expect": {"status": 404}},
    {"expect": {"status": "2xx"}},
    {"expect": {"status": [200, "3xx"]}},
    {"response": "json"},
]
BAD = [
    {"url": "ftp://a"},
    {"url": "http://"},
    {"url": "http://user:word@a/"},
    {"url": 5},
    {"method": "TRACE"},
    {"method": 5},
    {"headers": {"a b": "c"}},
    {"headers": {"HOST": "c"}},
    {"headers": {"Content-Length": "1"}},
    {"headers": {"a": "b\nc"}},
    {"headers": {"Proxy-Authorization": "Basic YTpi"}},
    {"headers": {"a": 1}},
    {"query": {"a": {}}},
    {"query": {"a": [None]}},
    {"query": {"a": [["b"]]}},
    {"query": "a=b"},
    {"json": 1, "text": "a"},
    {"form": {}, "text": "a"},
    {"form": {}, "json": None},
    {"form": None},
    {"form": {}, "content_type": "text/csv"},
    {"content_type": "text/csv"},
    {"text": "a", "content_type": "csv"},
    {"text": "a", "content_type": ""},
    {"text": 1},
    {"timeout_s": 0},
    {"timeout_s": "5"},
    {"await_response": "yes"},
    {"body": "a"},
    {"expect": {}},
    {"idempotency_header": ""},
    {"idempotency_header": "a b"},
    {"idempotency_header": "host"},
    {"idempotency_header": None},
    {"expect": 200},
    {"expect": {"status": []}},
    {"expect": {"status": 100}},
    {"expect": {"status": 600}},
    {"expect": {"status": "1xx"}},
    {"expect": {"status": "200"}},
    {"expect": {"status": [None]}},
    {"expect": {"status": 200, "body": 1}},
    {"response": "xml"},
    {"response": "json", "await_response": False},
]


@pytest.mark.parametrize("value", GOOD)
def test_what_the_schema_takes_the_activity_takes(make_activity, value) -> None:
    assert find_misfits({"url": URL, **value}, make_activity().input_schema) == []
    read_input(HttpInput, {"url": URL, **value})


@pytest.mark.parametrize("value", BAD)
async def test_what_the_schema_refuses_the_activity_refuses(make_activity, fetch, value) -> None:
    assert find_misfits({"url": URL, **value}, make_activity().input_schema)
    with pytest.raises(PermanentActivityError) as caught:
        await fetch(**{"url": URL, **value})
    assert caught.value.error_code == "bad_input"


def test_the_samples_have_every_key_of_the_schema(make_activity) -> None:
    keys = set(make_activity().input_schema["properties"])

    assert keys == {field.alias or name for name, field in HttpInput.model_fields.items()}
    assert keys == {key for value in GOOD for key in value}
