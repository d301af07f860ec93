"""What `eectl explain` says of the members of an activity type's input."""

from __future__ import annotations

from typing import ClassVar

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.schema_rows import list_all_rows
from ee_core.cli.topics import list_topics
from ee_core.local.activities import NoopActivity


@pytest.mark.parametrize(
    "said",
    [
        "auth  (object or null",
        "auth.basic.user  (string; must be given)",
        "expect.status  (integer from 200 to 599 or 2xx",
    ],
)
def test_the_input_of_a_type_is_told_to_its_last_member(capsys, tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)

    assert run_command(["explain", "http"]) == Exit.OK
    assert said in capsys.readouterr().out


def test_the_members_of_what_a_member_holds_are_told_below_it():
    part = {"type": "object", "properties": {"name": {"type": "string"}, "inner": {"$ref": "#/$defs/part"}}}
    schema = {
        "$defs": {"part": part},
        "properties": {
            "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
            "by_name": {"additionalProperties": {"properties": {"size": {}}, "required": ["size"]}},
            "one": {"oneOf": [{"$ref": "#/$defs/part"}, {"const": "none"}], "description": "Either."},
            "any": True,
        },
    }

    assert [(row["key"], row["takes"], row["default"]) for row in list_all_rows(schema)] == [
        ("parts", "array", ""),
        ("parts.name", "string", ""),
        ("parts.inner", "object", ""),  # which holds itself: told once
        ("by_name", "", ""),
        ("by_name.size", "", "must be given"),
        ("one", 'object or "none"', ""),
        ("one.name", "string", ""),
        ("one.inner", "object", ""),
        ("any", "", ""),
    ]


def test_an_activity_type_whose_schema_is_none_costs_only_its_own_rows():
    class Broken(NoopActivity):
        input_schema: ClassVar = {"properties": 5}

    found = {topic.name: topic for topic in list_topics({"broken": Broken(), "noop": NoopActivity()})}

    assert "cannot be used" in found["broken"].tell()
    assert [row["key"] for row in found["noop"].fields] == ["output"]
