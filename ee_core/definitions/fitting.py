"""Whether a value fits a JSON Schema, as far as can be known while parts of it are expressions.

The vocabulary of draft 2020-12 that says something about one value by itself, without what only annotates: `format` and the
content keywords, `unevaluated*`, and references that lead out of the schema are not looked at, so they fit.
The rule of the whole module: what may fit, fits. A keyword that would need an unknown part passes it over.
A schema comes from a plugin; one that refers to itself for ever ends by a budget of steps and of depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from ee_core.definitions import measures
from ee_core.definitions.holes import Hole, has_holes
from ee_core.definitions.measures import described, expected_words, kind_words, may_equal, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ee_core.model.references import Path

_MAX_STEPS: Final = 100_000
_MAX_DEPTH: Final = 150  # a file is nested less deep, and a schema adds a few levels of its own


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not fit."""

    path: Path  # keys and places that lead to it
    kind: Literal["unknown", "missing", "value"]
    said: str  # of a value: "is text"; else the key that is unknown or missing
    expected: tuple[str, ...] = ()  # words, any of which would do; of an unknown key: those there are
    is_of_type: bool = False  # the value is of another type; nothing more is said about it


def find_misfits(value: Any, schema: object) -> list[Misfit]:
    """Return what in a value cannot fit a schema, whatever becomes of its holes.

    Args:
        value: JSON with holes, as of `with_holes`.
        schema: Of a plugin. What is no schema says nothing; one that is malformed inside may raise anything.
    """
    return _Check(schema).find(value, schema, ())


