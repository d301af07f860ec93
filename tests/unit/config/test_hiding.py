"""What of a setting may be shown."""

import pytest

from ee_core.config import redact


@pytest.mark.parametrize(
    "name",
    [
        "password", "nats_password", "token", "credentials", "client_secret", "api_key", "apiKey", "key", "tls_key",
        "Authorization", "nkey_seed", "private", "pass", "X-Auth", "creds",
    ],
)  # fmt: skip
def test_a_secret_is_hidden_whatever_it_is(name):
    assert redact(name, "canary") == redact(name, ["canary"]) == redact(name, {"a": 1}) == "(hidden)"


@pytest.mark.parametrize(
    "name", ["namespace", "servers", "allow", "passivate_after_s", "keyboard", "monkeys"]
)
def test_other_things_are_shown(name):
    assert redact(name, "plant") == "plant"
    assert redact(name, 3) == 3


def test_what_is_not_set_is_shown_as_such():
    assert redact("token", "") == ""
    assert redact("token", None) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("nats://ann:can@ary@host:4222", "nats://(hidden)@host:4222"),
        (["nats://canary@host", "nats://host"], ["nats://(hidden)@host", "nats://host"]),
        ({"headers": {"Authorization": "canary", "Accept": "*/*"}}, {"headers": {"Authorization": "(hidden)", "Accept": "*/*"}}),
        ("http://host/a?x=1&access_token=canary#b", "http://host/a?x=1&access_token=(hidden)#b"),
        (("--password=canary", "-v"), ["--password=(hidden)", "-v"]),
    ],
)  # fmt: skip
def test_secrets_within_other_values_are_hidden(value, shown):
    assert redact("value", value) == shown
