"""Where keys and values of a TOML text stand."""

from __future__ import annotations

import tomllib

import pytest

from ee_core.config.places import find_places

TEXT = '''\
# [engine] in a comment
namespace = "a # b" # = c

[ broker ]   # the header's own column
servers = [
  "nats://one:4222", # [lock]
  "nats://two:4222",
]
note = """
[engine]
grace_s = 1 ""\\" """
  "quoted key" = 'it''s'
tls . key = 1979-05-27 07:32:00

[activities."sap.post"]
headers = { "X-One" = "1", inner.two = [ { three = 3 } ] }

[[activities.sap.rows]]
hidden = 1
[activities.sap.rows.below]
hidden = 2

[engine]
grace_s = "soon"
'''.replace("'it''s'", "'its'")


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("namespace",), (2, 1), (2, 13)),
        (("broker",), (4, 3), (4, 3)),
        (("broker", "servers"), (5, 1), (5, 11)),
        (("broker", "note"), (9, 1), (9, 8)),
        (("broker", "quoted key"), (12, 3), (12, 18)),
        (("broker", "tls", "key"), (13, 1), (13, 13)),
        (("broker", "tls"), (13, 1), (13, 1)),
        (("activities",), (15, 2), (15, 2)),
        (("activities", "sap.post"), (15, 2), (15, 2)),
        (("activities", "sap.post", "headers"), (16, 1), (16, 11)),
        (("activities", "sap.post", "headers", "X-One"), (16, 13), (16, 23)),
        (("activities", "sap.post", "headers", "inner", "two"), (16, 28), (16, 40)),
        (("activities", "sap", "rows"), (18, 3), (18, 3)),
        (("engine",), (23, 2), (23, 2)),
        (("engine", "grace_s"), (24, 1), (24, 11)),
    ],
)
def test_each_key_is_found_where_it_stands(path, key, value):
    assert find_places(TEXT, tomllib.loads(TEXT))[path] == (key, value)


def test_nothing_else_is_found():
    found = find_places(TEXT, tomllib.loads(TEXT))

    assert not [path for path in found if "hidden" in path or "three" in path or "below" in path]
    assert len(found) == 17


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "a = 1",
        'a = """"""\nb = 2\n',
        "a = ''''quoted'''''\nb = 2\n",
        'a = """one""two"""""\nb = 2',
        "a = []\nb = [[], [1, 2,], [{}],]\nc = {}\n",
        "a.b.c = true\na.b.d = -inf\n[a.e]\n",
        "\"\\u0061\" = 1\n'b\\c' = 0x1F\n",
        "a = 'x'\t# [b]\r\nb = '''\r\n]]\r\n'''\r\n[c]\r\n",
        "[[a]]\nb = 1\n[[a]]\nb = 2\n[c]\nd = 3\n",
    ],
)
def test_every_key_outside_of_arrays_has_a_place(text):
    content = tomllib.loads(text)

    assert set(find_places(text, content)) == set(list_paths(content))


def list_paths(content, above=()):
    for key, value in content.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from list_paths(value, (*above, key))


@pytest.mark.parametrize(
    ("text", "content"), [("a = = 1", {"a": 1}), ("a = 1\nb = 2", {"a": 1}), ("a = [1", {"a": [1]})]
)
def test_a_text_that_is_not_what_was_read_gives_no_places(text, content):
    assert find_places(text, content) == {}
