"""Values against the measures of a JSON Schema: types, bounds, patterns; and the words for what does not fit."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.definitions.holes import Hole, has_holes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


PATTERN: Final = "text that matches"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "string": ("text", lambda value: isinstance(value, str) or value is Hole.TEXT),
    "integer": ("a whole number", lambda value: _is_number(value) and value == math.floor(value)),
    "number": ("a number", _is_number),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "object": ("a mapping", lambda value: isinstance(value, dict)),
    "array": ("a list", lambda value: isinstance(value, list)),
    "null": ("nothing", lambda value: value is None),
}
_BOUNDS: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "minimum": ("at least", lambda value, bound: bool(value >= bound)),
    "maximum": ("at most", lambda value, bound: bool(value <= bound)),
    "exclusiveMinimum": ("more than", lambda value, bound: bool(value > bound)),
    "exclusiveMaximum": ("less than", lambda value, bound: bool(value < bound)),
}
_SIZES: Final[Mapping[type, tuple[str, str, str]]] = {
    str: ("minLength", "maxLength", "characters"),
    list: ("minItems", "maxItems", "items"),
    dict: ("minProperties", "maxProperties", "members"),
}


def is_of(value: Any, kind: str) -> bool:
    """Say whether a value is of a schema's type; a type that is not known takes all."""
    return kind not in _KINDS or _KINDS[kind][1](value)


def kind_words(value: Any) -> str:
    """Return what a value is, for messages."""
    known = ("null", "boolean", "string", "number", "array", "object")
    return "empty" if value is None else next(_KINDS[kind][0] for kind in known if is_of(value, kind))


def expected_words(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the words for a schema's types."""
    return tuple(_KINDS[kind][0] if kind in _KINDS else kind for kind in kinds)


def shown(value: Any) -> str:
    """Return a value for messages: words as they are written in a file."""
    if isinstance(value, str):
        return f"{value!r:.60}"
    return f"{msgspec.json.encode(value).decode():.60}"


def described(value: Any) -> str:
    """Return a value for messages, or what it is when parts of it are not known."""
    return kind_words(value) if has_holes(value) else shown(value)


def canonical(value: Any) -> Any:
    """Return what is equal for values that are equal in JSON, and can be hashed: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, list):
        return ("list", tuple(map(canonical, value)))
    if isinstance(value, dict):
        return ("object", frozenset((key, canonical(member)) for key, member in value.items()))
    return ("boolean", value) if isinstance(value, bool) else value


def may_equal(value: Any, other: Any) -> bool:
    """Say whether a value with holes may become another one."""
    if isinstance(value, Hole):
        return value is Hole.ANY or isinstance(other, str)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(may_equal, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(may_equal(value[key], other[key]) for key in value)
    return bool(canonical(value) == canonical(other))


def has_twins(values: Sequence[Any]) -> bool:
    """Say whether two values of a list are equal."""
    return len(set(map(canonical, values))) < len(values)


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None  # JavaScript's, which the standard wants, has a few forms that Python lacks


def matches(pattern: str, text: str) -> bool:
    """Say whether a pattern is found in a text; one that Python cannot read is found in all."""
    compiled = _compile(pattern)
    return compiled is None or compiled.search(text) is not None


def find_excess(value: Any, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a value is or has, and what is expected, for each bound that it breaks."""
    if _is_number(value):
        for keyword, (words, holds) in _BOUNDS.items():
            if keyword in schema and not holds(value, schema[keyword]):
                yield f"is {shown(value)}", f"{words} {schema[keyword]}"
        if "multipleOf" in schema and not _is_multiple(value, schema["multipleOf"]):
            yield f"is {shown(value)}", f"a multiple of {schema['multipleOf']}"
        return
    if type(value) in _SIZES:
        least, most, unit = _SIZES[type(value)]
        if least in schema and len(value) < schema[least]:
            yield f"has {len(value)} {unit}", f"at least {schema[least]}"
        if most in schema and len(value) > schema[most]:
            yield f"has {len(value)} {unit}", f"at most {schema[most]}"
    if isinstance(value, str) and "pattern" in schema and not matches(schema["pattern"], value):
        yield f"is {shown(value)}", _like(schema)


def _like(schema: Mapping[str, Any]) -> str:
    """Return the words for text of a pattern: its examples say more, where there are some."""
    examples = [each for each in schema.get("examples", ()) if isinstance(each, str)]
    return f"text as {' or '.join(examples[:2])}" if examples else f"{PATTERN} {schema['pattern']}"


def _is_multiple(value: float, step: float) -> bool:
    try:
        # the digits as they are written: 0.3 is a multiple of 0.1
        return Decimal(str(value)) % Decimal(str(step)) == 0
    except InvalidOperation:
        return True  # so far apart that no digits tell