class _Check:
    """One value against one schema."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._left = _MAX_STEPS
        self._depth = 0
        self._gave_up = False  # what was not looked at was taken to fit: a fit proves nothing any more

    def find(self, value: Any, schema: object, path: Path) -> list[Misfit]:
        self._left -= 1
        self._gave_up |= self._left < 0 or self._depth > _MAX_DEPTH
        if schema is False:
            return [Misfit(path, "value", "is not allowed here")]
        if self._left < 0 or self._depth > _MAX_DEPTH or not isinstance(schema, Mapping) or value is Hole.ANY:
            return []
        if "type" in schema and (misfit := _find_type(value, schema["type"], path)):
            return [misfit]
        found = [] if value is Hole.TEXT else list(_find_measures(value, schema, path))
        self._depth += 1
        for keywords, check in _APPLICATORS.items():
            if not schema.keys().isdisjoint(keywords):
                found += check(self, value, schema, path)
        self._depth -= 1
        return found

    def refer(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        target = self._root
        reference = schema["$ref"]
        if not isinstance(reference, str) or not reference.startswith("#"):
            return []
        for part in unquote(reference[1:]).split("/")[1:]:
            step = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and step.isdecimal() and int(step) < len(target):
                target = target[int(step)]
            elif isinstance(target, Mapping) and step in target:
                target = target[step]
            else:
                return []
        return self.find(value, target, path)

    def members(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        if not isinstance(value, dict):
            return []
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        others = schema.get("additionalProperties", True)
        found: list[Misfit] = []
        for key, member in value.items():
            parts = [named[key]] if key in named else []
            parts += [part for pattern, part in patterns.items() if measures.matches(pattern, key)]
            if not parts and others is False:
                found.append(Misfit((*path, key), "unknown", key, tuple(named)))
            for part in parts or [others]:
                if part is not False or parts:
                    found += self.find(member, part, (*path, key))
        return found

    def names(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        keys = value if isinstance(value, dict) else {}
        return [
            Misfit((*path, key), "unknown", key)
            for key in keys
            if self.find(key, schema["propertyNames"], path)
        ]

    def dependent(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        parts = schema["dependentSchemas"].items() if isinstance(value, dict) else ()
        return [each for key, part in parts if key in value for each in self.find(value, part, path)]

    def items(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        if not isinstance(value, list):
            return []
        first = schema.get("prefixItems", [])
        parts = [*first, *[schema.get("items", True)] * (len(value) - len(first))]
        return [
            each
            for place, (item, part) in enumerate(zip(value, parts, strict=False))
            for each in self.find(item, part, (*path, place))
        ]

    def contains(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        if not isinstance(value, list) or has_holes(value):
            return []
        count = sum(not self.find(item, schema["contains"], path) for item in value)
        least, most = schema.get("minContains", 1), schema.get("maxContains", len(value))
        if least <= count <= most:
            return []
        return [
            Misfit(path, "value", f"has {count} items of the kind that it must have {least} to {most} of")
        ]

    def every(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        return [each for part in schema["allOf"] for each in self.find(value, part, path)]

    def any_of(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        return self._any([self.find(value, part, path) for part in schema["anyOf"]], path)

    def one_of(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        found = [self.find(value, part, path) for part in schema["oneOf"]]
        if sum(not each for each in found) > 1 and not has_holes(value) and not self._gave_up:
            return [Misfit(path, "value", "fits several of the alternatives of which it must fit one")]
        return self._any(found, path)

    def _any(self, found: list[list[Misfit]], path: Path) -> list[Misfit]:
        """Return the misfits of the alternative that was probably meant; none if one fits."""
        if not all(found):
            return []
        said = {(len(each), each[0].path, each[0].said, bool(each[0].expected)) for each in found}
        if len(said) == 1 and found[0][0].kind == "value" and len(found[0]) == 1 and found[0][0].expected:
            words = dict.fromkeys(word for [each] in found for word in each.expected)
            plain = [word for word in words if not word.startswith(measures.PATTERN)]  # a pattern says little
            first = found[0][0]
            is_of_type = all(each.is_of_type for [each] in found)
            return [Misfit(first.path, "value", first.said, tuple(plain or words), is_of_type)]
        nearer = [each for each in found if not (each[0].is_of_type and each[0].path == path)]
        return min(nearer or found, key=lambda each: (-max(len(one.path) for one in each), len(each)))

    def negation(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        fits = not has_holes(value) and not self.find(value, schema["not"], path)
        return (
            [Misfit(path, "value", "is of a kind that is not allowed here")]
            if fits and self._left > 0
            else []
        )

    def condition(self, value: Any, schema: Mapping[str, Any], path: Path) -> list[Misfit]:
        branch = "else" if self.find(value, schema["if"], path) else "then"
        if has_holes(value) or self._gave_up:
            return []
        return self.find(value, schema.get(branch, True), path)


_APPLICATORS: Final[
    Mapping[tuple[str, ...], Callable[[_Check, Any, Mapping[str, Any], Path], list[Misfit]]]
] = {
    ("$ref",): _Check.refer,
    ("properties", "patternProperties", "additionalProperties"): _Check.members,
    ("propertyNames",): _Check.names,
    ("dependentSchemas",): _Check.dependent,
    ("prefixItems", "items"): _Check.items,
    ("contains",): _Check.contains,
    ("allOf",): _Check.every,
    ("anyOf",): _Check.any_of,
    ("oneOf",): _Check.one_of,
    ("not",): _Check.negation,
    ("if",): _Check.condition,
}


def _find_type(value: Any, types: str | list[str], path: Path) -> Misfit | None:
    wanted = [types] if isinstance(types, str) else list(types)
    if any(measures.is_of(value, each) for each in wanted):
        return None
    return Misfit(path, "value", f"is {kind_words(value)}", expected_words(wanted), is_of_type=True)


def _find_measures(value: Any, schema: Mapping[str, Any], path: Path) -> Iterator[Misfit]:
    """Find what a value itself has wrong, its parts aside."""
    if isinstance(value, dict):
        yield from (Misfit(path, "missing", key) for key in _wanted(value, schema) if key not in value)
    for keyword, choices in (("const", [schema.get("const")]), ("enum", schema.get("enum"))):
        if keyword in schema and not any(may_equal(value, each) for each in choices or ()):
            yield Misfit(path, "value", f"is {described(value)}", tuple(map(shown, choices or ())))
    is_list = isinstance(value, list) and not has_holes(value)
    if schema.get("uniqueItems") is True and is_list and measures.has_twins(value):
        yield Misfit(path, "value", "has an item twice", ("different ones",))
    for said, expected in measures.find_excess(value, schema):
        yield Misfit(path, "value", said, (expected,))


def _wanted(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterable[str]:
    depending = schema.get("dependentRequired", {}).items()
    keys = [*schema.get("required", ()), *(each for key, keys in depending if key in value for each in keys)]
    return dict.fromkeys(keys)
