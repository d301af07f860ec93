from __future__ import annotations

import base64
import html
import json
import quopri
import re
import shlex
import textwrap
from urllib.parse import quote, quote_plus, urlencode

import pytest

from ee_core.bot.redaction import Memory, Redactor

VALUES = [
    "canary4711plain",
    'p&ss "w\'ord"\\ +/=%äß€𝄞',
    "line one of it\nline two of it",
    " in spaces-4711 ",
    "hunter2",
    "tabs\tend\nline",
]


def values(*more):
    return pytest.mark.parametrize("value", [*VALUES, *more])


def looks(value):
    """Ways in which a program may write a value, or something that holds it."""
    body = value.strip().encode()
    return {
        "as it is": value,
        "inside text": f"the server said: {value}, sorry",
        "json": json.dumps({"a": value}),
        "json without escapes of letters": json.dumps({"a": value}, ensure_ascii=False),
        "json in json": json.dumps(json.dumps({"a": value})),
        "json in json without escapes of letters": json.dumps(
            json.dumps({"a": value}, ensure_ascii=False), ensure_ascii=False
        ),
        "python": repr({"a": value}),
        "python bytes": repr(body),
        "percent": quote(value, safe=""),
        "percent, path": quote(value),
        "percent, small digits": quote(value, safe="").replace("%C3", "%c3").replace("%2F", "%2f"),
        "form": urlencode({"a": value}),
        "form with plus": quote_plus(value),
        "percent, twice": quote(quote(value, safe=""), safe=""),
        "quoted printable": quopri.encodestring(value.encode(), quotetabs=True).decode(),
        "html": html.escape(value),
        "html of php": html.escape(value).replace("&#x27;", "&#039;"),
        "xml": html.escape(value).replace("&#x27;", "&apos;"),
        "python, ascii": ascii(value),
        "csv": '"' + value.replace('"', '""') + '"',
        "sql": "'" + value.replace("'", "''") + "'",
        "shell, backslashes": re.sub(r"([^\w])", r"\\\1", value, flags=re.ASCII),
        "white space folded": " ".join(value.split()),
        "shell": shlex.quote(value),
        "hex": body.hex(),
        "hex, large digits": body.hex().upper(),
        "hex in lines": "\n".join(textwrap.wrap(body.hex(), 20)),
        "hex in bytes": body.hex(":"),
        "base64 in lines": "\n".join(textwrap.wrap(base64.b64encode(body).decode(), 12)),
        "base64": base64.b64encode(body).decode(),
        "base64 of utf-16": base64.b64encode(value.strip().encode("utf-16")).decode(),
        "base64 for urls": base64.urlsafe_b64encode(body).decode(),
        "base64 of the value with its spaces": base64.b64encode(value.encode()).decode(),
    } | {
        f"base64 of something longer, {before}": base64.b64encode(
            b"u" * before + b":" + body + b"tail"
        ).decode()
        for before in range(6)
        if len(body) >= 8
    }


def letters(value):
    """The words that must not be left over."""
    return [word for word in value.split() if len(word) >= 4 and word.isalnum()]


@values()
def test_a_value_is_found_however_it_is_written(value):
    redactor = Redactor([("KEY", value)])

    for name, text in looks(value).items():
        redacted = redactor.redact_text(text)
        assert "[secret:KEY]" in redacted, (name, text, redacted)
        assert not [word for word in letters(value) if word in redacted], (name, redacted)
        assert redactor.redact_text(redacted) == redacted


@values()
def test_of_a_text_without_the_value_nothing_is_taken(value):
    redactor = Redactor([("KEY", value)])

    for text in ("", "nothing here", "canary", "aGVsbG8gd29ybGQ=", "[secret:OTHER]", "1.5", '{"a": [1, 2]}'):
        assert redactor.redact_text(text) is text or redactor.redact_text(text) == text


def test_lines_of_a_key_are_found_one_by_one_but_not_its_short_ones():
    key = "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34Gkx\nab==\n-----END KEY-----\n"
    redactor = Redactor([("PEM", key)])

    assert redactor.redact_text("> MIIBOgIBAAJBAKj34Gkx") == "> [secret:PEM]"
    assert redactor.redact_text(key.replace("\n", "\r\n")) == "[secret:PEM]\r\n"
    assert redactor.redact_text("ab==") == "ab=="


def test_json_is_redacted_in_keys_values_and_numbers_and_keeps_its_form():
    redactor = Redactor([("PIN", "4711"), ("WORD", "sesame")])

    found = redactor.redact_json(
        {"open sesame": [True, None, 4711, 1.5, 547110, "a sesame"], "4711": {"x": "x"}, "n": 12}
    )

    assert found == {
        "open [secret:WORD]": [True, None, "[secret:PIN]", 1.5, "5[secret:PIN]0", "a [secret:WORD]"],
        "[secret:PIN]": {"x": "x"},
        "n": 12,
    }
    assert found["open [secret:WORD]"][0] is True


def test_of_two_values_the_longer_one_is_taken_and_each_has_its_name():
    redactor = Redactor(
        [("SHORT", "sesame"), ("LONG", "sesame-street"), ("OLD", "mustard"), ("OLD", "pepper")]
    )

    text = redactor.redact_text("sesame-street, sesame, mustard, pepper")

    assert text == "[secret:LONG], [secret:SHORT], [secret:OLD], [secret:OLD]"


