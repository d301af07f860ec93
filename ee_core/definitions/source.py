"""Text to plain values that know their places: YAML and JSON through one reader.

YAML is read by PyYAML's C parser, event by event, under the YAML 1.2 core schema (`on` and `12:30` are text). What
makes a file mean more than it shows, or cost more than it weighs, is refused by name before anything is built:
anchors, aliases, tags, several documents, NaN and infinity, deep nesting, too many items, too many bytes. JSON goes
through the same parser for its places; its strings are decoded by the rules of JSON.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W001  more than 1 MiB
EE-W002  not UTF-8
EE-W003  neither YAML nor JSON
EE-W004  a key comes twice
EE-W005  an anchor or an alias
EE-W006  a tag
EE-W007  NaN, infinity, or a number that 64 bits cannot hold
EE-W008  nested too deep, or too many items
EE-W009  several documents
EE-W010  a tab in the indentation
EE-W011  nothing in it
EE-W012  a key is no text
EE-W013  a condition that YAML takes for something else
EE-W014  half of a surrogate pair
======== ==========================================================================
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Final

import yaml

from ee_core.definitions.diagnostics import Report, Text
from ee_core.definitions.items import Item, Plain
from ee_core.definitions.misreading import CONDITION, find_fault, has_bare_expression
from ee_core.definitions.unindented import is_left_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_ITEMS: Final = 100_000

_NULL = re.compile(r"|~|null|Null|NULL")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NO_JSON_NUMBER = re.compile(r"NaN|-?Infinity")
_SURROGATE = re.compile("[\ud800-\udfff]")
# In JSON: escapes, then what YAML does not take as it is.
_MASKED = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^\x20-\x7e\t\r\n]")


class _RefusedError(Exception):
    """Reading cannot go on; the diagnostic is in the report."""


def read(data: bytes, file: str, *, may_be_empty: bool = False) -> Item:
    """Read a file.

    Args:
        data: UTF-8, with or without a byte order mark.
        file: Its name, for messages; one that ends in ``.json`` must be JSON.
        may_be_empty: Read nothing as null.

    Raises:
        WorkflowError: It cannot be read; the text shows where and why.
    """
    report = Report()
    try:
        text = _decode(data, file, report)
        is_json = bool(text.content.strip()) and _is_json(text, report)
        if may_be_empty and not text.content.strip():
            return Item(text, 0, 0, None)
        root = _Reader(text, report, is_json=is_json).read()
    except _RefusedError:
        report.raise_errors()
        raise
    if root.value is None and not may_be_empty:
        report.error("EE-W011", text.place_at(0), "the file is empty", "write a workflow into it")
    report.raise_errors()
    return root


def _refuse(
    report: Report, code: str, text: Text, offset: int, message: str, hint: str, span: int = 1
) -> _RefusedError:
    report.error(code, text.place_at(offset, span), message, hint)
    return _RefusedError()


def _decode(data: bytes, file: str, report: Report) -> Text:
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data)} bytes, the limit is {MAX_BYTES}"
        raise _refuse(
            report, "EE-W001", Text(file, ""), 0, message, "let large values come as inputs, or by reference"
        )
    try:
        return Text(file, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        text = Text(file, data[: error.start].decode("utf-8", "replace"))
        message = f"byte {error.start} ({data[error.start]:#04x}) is not UTF-8"
        hint = "save the file as UTF-8"
        raise _refuse(report, "EE-W002", text, len(text.content), message, hint) from None


def _is_json(text: Text, report: Report) -> bool:
    """Decide by the file's name, else by trying: YAML holds almost all of JSON, but not its strings."""
    must_be = text.file.lower().endswith(".json")
    if not must_be and text.content.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        # Places, numbers and keys are the reader's; this is for the grammar alone.
        json.loads(text.content, parse_int=len, parse_float=len)
    except RecursionError:
        return must_be
    except json.JSONDecodeError as error:
        if not must_be:
            return False
        if not text.content.strip():
            raise _refuse(
                report, "EE-W011", text, 0, "the file is empty", "write a workflow into it"
            ) from None
        message = f"this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise _refuse(report, "EE-W003", text, min(error.pos, len(text.content)), message, "") from None
    return True


def _span(event: yaml.Event) -> tuple[int, int]:
    if event.start_mark is None or event.end_mark is None:
        raise AssertionError("the parser gave an event without a place")
    return event.start_mark.index, event.end_mark.index


