"""The activity types' input schemas, made fit to check files with: an expression may stand for any value.

What a plugin publishes is about values; what an author writes holds expressions and references to secrets. So every value
may as well be a text with an expression in it, or such a reference, and what no longer holds then is left out: that
something is *not* so, or exactly one of several.
A rule that is left out here refuses less; loading finds the rest (`activity_inputs`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.fitting import find_misfits

if TYPE_CHECKING:
    from ee_core.contracts.activity import ActivityType

EXPRESSION: Final[Mapping[str, Any]] = {
    "type": "string",
    "pattern": r"\$\{|^secret:[A-Za-z_][A-Za-z0-9_.-]*$",
    "description": "Text with an expression in ${ }; a text that is nothing else keeps the type of its value."
    " Or secret:NAME, which stands for a secret.",
}
_SAYS: Final = ("title", "description", "default", "examples", "deprecated")  # and asks for nothing
_AS_IT_IS: Final = (
    *(
        "type",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
    ),
    *(
        "multipleOf",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "required",
        "dependentRequired",
    ),
)
_CONSTRAINTS_OF_TEXT: Final = {"pattern", "minLength", "maxLength", "enum", "const", "$ref", "anyOf", "allOf"}


def make_input_rules(
    activities: Mapping[str, ActivityType],
) -> tuple[list[str], dict[str, Any], list[dict[str, Any]]]:
    """Return the names of the activity types, their schemas by the name of a definition, and a rule that uses each."""
    schemas: dict[str, Any] = {}
    rules: list[dict[str, Any]] = []
    for name, kind in sorted(activities.items()):
        place = f"input.{name}"
        read = _read(kind, place)
        if read is None:
            continue
        found, whole = read
        whole.setdefault("description", f"The input of {name}.")
        schemas[place] = {key: value for key, value in whole.items() if key != "default"}
        then: dict[str, Any] = {
            "properties": {"with": {"anyOf": [{"$ref": f"#/$defs/{place}"}, {"$ref": "#/$defs/expression"}]}}
        }
        if find_misfits(None, found):
            then["required"] = ["with"]
        condition = {"properties": {"activity": {"const": name}}, "required": ["activity"]}
        rules.append({"if": condition, "then": then})
    _mend(schemas, {"$defs": schemas})
    return sorted(activities), schemas, rules


def _read(kind: ActivityType, place: str) -> tuple[Mapping[str, Any], dict[str, Any]] | None:
    """Return a type's schema as plain JSON, and what becomes of it at its place; None when it cannot be used."""
    try:
        schema: Any = json.loads(json.dumps(kind.input_schema))
        find_misfits({}, schema)
        return (schema, _Relaxed(f"#/$defs/{place}").relax(schema)) if isinstance(schema, Mapping) else None
    except Exception:  # noqa: BLE001 - a plugin's schema may be anything; loading a file that uses it warns (EE-W414)
        return None


class _Relaxed:
    """One type's schema at its new place."""

    def __init__(self, place: str) -> None:
        self._place = place

    def relax(self, schema: Any) -> Any:
        """Return a schema that also takes expressions inside a value."""
        if not isinstance(schema, Mapping):
            return schema
        made = {key: schema[key] for key in (*_SAYS[1:], *_AS_IT_IS) if key in schema}
        for key in ("const", "enum"):
            choices = schema.get(key) if key == "enum" else [schema.get(key)]
            if key in schema and not any(isinstance(each, dict | list) for each in choices or ()):
                made[key] = schema[key]
        made |= self._relax_members(schema)
        if "items" in schema:
            made["items"] = self._place_for(schema["items"])
        if "prefixItems" in schema:
            made["prefixItems"] = [self._place_for(each) for each in schema["prefixItems"]]
        if "allOf" in schema:
            made["allOf"] = [self.relax(each) for each in schema["allOf"]]
        choices = [[self.relax(each) for each in schema[key]] for key in ("anyOf", "oneOf") if key in schema]
        if len(choices) == 1:
            made["anyOf"] = choices[0]
        elif choices:
            made["allOf"] = [*made.get("allOf", []), *({"anyOf": each} for each in choices)]
        if "$ref" in schema:
            made["$ref"] = (
                self._place + str(schema["$ref"])[1:] if str(schema["$ref"]).startswith("#") else ""
            )
        return made

    def _relax_members(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key in ("properties", "patternProperties"):
            if key in schema:
                made[key] = {name: self._place_for(member) for name, member in schema[key].items()}
        if "additionalProperties" in schema:
            made["additionalProperties"] = self._place_for(schema["additionalProperties"])
        if "propertyNames" in schema:
            made["propertyNames"] = self.relax(schema["propertyNames"])
        for key in ("$defs", "definitions", "dependentSchemas"):
            if key in schema:
                made[key] = {name: self.relax(member) for name, member in schema[key].items()}
        return made

    def _place_for(self, schema: Any) -> Any:
        """Return a schema that also takes an expression in the place of a value."""
        relaxed = self.relax(schema)
        if not isinstance(relaxed, Mapping):
            return relaxed
        says = {key: value for key, value in relaxed.items() if key in _SAYS}
        asks = {key: value for key, value in relaxed.items() if key not in _SAYS}
        types = asks.get("type", ())
        takes_text = "string" in ([types] if isinstance(types, str) else types)
        if not asks or (takes_text and not asks.keys() & _CONSTRAINTS_OF_TEXT):
            return relaxed
        return {**says, "anyOf": [asks, {"$ref": "#/$defs/expression"}]}


def _mend(part: Any, root: Mapping[str, Any]) -> None:
    """Take away references that lead nowhere, to another document or to what was left out."""
    if isinstance(part, dict):
        if "$ref" in part and not _leads_somewhere(str(part["$ref"]), root):
            del part["$ref"]
        for member in part.values():
            _mend(member, root)
    elif isinstance(part, list):
        for item in part:
            _mend(item, root)


def _leads_somewhere(reference: str, root: Mapping[str, Any]) -> bool:
    if reference == "#/$defs/expression":
        return True
    found: Any = root if reference.startswith("#/") else None
    for step in reference.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(key)] if key.isdecimal() and int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return isinstance(found, dict | bool)