def test_a_value_that_is_a_part_of_the_mark_is_redacted_once():
    redactor = Redactor([("KEY", "secret")])

    once = redactor.redact_text("my secret")

    assert once == "my [secret:KEY]"
    assert redactor.redact_text(once) == once


def test_a_redactor_tells_no_value():
    assert repr(Redactor([("KEY", "sesame")])) == "Redactor([secret:KEY])"


def test_what_is_nested_too_deeply_is_refused_and_not_let_through():
    deep = value = []
    for _ in range(100_000):
        value.append([])
        value = value[0]

    with pytest.raises(RecursionError):
        Redactor([("KEY", "sesame")]).redact_json(deep)


CUT = "tok-0123456789-abcdefghij"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"the server said: {CUT[:20]}", "the server said: [secret:KEY]"),
        (f"...{CUT[-15:]} is wrong", "...[secret:KEY] is wrong"),
        (f"{CUT[:13]}; {CUT[-13:]}; {CUT}", "[secret:KEY]; [secret:KEY]; [secret:KEY]"),
        (f"{CUT[:-1]}X", "[secret:KEY]X"),
        (f"{CUT[:12]}!", f"{CUT[:12]}!"),  # less than half, and not seen to be cut
        (CUT[:12], CUT[:12]),  # what is so short was not cut
        (f"{CUT[:12]}...{CUT[-12:]}", "[secret:KEY]...[secret:KEY]"),
        (f"{CUT[:11]}...{CUT[-11:]}", f"{CUT[:11]}...{CUT[-11:]}"),
        (f"{'x' * 100}{CUT[:12]}", f"{'x' * 100}[secret:KEY]"),
        (CUT[8:18], CUT[8:18]),
    ],
)
def test_half_of_a_value_that_was_cut_is_taken_out(text, redacted):
    assert Redactor([("KEY", CUT)]).redact_text(text) == redacted


@pytest.mark.parametrize(
    "write",
    [
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: value.encode().hex(),
        lambda value: quote(value, safe=""),
        json.dumps,
        html.escape,
    ],
)
def test_what_is_cut_is_found_however_it_is_written(write):
    value = 'a "value" & a löng one, with s/gns'
    whole = write(value)
    redactor = Redactor([("KEY", value)])

    for length in range(len(whole) * 2 // 3, len(whole)):
        text = f"{'x' * 100} {whole[:length]}"
        assert whole.strip('"')[:12] not in redactor.redact_text(text)


def test_a_value_within_what_looks_like_a_mark_is_found():
    redactor = Redactor([("KEY", "hunter2")])

    assert redactor.redact_text("[secret:hunter2]") == "[secret:[secret:KEY]]"
    assert redactor.redact_text("[secret:OTHER] [secret:KEY]") == "[secret:OTHER] [secret:KEY]"


@pytest.mark.parametrize(
    ("value", "text"),
    [("a" + "\\" * 60 + "b", "a" + "\\" * 400), ('\\"' * 60 + "x", '\\\\"' * 400)],
)
def test_letters_that_may_be_read_in_many_ways_are_not_read_in_all_of_them(value, text):
    assert Redactor([("KEY", value)]).redact_text(text + "!")  # to try all ways would take for ever


def test_a_value_in_latin_1_is_found():
    body = "pässwörd-of-1999".encode("latin-1")
    redactor = Redactor([("KEY", "pässwörd-of-1999")])

    for text in (repr(body), quote(body), body.hex(), base64.b64encode(b"me:" + body).decode()):
        assert "[secret:KEY]" in redactor.redact_text(text), text


def test_values_that_begin_alike_are_told_apart():
    redactor = Redactor([("A", "plant-key-of-building-1"), ("B", "plant-key-of-building-2")])

    assert (
        redactor.redact_text("plant-key-of-building-2, plant-key-of-building-1") == "[secret:B], [secret:A]"
    )


@pytest.mark.parametrize(
    "value", ["aaaaaaaaaaaaaaaaaaaa", "[secret:KEY] [secret:KEY]", "secret:KEY]", "[secret:"]
)
def test_values_that_look_odd_do_not_keep_it_going(value):
    redactor = Redactor([("KEY", value)])

    redacted = redactor.redact_text(value * 50)

    assert len(redacted) <= len(value * 50) * 14


def test_a_short_value_in_base64_is_found_where_it_stands_alone():
    redactor = Redactor([("PIN", "p4ss")])

    assert redactor.redact_text("cDRzcw==, (cDRzcw), xcDRzcwx") == "[secret:PIN]==, ([secret:PIN]), xcDRzcwx"


def test_the_latest_values_of_each_name_are_remembered():
    memory = Memory(least=8)
    assert memory.redactor is None

    hourly = [base64.b32encode(bytes([number] * 15)).decode() for number in range(100)]
    for value in hourly:
        memory.add([("HOURLY", value), ("KEPT", "the one value"), ("PIN", "4711")])

    redact = memory.redactor.redact_text
    assert redact(f"{hourly[-1]} and {hourly[-8]}") == "[secret:HOURLY] and [secret:HOURLY]"
    assert redact(hourly[0]) == hourly[0]
    assert redact("the one value, 4711") == "[secret:KEPT], 4711"


def test_what_is_known_already_makes_no_new_redactor():
    memory = Memory()
    memory.add([("KEY", "one value"), ("KEY", "another value")])
    before = memory.redactor

    memory.add([("KEY", "one value")])

    assert memory.redactor is before
