"""What an expression reads of an output is held against what the activity type says that it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from ee_core.bot import Bot


@dataclass
class File:
    name: str
    size: int = 0


@dataclass
class Found:
    bytes: int
    words: list[str]
    first: File | None = None
    by_name: dict[str, File] = field(default_factory=dict)


class Pair(TypedDict):
    one: int
    two: int


class Total(BaseModel):
    total: int


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    total: int


bot = Bot("b")


@bot.activity("scan")
def scan() -> Found: ...


@bot.activity("pair")
def pair() -> Pair: ...


@bot.activity("total")
def total() -> Total | None: ...


@bot.activity("loose")
def loose() -> Loose: ...


@bot.activity("table")
def table() -> dict[str, int]: ...


@bot.activity("either")
def either() -> Total | dict[str, str]: ...


@bot.activity("plain")
def plain(): ...


@pytest.fixture
def told(load_text, activities):
    def load(kind, expression):
        nodes = f"  a: {{activity: {kind}, next: b}}\n  b:\n    activity: noop\n    with:\n      output: '${{{expression}}}'\n    next: z\n"
        text = f"ee: 1\nname: w\nstart: a\nnodes:\n{nodes}  z: {{end: succeeded}}\n"
        found = load_text(text, activities={**activities, **bot.activities}).diagnostics
        assert {(each.code, each.severity) for each in found} <= {("EE-W306", "warning")}
        return [(each.shown[each.column - 1 :][: each.span], each.message, each.hint) for each in found]

    return load


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        ("scan", "nodes.a.output"),
        ("scan", "nodes.a.output.bytes + 1"),
        ("scan", "nodes.a.output.words.size()"),
        ("scan", 'nodes.a.output.words.exists(word, word == "x")'),
        ("scan", "nodes.a.output.first.name"),
        ("scan", "nodes.a.output.by_name.anything.name"),
        ("scan", "has(nodes.a.output.byte)"),
        ("scan", "has(nodes.a.output.byte) ? nodes.a.output.byte.size : 0"),
        ("scan", '"nodes.a.output.byte"'),
        ("scan", "nodes . a . output . bytes"),
        ("pair", "nodes.a.output.one"),
        ("total", "nodes.a.output.total"),
        ("loose", "nodes.a.output.sum"),
        ("table", "nodes.a.output.sum"),
        ("either", "nodes.a.output.sum"),
        ("plain", "nodes.a.output.sum"),
        ("noop", "nodes.a.output.sum"),
    ],
)
def test_what_an_output_may_have_is_not_told(told, kind, expression):
    assert told(kind, expression) == []


@pytest.mark.parametrize(
    ("kind", "expression", "shown", "owner", "hint"),
    [
        ("scan", "nodes.a.output.byte > 3", "byte", "nodes.a.output", "did you mean 'bytes'?"),
        (
            "scan",
            "has(nodes.a.output.bits) ? nodes.a.output.byte : 0",
            "byte",
            "nodes.a.output",
            "did you mean 'bytes'?",
        ),
        ("scan", "1 + nodes . a . output . byte", "byte", "nodes.a.output", "did you mean 'bytes'?"),
        ("scan", "nodes.a.output.word.size()", "word", "nodes.a.output", "did you mean 'words'?"),
        ("scan", "nodes.a.output.first.nam", "nam", "nodes.a.output.first", "did you mean 'name'?"),
        ("pair", "nodes.a.output.onee", "onee", "nodes.a.output", "did you mean 'one'?"),
        ("total", "nodes.a.output.totl", "totl", "nodes.a.output", "did you mean 'total'?"),
        ("total", "nodes.a.output.x", "x", "nodes.a.output", "read one of these, or mend the type"),
    ],
)
def test_a_member_that_the_type_does_not_list_is_told_with_the_nearest(
    told, kind, expression, shown, owner, hint
):
    [(place, message, cure)] = told(kind, expression)

    assert (place, cure) == (shown, hint)
    assert message.startswith(f"{owner} has no {shown!r}, says the activity type: there are ")


def test_a_schema_that_refers_to_itself_for_ever_ends(load_text, activities):
    class Endless(type(activities["sap.post"])):
        output_schema = {"$ref": "#/a", "a": {"anyOf": [{"$ref": "#/a"}, {"$ref": "#/a"}]}}  # noqa: RUF012 - read only

    nodes = "  a: {activity: sap.post, next: b}\n  b: {activity: noop, with: {output: '${nodes.a.output.x}'}, next: z}\n"
    text = f"ee: 1\nname: w\nstart: a\nnodes:\n{nodes}  z: {{end: succeeded}}\n"

    assert load_text(text, activities={**activities, "sap.post": Endless("sap.post")}).diagnostics == ()
