"""Who asks: a token, or user and password, as one header that stays behind when the place changes."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from ee_activity_http.request import HttpInput

from ee_core.contracts.inputs import read_input
from ee_core.definitions.fitting import find_misfits
from ee_core.errors import PermanentActivityError

URL = "http://a.example/"


async def test_a_token_is_sent_as_bearer(server, fetch) -> None:
    output = await fetch(server.url("/echo"), auth={"bearer": "abc.d-e_f~g+h/i=="})

    assert output["body"]["headers"]["authorization"] == "Bearer abc.d-e_f~g+h/i=="


async def test_user_and_password_are_sent_as_basic_in_utf_8(server, fetch) -> None:
    output = await fetch(server.url("/echo"), auth={"basic": {"user": "ee", "password": "p:ä ss"}})

    kind, _, coded = output["body"]["headers"]["authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(coded).decode() == "ee:p:ä ss"


async def test_it_follows_a_redirect_to_the_same_place_and_to_no_other(server, fetch) -> None:
    elsewhere = server.url("/echo", "localhost")
    auth = {"bearer": "canary"}

    same = await fetch(server.url("/redirect?to=/echo"), auth=auth)
    other = await fetch(
        server.url(f"/redirect?to={quote(elsewhere)}"), auth=auth, set_allow=["127.0.0.1", "::1"]
    )

    assert same["body"]["headers"]["authorization"] == "Bearer canary"
    assert "canary" not in json.dumps(other["body"])


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"bearer": "canary", "basic": {"user": "u", "password": "canary"}},
        {"bearer": ""},
        {"bearer": "canary canary"},
        {"bearer": "canary\r\nX-Evil: 1"},
        {"bearer": "canaryü"},
        {"bearer": 7},
        {"basic": {"user": "u"}},
        {"basic": {"user": "u:v", "password": "canary"}},
        {"basic": {"user": "u", "password": "canary\n"}},
        {"digest": "canary"},
    ],
)
def test_what_cannot_be_sent_is_refused_without_being_repeated(auth) -> None:
    with pytest.raises(PermanentActivityError) as caught:
        read_input(HttpInput, {"url": URL, "auth": auth})

    assert caught.value.error_code == "bad_input"
    assert caught.value.text.startswith("auth")
    assert "canary" not in caught.value.text


def test_it_is_not_given_together_with_a_header_of_that_name() -> None:
    with pytest.raises(PermanentActivityError, match="auth is the header Authorization; give it once"):
        read_input(HttpInput, {"url": URL, "auth": {"bearer": "x"}, "headers": {"authorization": "y"}})


def test_an_input_shows_no_password() -> None:
    made = [
        read_input(HttpInput, {"url": URL, "auth": auth})
        for auth in ({"bearer": "canary"}, {"basic": {"user": "u", "password": "canary"}})
    ]

    assert "canary" not in repr(made)


@pytest.mark.parametrize(
    ("auth", "fits"),
    [
        ({"bearer": "x"}, True),
        ({"basic": {"user": "u", "password": "p"}}, True),
        (None, True),
        ({}, False),
        ({"bearer": "x", "basic": {"user": "u", "password": "p"}}, False),
        ({"basic": {"user": "u:v", "password": "p"}}, False),
        ({"basic": "u:p"}, False),
        ({"token": "x"}, False),
    ],
)
def test_the_schema_takes_what_is_taken(auth, fits) -> None:
    value = {"url": URL, "auth": auth}

    assert (find_misfits(value, HttpInput.model_json_schema()) == []) == fits
