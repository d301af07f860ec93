"""The JSON Schema of the native form, for editors and for other people's tools.

It is written by hand beside `native`, which decides; a test holds the two against each other: what the schema refuses does
not load, and what is wrong with the form of a file the schema refuses. What needs the whole file, as a pointer to a
node that is not there, only loading finds. No keyword is used that means another thing in draft 7, which many editors read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.schema_inputs import EXPRESSION, make_input_rules
from ee_core.definitions.schema_nodes import NODE, NODE_IDS, POINTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityType

_TYPES: Final = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "array": "array",
}
_INPUT: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "An input of the job.",
    "properties": {
        "type": {"enum": ["any", *_TYPES], "default": "any", "description": "What a value must be."},
        "required": {
            "type": "boolean",
            "default": True,
            "description": "Whether a job must give it; an input with a default never is.",
        },
        "default": {"description": "Its value when it is not given; of the input's type."},
        "description": {"type": "string", "description": "For people."},
    },
    "additionalProperties": False,
    "allOf": [
        {"not": {"properties": {"required": {"const": True}}, "required": ["required", "default"]}},
        *(
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"properties": {"default": {"type": [kind, "null"]}}},
            }
            for name, kind in _TYPES.items()
        ),
    ],
}
_WORKFLOW: Final[Mapping[str, Any]] = {
    "ee": {"const": 1, "description": "The version of the form."},
    "name": {
        "type": "string",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        "description": "The workflow's name: letters, digits, _, - and ., at most 64.",
    },
    "version": {
        "type": ["string", "integer"],
        "description": "The catalogue knows the workflow as name@version.",
    },
    "description": {"type": "string", "description": "For people."},
    "inputs": {
        "type": "object",
        "description": "What a job is given, by name.",
        "propertyNames": {
            "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$",
            "not": {"enum": ["false", "in", "null", "true"]},
        },
        "additionalProperties": {"$ref": "#/$defs/input"},
    },
    "start": {"type": "string", "description": "The node that gets the first token."},
    "nodes": {
        "type": "object",
        "description": "The nodes by id.",
        "propertyNames": NODE_IDS,
        "additionalProperties": {"$ref": "#/$defs/node"},
    },
    "on_failure": {
        "enum": ["stop", "finish"],
        "default": "stop",
        "description": "What becomes of the other branches when a node fails for good: stop cancels them, finish lets"
        " them go on; the job fails either way.",
    },
    "scope": {
        "enum": ["native", "export"],
        "default": "native",
        "description": "What expressions read: inputs and nodes by name, or as in the platform's export form each member of"
        " an output by its bare key; then inputs need not be declared.",
    },
    "kept": {"description": "What another form holds besides, kept by a conversion; it means nothing here."},
}


def make_schema(activities: Mapping[str, ActivityType]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of workflow files in the native form.

    Args:
        activities: The activity types whose inputs it knows, by name; other types may have any input.
    """
    names, inputs, rules = make_input_rules(activities)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "EE workflow, native form, version 1",
        "description": "Nodes and pointers; each node is of the kind that its one kind key names.",
        "type": "object",
        "properties": dict(_WORKFLOW),
        "required": ["ee", "name", "start", "nodes"],
        "additionalProperties": False,
        "$defs": {
            "node": _with_types(names, rules),
            "pointer": POINTER,
            "input": _INPUT,
            "expression": EXPRESSION,
            **inputs,
        },
    }


def _with_types(names: list[str], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a node, with the types that are known proposed and their inputs checked."""
    properties = dict(NODE["properties"])
    if names:
        activity = dict(properties["activity"])
        pattern = activity.pop("pattern")
        kind = activity.pop("type")
        properties["activity"] = {**activity, "anyOf": [{"enum": names}, {"type": kind, "pattern": pattern}]}
    return {**NODE, "properties": properties, "allOf": [*NODE["allOf"], *rules]}
