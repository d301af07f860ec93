"""The schema of a node of the native form: its kinds and their keys, each with the words that an editor shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_DURATION: Final[Mapping[str, Any]] = {
    "type": "string",
    "pattern": r"^(?=[0-9])(?=.*[1-9])([0-9]+d)?([0-9]+h)?([0-9]+m(?!s))?([0-9]+(\.[0-9]{1,3})?s)?([0-9]+ms)?$",
    "examples": ["500ms", "30s", "1h30m"],
}
_ATTEMPTS: Final[Mapping[str, Any]] = {"type": "integer", "minimum": 1, "maximum": 1000}
_NODE_ID: Final[Mapping[str, Any]] = {"type": "string"}

NODE_IDS: Final[Mapping[str, Any]] = {
    "pattern": "^[a-z][a-z0-9_]{0,63}$",
    "not": {"enum": ["false", "in", "null", "true"]},
}
POINTER: Final[Mapping[str, Any]] = {
    "description": "An arrow to another node: its id, or when it is followed.",
    "anyOf": [
        _NODE_ID,
        {
            "type": "object",
            "properties": {
                "when": {
                    "type": "string",
                    "pattern": r"\S",
                    "description": "Followed when this expression is true, as inputs.total > 1000. Quote it when YAML"
                    " would take it for something else.",
                },
                "otherwise": {
                    "const": True,
                    "description": "Followed when no other pointer of the node was.",
                },
                "next": {**_NODE_ID, "description": "The node it leads to."},
            },
            "required": ["next"],
            "additionalProperties": False,
        },
    ],
}
_POINTERS: Final[Mapping[str, Any]] = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/pointer"}}


def _duration(description: str, default: str | None = None) -> dict[str, Any]:
    shown = {} if default is None else {"default": default}
    return {**_DURATION, "description": description, **shown}


_BOT: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Which bots may do it; without it any that serves the activity type.",
    "properties": {
        "id": {"type": "string", "description": "The bot of this id."},
        "pool": {"type": "string", "description": "Bots with the label pool of this value."},
        "labels": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Bots that have all these labels.",
        },
        "same_as": {**_NODE_ID, "description": "The bot that did this node last."},
    },
    "additionalProperties": False,
}
_TIMEOUT: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "How long each part may take; durations have units, as 30s or 1h30m.",
    "properties": {
        "bot": _duration(
            "Waiting for a bot; when it passes the visit fails with code no_bot. None by default."
        ),
        "accept": _duration(
            "From the request to the bot's word that it began; then the attempt is Lost.", "10s"
        ),
        "heartbeat": _duration("From one sign of life to the next; then the attempt is Lost.", "15s"),
        "run": _duration("From the begin to the end; then the attempt is Lost. None by default."),
        "ask": _duration("With on_lost: ask, from the question to the bot's answer.", "30s"),
    },
    "additionalProperties": False,
}
_RETRY: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "How often, and how soon, a failed attempt is followed by another.",
    "properties": {
        "attempts": {**_ATTEMPTS, "default": 1, "description": "Attempts in all, the first one counted."},
        "delay": _duration("Before the second attempt.", "1s"),
        "backoff": {
            "type": "number",
            "minimum": 1,
            "maximum": 1000,
            "default": 2,
            "description": "Factor from one delay to the next.",
        },
        "max_delay": _duration("The longest delay.", "5m"),
        "on": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "minLength": 1},
            "description": "Error codes that are tried again, and no others. Without it: all but what is permanent.",
        },
    },
    "minProperties": 1,
    "additionalProperties": False,
}
_ACTIVITY: Final[Mapping[str, Any]] = {
    "activity": {
        "type": "string",
        "pattern": r"^(?!_|\.|.*\.\.|.*\.$)[A-Za-z0-9_.-]{1,64}$",
        "description": "An activity: the type of its work, an installed plugin's or one that a bot serves.",
    },
    "with": {"description": "The activity's input; its texts may hold expressions in ${ }."},
    "bot": _BOT,
    "timeout": _TIMEOUT,
    "retry": _RETRY,
    "on_lost": {
        "enum": ["incident", "retry", "ask"],
        "description": "What follows when nobody knows what an attempt did: a person is asked, it is tried again, or the"
        " bot's ledger is asked first. Without it: retry where the type may be carried out twice, else incident.",
    },
    "lost_attempts": {
        **_ATTEMPTS,
        "default": 3,
        "description": "Lost attempts in all, of which all but the last are repeated.",
    },
    "on_error": {
        **_NODE_ID,
        "description": "The node that gets the token when the activity failed for good.",
    },
    "fail_job": {
        "type": "boolean",
        "default": True,
        "description": "Whether a failure for good fails the job; if not, the token goes on.",
    },
}
_NEXT: Final[Mapping[str, Any]] = {
    "description": "Where the token goes: a node id, or a list of pointers, of which all that are true are followed.",
    "anyOf": [_NODE_ID, _POINTERS],
}
_COMMON: Final = ("name", "description")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "activity": (*_COMMON, *_ACTIVITY, "next"),
    "parallel": (*_COMMON, "parallel"),
    "join": (*_COMMON, "join", "next"),
    "exclusive": (*_COMMON, "exclusive"),
    "inclusive": (*_COMMON, "inclusive"),
    "end": (*_COMMON, "end"),
}

NODE: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A step; exactly one of its keys names its kind.",
    "properties": {
        "name": {"type": "string", "description": "For people."},
        "description": {"type": "string", "description": "For people."},
        **_ACTIVITY,
        "parallel": {
            "type": "array",
            "minItems": 1,
            "items": _NODE_ID,
            "description": "Follows every pointer at once: a list of node ids.",
        },
        "join": {
            "description": "Waits for tokens and becomes one. reachable: each input has one or can no longer get one;"
            " all: every input; a number: so many, and the rest is cancelled.",
            "anyOf": [
                {"enum": ["reachable", "all"]},
                {"type": "integer", "minimum": 1, "maximum": 10_000},
            ],
        },
        "exclusive": {**_POINTERS, "description": "Follows the first pointer that is true."},
        "inclusive": {**_POINTERS, "description": "Follows every pointer that is true."},
        "end": {"enum": ["succeeded", "failed"], "description": "Finishes the job, with this outcome."},
        "next": _NEXT,
    },
    "additionalProperties": False,
    "oneOf": [{"required": [kind]} for kind in _KEYS],
    "allOf": [
        {"if": {"required": [kind]}, "then": {"propertyNames": {"enum": list(keys)}}}
        for kind, keys in _KEYS.items()
    ],
}
