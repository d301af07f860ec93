"""What a JSON Schema says of the members of an object, in words for a person: a row for each, those inside of it below.

A member inside another one has its path, as ``auth.basic.user``; of a list or a mapping by names it is that of what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = Mapping[str, Any]

_MAX_DEPTH: Final = 6  # a schema may hold itself; nobody reads deeper


def list_rows(schema: Schema, root: Schema, *, depth: int = 1) -> tuple[dict[str, str], ...]:
    """Return a row for each member of an object.

    Args:
        schema: Of the object.
        root: What references lead into.
        depth: How many members may stand in a path.
    """
    return tuple(_iter_rows(schema, root, "", depth, ()))


def list_all_rows(schema: Schema) -> tuple[dict[str, str], ...]:
    """Return a row for each member of an object, and for each member inside of these."""
    return list_rows(schema, schema, depth=_MAX_DEPTH)


def takes(given: Schema, root: Schema) -> str:
    """Return what a value may be."""
    given = follow(given, root)
    if "const" in given:
        return json.dumps(given["const"])
    if "enum" in given:
        return ", ".join("null" if value is None else str(value) for value in given["enum"])
    if choices := _choices(given):
        words = dict.fromkeys(text for each in choices if (text := takes(each, root)))
        return " or ".join(words)
    kinds = given.get("type", "")
    text = kinds if isinstance(kinds, str) else " or ".join(kinds)
    low, high = given.get("minimum"), given.get("maximum")
    if low is not None and high is not None:
        text += f" from {low} to {high}"
    return text


def default_of(given: Schema) -> str:
    """Return the value of a member that is not given, as JSON; "" when there is none."""
    return json.dumps(given["default"]) if "default" in given else ""


def wants_one(given: Schema) -> bool:
    """Say whether an object must have one member and no more."""
    return given.get("minProperties") == given.get("maxProperties") == 1


def follow(given: Schema, root: Schema) -> Schema:
    """Return what a reference leads to, with the words of the place where it stands."""
    seen = set()
    while isinstance(reference := given.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        found: Any = root if reference.startswith("#/") else {}
        for step in reference.split("/")[1:]:
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        here = {key: value for key, value in given.items() if key != "$ref"}
        given = {**(found if isinstance(found, Mapping) else {}), **here}
    return given


def _choices(given: Schema) -> list[Schema]:
    return [each for key in ("anyOf", "oneOf") for each in given.get(key, ()) if isinstance(each, Mapping)]


def _iter_rows(
    schema: Schema, root: Schema, above: str, depth: int, outer: tuple[Schema, ...]
) -> Iterator[dict[str, str]]:
    needed = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        given = follow(member, root) if isinstance(member, Mapping) else {}  # true and false are schemas, too
        held = [each for each in _held(given, root) if each not in outer] if depth > 1 else []
        meaning = [given.get("description", ""), *("Exactly one of:" for each in held if wants_one(each))]
        yield {
            "key": above + name,
            "takes": takes(given, root),
            "default": "must be given" if name in needed else default_of(given),
            "meaning": " ".join(part for part in meaning if part),
        }
        for each in held:
            yield from _iter_rows(each, root, f"{above}{name}.", depth - 1, (*outer, each))


def _held(given: Schema, root: Schema) -> Iterator[Schema]:
    """Yield the objects that a value is or holds: itself, one of its choices, items, or members by any name."""
    given = follow(given, root)
    if given.get("properties"):
        yield given
    inner = [given[key] for key in ("items", "additionalProperties") if isinstance(given.get(key), Mapping)]
    for each in (*_choices(given), *inner):
        yield from _held(each, root)
