"""The schema of the native form against loading, and against another reading of the standard."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from ee_core.config import Settings
from ee_core.definitions import load
from ee_core.definitions.fitting import find_misfits
from ee_core.definitions.holes import with_holes
from ee_core.definitions.schema import make_schema
from ee_core.definitions.schema_inputs import EXPRESSION, make_input_rules
from ee_core.definitions.source import read
from ee_core.errors import WorkflowError
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry

pytestmark = pytest.mark.slow  # all of them together

FULL = {
    "ee": 1,
    "name": "full",
    "version": 2,
    "description": "every key",
    "on_failure": "finish",
    "scope": "native",
    "kept": {"anything": [1]},
    "inputs": {
        "n": {"type": "integer", "default": 3, "description": "d"},
        "s": {"type": "string", "required": True},
        "o": {"type": "object", "required": False},
        "a": {},
    },
    "start": "work",
    "nodes": {
        "work": {
            "activity": "delay",
            "name": "n",
            "description": "d",
            "with": {"for": "1m30s"},
            "bot": {"id": "b", "pool": "p", "labels": {"app": "sap"}},
            "timeout": {"bot": "10m", "accept": "10s", "heartbeat": "1m30s", "run": "2d", "ask": "500ms"},
            "retry": {"attempts": 3, "delay": "1.5s", "backoff": 2.5, "max_delay": "5m", "on": ["busy"]},
            "on_lost": "ask",
            "lost_attempts": 2,
            "on_error": "sort",
            "fail_job": False,
            "next": [{"when": "inputs.n > 0", "next": "sort"}, {"otherwise": True, "next": "fork"}],
        },
        "sort": {"exclusive": [{"when": "inputs.n > 1", "next": "fork"}, "more"], "name": "n"},
        "more": {
            "inclusive": [{"when": "inputs.n > 1", "next": "meet"}, {"otherwise": True, "next": "meet"}]
        },
        "fork": {"parallel": ["left", "right"]},
        "left": {"activity": "log", "with": {"text": "${inputs.s}", "level": "${inputs.s}"}, "next": "meet"},
        "right": {"activity": "pc.work", "with": ["anything"], "next": ["meet"]},
        "meet": {"join": 2, "next": "done"},
        "done": {"end": "succeeded", "description": "d"},
    },
}
WRONG_VALUES = [
    None,
    True,
    0,
    5,
    -1.5,
    "",
    "two words",
    "5 s",
    [],
    [5],
    {},
    {"odd": 1},
    [{}],
    [{"when": "", "next": "done"}],
]
FORM = (
    "EE-W201",
    "EE-W202",
    "EE-W203",
    "EE-W204",
    "EE-W205",
    "EE-W206",
    "EE-W207",
    "EE-W208",
    "EE-W411",
    "EE-W412",
    "EE-W413",
)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(Settings(), SystemEnv())


@pytest.fixture(scope="module")
def validator(registry) -> Draft202012Validator:
    return Draft202012Validator(make_schema(registry.installed_activities()))


@pytest.fixture(scope="module")
def codes_of(registry):
    """What loads a file, and returns the codes of its errors."""
    activities = registry.installed_activities()

    def codes_of(document: Any) -> set[str]:
        try:
            load(
                json.dumps(document).encode(),
                place="w",
                activities=activities,
                language=registry.open_expressions,
            )
        except WorkflowError as error:
            return {each.code for each in error.diagnostics if each.severity == "error"}
        return set()

    return codes_of


def walk(value, path=()):
    """The places of a document, itself first."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from walk(value[key], (*path, key))


def mutations():
    """The full file with one thing changed: a value, a key, a key too many or too few."""
    for path in walk(FULL):
        for how, wrong in [("set", each) for each in WRONG_VALUES] + [
            (each, None) for each in ("rename", "leave out", "add")
        ]:
            made = copy.deepcopy(FULL)
            parent = made
            for step in path[:-1]:
                parent = parent[step]
            here = parent[path[-1]] if path else made
            if how == "add" and isinstance(here, dict):
                here["odd"] = 1
            elif how == "rename" and isinstance(parent, dict) and path:
                parent["O" + str(path[-1])] = parent.pop(path[-1])
            elif how == "leave out" and path:
                del parent[path[-1]]
            elif how == "set" and path:
                parent[path[-1]] = wrong
            yield path, (how, wrong), made


def test_the_full_file_has_every_key_and_loads(validator, codes_of):
    assert codes_of(FULL) == set()
    validator.validate(FULL)
    node = validator.schema["$defs"]["node"]["properties"]
    assert {key for each in FULL["nodes"].values() for key in each} == node.keys()


def test_what_loading_refuses_for_its_form_the_schema_refuses_and_nothing_that_loads(validator, codes_of):
    laxer, stricter, refused = [], [], 0
    for path, change, document in mutations():
        codes, fits = codes_of(document), validator.is_valid(document)
        refused += not fits
        if codes & set(FORM) and fits:
            laxer.append((path, change, codes))
        if not codes and not fits:
            stricter.append((path, change))

    assert (laxer, stricter) == ([], [])
    assert refused > 800


