"""What a fake activity gives when nobody has said: a value that its type's schema would take.

Reads the few words of JSON Schema that say what a value looks like. What it makes is plausible, not checked: a schema
may ask for more than these words say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEEPEST: Final = 20  # a schema may hold itself
_TEXTS: Final = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "somebody@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_PLAIN: Final[Mapping[str, Any]] = {"boolean": True, "null": None}


def plausible(schema: Mapping[str, Any] | bool, depth: int = 0) -> Any:
    """Return a value for a schema: an example that it gives, else the first that its words allow."""
    if isinstance(schema, bool) or depth > _DEEPEST:
        return None
    for word in ("examples", "enum"):
        if schema.get(word):
            return schema[word][0]
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return plausible(schema[word][0], depth + 1)
    return _of_type(_type_of(schema), schema, depth)


def _type_of(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", "object" if "properties" in schema else "null")
    return str(kinds if isinstance(kinds, str) else kinds[0])


def _of_type(kind: str, schema: Mapping[str, Any], depth: int) -> Any:
    match kind:
        case "object":
            members = schema.get("properties", {})
            wanted = schema.get("required", members)
            return {name: plausible(members.get(name, True), depth + 1) for name in wanted}
        case "array":
            return [plausible(schema.get("items", True), depth + 1)] * max(1, schema.get("minItems", 1))
        case "string":
            return _TEXTS.get(schema.get("format", ""), "text").ljust(schema.get("minLength", 0), "x")
        case "integer" | "number":
            return _number(schema)
        case _:
            return _PLAIN.get(kind)


def _number(schema: Mapping[str, Any]) -> Any:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return min(least, schema.get("maximum", least))
