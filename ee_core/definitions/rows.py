"""The lines of a YAML text that say something: with their indentation, and without what goes on over several lines.

A rough reading, for text that the parser has refused: it knows comments, block texts, quotes and brackets, and decides
nothing about values. Where something is left open, the rest of the text belongs to that row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTED: Final = {'"': re.compile(r'(?:\\.|[^"\\])*(")?', re.DOTALL), "'": re.compile(r"(?:''|[^'])*(')?")}
_BLOCK: Final = re.compile(r"(?P<before>.*?(?:^|[:-]\s+))[|>][-+\d]{0,2}(?:\s+#.*)?$")
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*(?:\s+|$))+")  # anchors and tags are refused, but not here
_DASHES: Final = re.compile(r"(?:-\s+)*")
_KEY: Final = re.compile(
    r"""(?P<key>(?:"(?:\\.|[^"\\])*"|'(?:''|[^'])*')\s*|(?:[^\s"'\[\]{},&*!|>%@`#-]|-[^\s:])(?:(?!\s\#|:\s|:$).)*):(?:\s+|$)"""
)
_PLAIN_IN_FLOW: Final = re.compile(r"(?:(?!:(?:\s|$)|\s\#)[^,\[\]{}])+")


@dataclass(frozen=True, slots=True)
class Row:
    """A line, or several that are one thing."""

    number: int  # of its line, from 1
    indent: int
    dashes: tuple[int, ...]  # columns before each `- `
    column: int  # columns before the key, or before the text
    key: str  # "" is a text, or nothing
    text: str  # behind the key, or all of it; without comment
    block: int = 0  # the indentation of the block text that ends before it, if one does


def iter_rows(lines: list[str]) -> Iterator[Row]:
    """Walk the rows of a text's lines."""
    at = block = 0
    while at < len(lines):
        line = lines[at]
        content = line.strip(" \t\r")
        if not content or content.startswith("#") or line.startswith(("---", "...", "%")):
            at += 1
            continue
        row = _read_row(at + 1, line.rstrip(), block)
        yield row
        block = 0
        if match := _BLOCK.match(content):
            at, block = _skip_block(lines, at + 1, _owner(row, match["before"]))
        else:
            at = _skip_open(lines, at, row)


def _read_row(number: int, line: str, block: int) -> Row:
    indent = len(line) - len(line.lstrip(" "))
    content = line[indent:]
    dashes = [indent + place for place in range(_end_of_dashes(content)) if content[place] == "-"]
    column = indent + _end_of_dashes(content)
    if content == "-" or line[column:] == "-":
        dashes.append(column)
        return Row(number, indent, tuple(dashes), column + 1, "", "", block)
    rest = line[column:]
    match = _KEY.match(rest)
    text = rest[match.end() :] if match else rest
    text = _PROPERTIES.sub("", text)
    text = re.sub(r"(?:^|\s)#.*$", "", text).rstrip() if text[:1] not in {'"', "'"} else text
    key = match["key"].rstrip() if match else ""
    return Row(number, indent, tuple(dashes), column, key, text, block)


def _end_of_dashes(content: str) -> int:
    match = _DASHES.match(content)
    return match.end() if match else 0


def _owner(row: Row, before: str) -> int:
    """Return the columns that a block text must be deeper than."""
    if row.key:
        return row.column
    return row.dashes[-1] if row.dashes and before.rstrip().endswith("-") else row.indent


def _skip_block(lines: list[str], at: int, owner: int) -> tuple[int, int]:
    """Return the line behind a block text, and the text's indentation."""
    inner = 0
    while at < len(lines):
        indent = len(lines[at]) - len(lines[at].lstrip(" "))
        if lines[at].strip():
            inner = inner or indent
            if indent <= owner or indent < inner:
                break
        at += 1
    return at, inner if inner > owner else 0


def _skip_open(lines: list[str], at: int, row: Row) -> int:
    """Return the line behind a row whose quotes or brackets are closed on a later line."""
    closing = _Closing()
    rest = row.text
    while True:
        closing.read(rest)
        at += 1
        if at >= len(lines) or not closing.is_open:
            return at
        rest = lines[at].strip()


class _Closing:
    """Follows quotes and brackets over the lines of one value."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0

    @property
    def is_open(self) -> bool:
        return bool(self._quote) or self._depth > 0

    def read(self, line: str) -> None:
        at = 0
        if self._quote:
            at = self._end_quote(line, 0)
        while at < len(line):
            character = line[at]
            if character == "#" and (not at or line[at - 1].isspace()):
                return
            if character in _QUOTED:
                self._quote = character
                at = self._end_quote(line, at + 1)
            elif character in "[{":
                self._depth += 1
                at += 1
            elif character in "]}" and self._depth:
                self._depth -= 1
                at += 1
            else:
                at = self._end_plain(line, at)

    def _end_quote(self, line: str, at: int) -> int:
        match = _QUOTED[self._quote].match(line, at)
        if match is None or match.group(1) is None:
            return len(line)
        self._quote = ""
        return match.end()

    def _end_plain(self, line: str, at: int) -> int:
        if line[at] in " \t,:]}":
            return at + 1
        if not self._depth:
            return len(line)  # quotes and brackets within a plain text are characters
        match = _PLAIN_IN_FLOW.match(line, at)
        return match.end() if match and match.end() > at else at + 1