class _Reader:
    """Builds items out of the parser's events."""

    def __init__(self, text: Text, report: Report, *, is_json: bool) -> None:
        self._text = text
        self._report = report
        self._is_json = is_json
        self._count = 0

    def read(self) -> Item:
        content = self._text.content
        if self._is_json:
            content = _MASKED.sub(lambda match: "x" * len(match.group()), content)
        try:
            return self._read_stream(yaml.parse(content, Loader=yaml.CSafeLoader))
        except yaml.reader.ReaderError as error:
            message = f"the character {chr(error.character)!r} must not be in the file"
            # The parser counts the bytes of UTF-8 here, and only here.
            offset = len(content.encode()[: error.position].decode("utf-8", "ignore"))
            raise self._refuse("EE-W003", offset, message, "remove it") from None
        except yaml.MarkedYAMLError as error:
            raise self._explain(error) from None

    def _refuse(self, code: str, offset: int, message: str, hint: str = "", span: int = 1) -> _RefusedError:
        return _refuse(self._report, code, self._text, offset, message, hint, span)

    def _read_stream(self, events: Iterator[yaml.Event]) -> Item:
        root: Item | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    message = "the file holds several documents"
                    raise self._refuse("EE-W009", _span(event)[0], message, "keep one workflow in a file", 3)
            elif isinstance(event, yaml.NodeEvent):
                root = self._read_item(event, events, 1)
        if root is None:
            return Item(self._text, 0, 0, None)
        return root

    def _read_item(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Item:
        start, end = _span(event)
        self._check_event(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            style = event.style or ""
            return Item(self._text, start, end, self._read_scalar(event, start, end), style)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                items.append(self._read_item(inner, events, depth + 1))
            return Item(self._text, start, _span(inner)[1], items)
        return self._read_mapping(start, events, depth)

    def _check_event(self, event: yaml.Event, depth: int) -> None:
        start, end = _span(event)
        self._count += 1
        if depth > MAX_DEPTH:
            raise self._refuse("EE-W008", start, f"nested more than {MAX_DEPTH} deep, which is the limit")
        if self._count > MAX_ITEMS:
            raise self._refuse("EE-W008", start, f"more than {MAX_ITEMS} items, which is the limit")
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            what = f"the alias *{anchor}" if isinstance(event, yaml.AliasEvent) else f"the anchor &{anchor}"
            raise self._refuse_syntax(
                "EE-W005", start, f"{what} is not allowed", "write the value out", end - start
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            raise self._refuse_syntax(
                "EE-W006", start, f"the tag {shown} is not allowed", "remove it", end - start
            )

    def _read_mapping(self, start: int, events: Iterator[yaml.Event], depth: int) -> Item:
        members: dict[str, Item] = {}
        keys: dict[str, Item] = {}
        empty = ""  # the last key that has no value
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._read_item(event, events, depth + 1)
            value = self._read_item(next(events), events, depth + 1)
            if isinstance(key.value, list | dict):
                self._report.error("EE-W012", key.place, "a key must be text", "quote it")
                continue
            # Only text has a meaning as a key, so `on`, `1` and `null` are what they look like.
            name = key.value if isinstance(key.value, str) else key.raw
            if name in keys:
                first = keys[name].place
                message = f"the key {name!r} comes twice; first in line {first.line}"
                is_of_other = empty and keys[empty].start > keys[name].start
                more = f", or indent it if it belongs to {empty!r}" if is_of_other else ""
                self._report.error("EE-W004", key.place, message, f"keep one of the two{more}")
                continue
            empty = name if is_left_empty(value) else empty
            keys[name], members[name] = key, value
        return Item(self._text, start, _span(event)[1], members, keys=keys)

    def _read_scalar(self, event: yaml.ScalarEvent, start: int, end: int) -> Plain:
        if self._is_json and event.style == '"':
            value: str = json.loads(self._text.content[start:end])
            if bad := _SURROGATE.search(value):
                message = f"the text holds {bad.group()!r}, half of a surrogate pair"
                raise self._refuse("EE-W014", start, message, "remove it", end - start)
            return value
        if event.style:
            return event.value
        return self._resolve(event.value, start)

    def _resolve(self, word: str, start: int) -> Plain:
        """Give a plain scalar its type by the YAML 1.2 core schema."""
        if _NULL.fullmatch(word):
            return None
        if match := _BOOL.fullmatch(word):
            return bool(match.group(1))
        if _INT.fullmatch(word):
            number = int(word, 0) if word[:2] in {"0o", "0x"} else int(word) if len(word) < 30 else 2**64
            if -(2**63) <= number < 2**63:
                return number
            message = f"the number {word[:30]} does not fit into 64 bits"
            raise self._refuse("EE-W007", start, message, "quote it, if it is text", len(word))
        if _FLOAT.fullmatch(word):
            fraction = float(word)
            if math.isfinite(fraction):
                return fraction
            message = f"the number {word[:30]} is larger than any that can be kept"
            raise self._refuse("EE-W007", start, message, "quote it, if it is text", len(word))
        if _NO_NUMBER.fullmatch(word) or (self._is_json and _NO_JSON_NUMBER.fullmatch(word)):
            message = f"{word} is no number that JSON can hold"
            raise self._refuse("EE-W007", start, message, "quote it, if it is text", len(word))
        return word

    def _refuse_syntax(self, code: str, offset: int, message: str, hint: str, span: int = 1) -> _RefusedError:
        """Refuse what is often an expression that was not quoted."""
        line = self._text.line(self._text.place_at(offset).line)
        if CONDITION.search(line) and not self._is_json:
            message = "YAML takes this condition for something else"
            return self._refuse("EE-W013", offset, message, "quote the condition: when: '...'", span)
        if not self._is_json and has_bare_expression(line):
            hint = "quote the text that holds ${ }"
        return self._refuse(code, offset, message, hint, span)

    def _explain(self, error: yaml.MarkedYAMLError) -> _RefusedError:
        """Find the words for what the parser does not understand."""
        marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
        offset = min(marks[0].index, len(self._text.content)) if marks else 0
        for mark in marks:
            line = self._text.line(self._text.place_at(min(mark.index, len(self._text.content))).line)
            if CONDITION.search(line):
                offset = min(mark.index, len(self._text.content))
                break
        if "nesting depth" in (error.problem or ""):
            return self._refuse("EE-W008", offset, f"nested more than {MAX_DEPTH} deep, which is the limit")
        if self._text.content[offset : offset + 1] == "\t":
            message = "a tab cannot indent"
            return self._refuse("EE-W010", offset, message, "use blanks")
        fault = None if self._is_json else find_fault(self._text, error)
        if fault is None:
            context = f" {error.context}" if error.context else ""
            message = f"this is no YAML: {error.problem}{context}"
            return self._refuse_syntax("EE-W003", offset, message, "quote the text, if it is one")
        return self._refuse("EE-W003", fault.offset, f"this is no YAML: {fault.message}", fault.hint)
