"""What expressions read of an output, held against the schema of the activity type that gives it.

A schema that lists members and does not say `additionalProperties` is taken at its word: what it does not list is told,
as a warning, since a bot may still give more than it has announced. Where a schema says nothing, nothing is known.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W306  a member is read that the output of the activity type does not list (a warning)
======== ==========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from ee_core.definitions.bare_words import TOKEN
from ee_core.definitions.diagnostics import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ee_core.contracts.activity import ActivityType
    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.expressions import Written
    from ee_core.model.expression import Program

_WORD: Final = re.compile(r"\w+")
_ASKS: Final = re.compile(r"\bhas\s*\(\s*$")
_CALLS: Final = re.compile(r"\s*\(")
_OUTPUT: Final = 3  # words before the members: nodes.<id>.output
_MAX_STEPS: Final = 100  # through references and alternatives of one schema
_OPENS: Final = ("additionalProperties", "unevaluatedProperties", "patternProperties", "allOf", "if")

Schema = Mapping[str, object]


class _Read(NamedTuple):
    """A chain of names in an expression."""

    words: tuple[str, ...]
    offsets: tuple[int, ...]
    is_asked: bool  # with has(...)


def check_outputs(
    draft: Draft,
    programs: list[tuple[Written, Program]],
    activities: Mapping[str, ActivityType],
    report: Report,
) -> None:
    """Warn about members that no output of the node's activity type has."""
    schemas = {
        node.id: activities[node.activity.type].output_schema
        for node in draft.workflow.nodes
        if node.activity is not None and node.activity.type in activities
    }
    for written, program in programs:
        reads = list(_iter_reads(written.source))
        asked = {read.words for read in reads if read.is_asked}
        for read in reads:
            schema = schemas.get(read.words[1])  # type: ignore[call-overload]  # an id in a source is text
            if schema is not None and ".".join(read.words[:_OUTPUT]) in program.references:
                _check(written, read, schema, asked, report)


def _iter_reads(source: str) -> Iterator[_Read]:
    """Walk what is read of outputs, or asked for; the name of a method is neither."""
    for match in TOKEN.finditer(source):
        if match["chain"] is None:
            continue
        words = list(_WORD.finditer(match["chain"]))
        if _CALLS.match(source, match.end()):
            words.pop()
        texts = tuple(word.group() for word in words)
        if texts[0] == "nodes" and texts[2:_OUTPUT] == ("output",):
            offsets = tuple(match.start() + word.start() for word in words)
            yield _Read(texts, offsets, bool(_ASKS.search(source[: match.start()])))


def _check(
    written: Written, read: _Read, schema: Schema, asked: Collection[tuple[str, ...]], report: Report
) -> None:
    inner: list[object] = [schema]
    for place in range(_OUTPUT, len(read.words)):
        members = _Members(schema).find(inner)
        if not members:
            return
        word = read.words[place]
        if word not in members:
            if read.words[: place + 1] in asked:
                return  # with has(...), here or before: who wrote it knows that it may be missing
            owner = ".".join(read.words[:place])
            listed = "there are " + ", ".join(sorted(members))
            message = f"{owner} has no {word!r}, says the activity type: {listed:.200}"
            where = written.place(read.offsets[place], len(word))
            report.warn(
                "EE-W306", where, message, did_you_mean(word, members, "read one of these, or mend the type")
            )
            return
        inner = members[word]


class _Members:
    """Finds the members that a schema lists for an object."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = _MAX_STEPS

    def find(self, schemas: list[object]) -> dict[str, list[object]] | None:
        """Return the members by name, with the schemas of each; None where there may be any."""
        found: dict[str, list[object]] = {}
        for schema in schemas:
            members = self._of(schema)
            if members is None:
                return None
            for name, inner in members.items():
                found.setdefault(name, []).extend(inner)
        return found

    def _of(self, schema: object) -> dict[str, list[object]] | None:
        self._left -= 1
        if not isinstance(schema, Mapping) or self._left < 0:
            return None
        if "$ref" in schema:
            return self._of(self._refer(schema["$ref"]))
        for choice in ("anyOf", "oneOf"):
            if isinstance(schema.get(choice), list):
                return self.find(schema[choice])
        kind = schema.get("type")
        if isinstance(kind, str) and kind != "object":
            return {}  # has no members; another of the alternatives may
        named = schema.get("properties")
        if not isinstance(named, Mapping) or any(
            schema.get(keyword, False) is not False for keyword in _OPENS
        ):
            return None
        return {name: [inner] for name, inner in named.items()}

    def _refer(self, reference: object) -> object:
        target: object = self._root
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        for part in reference[2:].split("/"):
            target = target.get(part) if isinstance(target, Mapping) else None
        return target
