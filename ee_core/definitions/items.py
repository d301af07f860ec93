"""A value of a file that knows its place: what `source` makes and all forms are read from.

Besides its value an item has the text it was written with, so that the place of a character inside a quoted or
folded text can be found again: an expression's error is shown where the author wrote it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.definitions.diagnostics import Place, Text

Plain = None | bool | int | float | str

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)", re.DOTALL)
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HEADER = re.compile(r"[|>][^\n]*\n")


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A value with its place."""

    text: Text
    start: int  # offset into the text's content
    end: int
    value: Plain | list[Item] | dict[str, Item]
    style: str = ""  # of a scalar: "" plain, else its first character: ' " | >
    keys: dict[str, Item] = field(default_factory=dict)  # of a mapping: its keys as items

    @property
    def raw(self) -> str:
        """The text it was written with."""
        return self.text.content[self.start : self.end]

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.text.place_at(self.start, max(1, len(self.raw.rstrip())))

    def iter_texts(self) -> Iterator[Item]:
        """Return the texts in it, in order; keys are none."""
        if isinstance(self.value, dict | list):
            for inner in self.value.values() if isinstance(self.value, dict) else self.value:
                yield from inner.iter_texts()
        elif isinstance(self.value, str):
            yield self

    def plain(self) -> Any:
        """Return the value as plain JSON."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def place_in(self, offset: int, span: int = 1) -> Place:
        """Return the place of a character of a text value.

        Args:
            offset: Into the value; its length means the end.
            span: Characters; those on the next lines are left out.
        """
        if not isinstance(self.value, str):
            return self.place
        starts = self._character_starts(self.value)
        start = starts[min(offset, len(starts) - 1)]
        end = starts[min(offset + span, len(starts) - 1)]
        return self.text.place_at(self.start + start, max(1, end - start))

    def _character_starts(self, value: str) -> list[int]:
        """Return, per character of the value and for its end, the offset into the raw text."""
        raw, at = self.raw, 0
        if self.style in {"'", '"'}:
            at = 1
        elif self.style and (header := _HEADER.match(raw)):
            at = header.end()
        starts = []
        for character in value:
            at = self._skip_layout(raw, at, character)
            starts.append(at)
            at += self._length(raw, at, character)
        return [*starts, at]

    def _skip_layout(self, raw: str, at: int, character: str) -> int:
        """Go past line ends and indentation that are not in the value."""
        while at < len(raw) and raw[at] != character and raw[at] in " \t\r\n" and character not in " \n":
            at += 1
        while self.style == '"' and raw.startswith(("\\\n", "\\\r\n"), at):
            at = _end_of_escape(raw, at)
        return at

    def _length(self, raw: str, at: int, character: str) -> int:
        if self.style == '"' and raw.startswith("\\", at):
            return _end_of_escape(raw, at) - at
        if self.style == "'" and raw.startswith("''", at):
            return 2
        if character == " " and raw[at : at + 1] in {"\n", "\r"}:
            # a folded line end: the blanks after it are layout
            return len(raw[at:]) - len(raw[at:].lstrip())
        return 1


def _end_of_escape(raw: str, at: int) -> int:
    match = _PAIR.match(raw, at) or _ESCAPE.match(raw, at)
    return match.end() if match else at + 1