@pytest.mark.parametrize("kind", [Draft7Validator, Draft202012Validator])
def test_every_native_file_of_the_repository_fits_under_both_drafts(kind, validator, repository):
    schema = kind(validator.schema)
    kind.check_schema(validator.schema)
    files = [*repository.glob("docs/examples/*.ee.yaml"), *repository.glob("plugins/*/examples/*.ee.yaml")]
    assert len(files) >= 3

    for file in files:
        schema.validate(read(file.read_bytes(), file.name).plain())


def test_every_file_that_is_wrong_in_its_form_is_refused(validator, data):
    wrong = {}
    for file in sorted((data / "diagnostics").glob("*.yaml")):
        said = file.with_suffix(".txt").read_text(encoding="utf-8")
        if any(f"error[{code}]" in said for code in FORM):
            wrong[file.stem] = validator.is_valid(read(file.read_bytes(), file.name).plain())

    assert wrong == dict.fromkeys(wrong, False)
    assert len(wrong) >= 5


def test_every_part_of_the_form_is_explained(validator):
    def members(schema, path):
        for key, member in schema.get("properties", {}).items() if isinstance(schema, dict) else ():
            yield (*path, key), member
            yield from members(member, (*path, key))
        for inner in [schema.get("items"), *schema.get("anyOf", [])] if isinstance(schema, dict) else ():
            if isinstance(inner, dict):
                yield from members(inner, path)

    schema = validator.schema
    own = [schema, *(schema["$defs"][name] for name in ("node", "pointer", "input"))]
    found = [(path, member) for part in own for path, member in members(part, ())]

    assert [path for path, member in found if not member.get("description")] == []
    assert len(found) > 45


@pytest.mark.parametrize(
    ("activity", "given"),
    [
        ("log", {"txt": "hi", "text": "hi"}),
        ("log", {"level": "info"}),
        ("log", None),
        ("delay", {"seconds": "5"}),
        ("delay", {"seconds": 1, "for": "1s"}),
        ("http", {"method": "GTE", "url": "http://x"}),
        ("http", {"url": "http://x", "headers": {"accept": 5}}),
    ],
)
def test_a_wrong_input_of_a_type_is_refused_and_the_same_of_an_unknown_type_is_not(
    validator, activity, given
):
    document = {"ee": 1, "name": "w", "start": "a", "nodes": {"a": {"activity": activity, "with": given}}}

    assert not validator.is_valid(document)
    document["nodes"]["a"]["activity"] = "unknown." + activity
    assert validator.is_valid(document)


class Kind:
    """An activity type that has nothing but a schema."""

    def __init__(self, schema):
        self.input_schema = schema


LEAVES = st.sampled_from([None, True, 1, 2.5, "", "a", "${a}", "a ${b}"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


def _keywords(inner):
    parts, named = (
        st.lists(inner, min_size=1, max_size=2),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"]),
            "enum": st.lists(VALUES, min_size=1, max_size=2),
            "const": VALUES,
            "minimum": st.integers(0, 2),
            "minLength": st.integers(0, 2),
            "pattern": st.sampled_from(["a", "^b"]),
            "maxItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
            "properties": named,
            "additionalProperties": inner,
            "dependentSchemas": named,
            "items": inner,
            "prefixItems": parts,
            "contains": inner,
            "allOf": parts,
            "anyOf": parts,
            "oneOf": parts,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "$ref": st.sampled_from(["#/$defs/x", "#/not", "https://example.org/other"]),
        },
    )


SCHEMAS = st.recursive(st.booleans() | st.just({}), _keywords, max_leaves=4)


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, SCHEMAS, VALUES)
def test_an_input_that_loading_takes_fits_whatever_the_type_publishes(inner, defined, value):
    schema = {"allOf": [inner], "$defs": {"x": {"type": "string"}, "y": defined}}
    _, schemas, rules = make_input_rules({"odd": Kind(schema)})
    whole = Draft202012Validator({"allOf": rules, "$defs": {**schemas, "expression": EXPRESSION}})

    if not find_misfits(with_holes(value), schema):
        whole.validate({"activity": "odd", "with": value})
        if value is None:
            whole.validate({"activity": "odd"})


@pytest.mark.parametrize(
    "schema", [{"type": 5}, {"properties": {"a": object()}}, "text", {"required": 5}, None]
)
def test_a_type_without_a_usable_schema_may_have_any_input(schema):
    names, schemas, rules = make_input_rules({"odd": Kind(schema)})

    assert names == ["odd"]
    whole = Draft202012Validator({"allOf": rules, "$defs": {**schemas, "expression": EXPRESSION}})
    assert whole.is_valid({"activity": "odd", "with": {"a": 1}})
