"""The built-in activity types ``noop``, ``delay`` and ``log``: all stateless, and harmless when carried out twice."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import PermanentActivityError
from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.contracts.activity import ActivityContext, ActivityType

MAX_DELAY_S: Final = 366 * 86_400.0
_MAX_SAID: Final = 1000  # characters; the whole text is in the log, and in the attempt's input

_TRAITS: Final = ActivityTraits(stateless=True, idempotent=True)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class NoopActivity:
    """Does nothing, and gives what it is told to give."""

    name: Final = "noop"
    input_schema: ClassVar[Mapping[str, Any] | None] = {
        "type": ["object", "null"],
        "properties": {"output": {"description": "What it gives; without it {}."}},
        "additionalProperties": False,
    }
    output_schema: ClassVar[Mapping[str, Any] | None] = None

    def traits_for(self, template: Any) -> ActivityTraits:
        return _TRAITS

    async def run(self, context: ActivityContext, value: Any) -> Any:
        return _members(value, self.name).get("output", {})


class DelayActivity:
    """Waits on the loop. A long wait keeps a worker's attention, not its thread; after a crash it begins anew."""

    name: Final = "delay"
    input_schema: ClassVar[Mapping[str, Any] | None] = {
        "type": "object",
        "properties": {
            "seconds": {
                "type": "number",
                "minimum": 0,
                "maximum": int(MAX_DELAY_S),
                "description": "How long.",
            },
            "for": {
                "type": "string",
                "pattern": r"^ *([0-9][0-9 ]*(\.[ 0-9]*[0-9] *)?(m *s|[smhd]) *)+$",
                "examples": ["1m30s", "500ms"],
                "description": "How long, as 1m30s; units ms, s, m, h, d.",
            },
        },
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    output_schema: ClassVar[Mapping[str, Any] | None] = {
        "type": "object",
        "properties": {"seconds": {"type": "number"}},
        "required": ["seconds"],
    }

    def traits_for(self, template: Any) -> ActivityTraits:
        return _TRAITS

    async def run(self, context: ActivityContext, value: Any) -> Any:
        duration_s = read_duration_s(value)
        await asyncio.sleep(duration_s)
        return {"seconds": duration_s}


class LogActivity:
    """Writes a line into the log of the process that carries it out, and gives it to whoever watches the job."""

    name: Final = "log"
    input_schema: ClassVar[Mapping[str, Any] | None] = {
        "type": "object",
        "properties": {
            "text": {"description": "What is written; anything but text is written as it is in Python."},
            "level": {"enum": list(_LEVELS), "default": "info"},
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    output_schema: ClassVar[Mapping[str, Any] | None] = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What was written, at most 1000 characters."}
        },
        "required": ["text"],
    }

    def traits_for(self, template: Any) -> ActivityTraits:
        return _TRAITS

    async def run(self, context: ActivityContext, value: Any) -> Any:
        members = _members(value, self.name)
        level = members.get("level", "info")
        if "text" not in members or not isinstance(level, str) or level not in _LEVELS:
            raise _refused(
                f"log needs a text, and a level of {', '.join(_LEVELS)}; got {sorted(members)}, {level!r}"
            )
        context.log.log(_LEVELS[level], "%s", members["text"], extra={"action": "activity_log"})
        return {"text": str(members["text"])[:_MAX_SAID]}


_TYPES: Final[dict[str, Callable[[], ActivityType]]] = {
    "noop": NoopActivity,
    "delay": DelayActivity,
    "log": LogActivity,
}


@hookimpl
def ee_open_activity(name: str) -> ActivityType | None:
    """Make one of the three; they have no settings."""
    return _TYPES[name]() if name in _TYPES else None


def read_duration_s(value: Any) -> float:
    """Read how long an input of ``delay`` says.

    Raises:
        PermanentActivityError: There is none, there are two, or it is no duration.
    """
    members = _members(value, DelayActivity.name)
    if members.keys() == {"seconds"}:
        duration_s = _to_seconds(members["seconds"])
    elif members.keys() == {"for"}:
        duration_s = _parse_duration_s(members["for"])
    else:
        raise _refused(f"delay needs either seconds or for (as 1m30s), got {sorted(members) or 'nothing'}")
    if not 0 <= duration_s <= MAX_DELAY_S:
        raise _refused(f"delay lasts 0 to {MAX_DELAY_S:.0f} seconds, not {duration_s!r}")
    return float(duration_s)  # not before: a whole number may be too large for a float


def _to_seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _refused(f"delay: seconds must be a number, got {value!r}")


def _parse_duration_s(text: Any) -> float:
    if not isinstance(text, str) or not re.fullmatch(f"({_PART.pattern})+", text.replace(" ", "")):
        raise _refused(f"delay: for must be a duration as 1m30s with the units ms, s, m, h, d; got {text!r}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text.replace(" ", "")))


def _members(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refused(f"{what} takes an object, got {type(value).__name__}")
    return value


def _refused(text: str) -> PermanentActivityError:
    return PermanentActivityError(text, code="bad_input")
