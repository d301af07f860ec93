"""Where in a TOML text its keys and values stand, which `tomllib` does not tell.

Only for texts that `tomllib` has read: nothing is checked here. What this scanner cannot place, it leaves out, and when
anything looks other than expected it leaves out everything: a wrong line is worse than none.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Key = tuple[str, ...]  # ("engine", "grace_s")


class Place(NamedTuple):
    """Where something stands, both from 1."""

    line: int
    column: int


class Places(NamedTuple):
    """Where a key and its value stand; of a table it is the same place."""

    key: Place
    value: Place


def find_places(text: str, content: Mapping[str, Any]) -> dict[Key, Places]:
    """Find each key of a TOML text, by its path.

    Args:
        text: What `tomllib` read.
        content: What it made of it.

    Returns:
        The places; empty when they would not be certain. Keys within arrays are left out.
    """
    scanner = _Scanner(text)
    try:
        scanner.scan()
    except _UnsureError:
        return {}
    return scanner.found if all(_holds(content, key) for key in scanner.found) else {}


class _UnsureError(Exception):
    """The text is not what was expected; never leaves this module."""


_STRING: Final = (
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY: Final = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_VALUE: Final = re.compile(rf"{_STRING}|[^\s,\]}}#\[{{=][^,\]}}#\n]*", re.DOTALL)
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_EQUALS: Final = re.compile(r"[ \t]*=[ \t]*")
_HEADER: Final = re.compile(r"\[[ \t]*")
_HEADER_END: Final = re.compile(r"[ \t]*\]")
_ARRAY_HEADER: Final = re.compile(r"\[\[[ \t]*")
_ARRAY_HEADER_END: Final = re.compile(r"[ \t]*\]\]")


class _Scanner:
    def __init__(self, text: str) -> None:
        self.found: dict[Key, Places] = {}
        self._text = text
        self._at = 0
        self._arrays: set[Key] = set()  # of tables: one path stands for several places

    def scan(self) -> None:
        table: Key | None = ()  # None: within an array of tables
        self._take(_SPACE)
        while self._at < len(self._text):
            if self._text.startswith("[[", self._at):
                self._array_header()
                table = None
            elif self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._take(_SPACE)

    def _array_header(self) -> None:
        self._take(_ARRAY_HEADER)
        place = self._place()
        array = self._key()
        self._take(_ARRAY_HEADER_END)
        if not self._is_in_array(array):
            self._note(array, Places(place, place))
        self._arrays.add(array)

    def _header(self) -> Key | None:
        self._take(_HEADER)
        place = self._place()
        table = self._key()
        self._take(_HEADER_END)
        if self._is_in_array(table):
            return None
        self._note(table, Places(place, place))
        return table

    def _pair(self, table: Key | None) -> None:
        place = self._place()
        key = self._key()
        self._take(_EQUALS)
        path = None if table is None else (*table, *key)
        if path is not None:
            self._note(path, Places(place, self._place()))
        self._value(path)

    def _value(self, path: Key | None) -> None:
        """Go over a value; the keys of an inline table are noted under `path`."""
        match self._text[self._at : self._at + 1]:
            case "[":
                self._several("]", lambda: self._value(None))
            case "{":
                self._several("}", lambda: self._pair(path))
            case _:
                self._take(_VALUE)

    def _several(self, end: str, take: Callable[[], None]) -> None:
        self._at += 1
        self._take(_SPACE)
        while not self._text.startswith(end, self._at):
            take()
            self._take(_SPACE)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._take(_SPACE)
            elif not self._text.startswith(end, self._at):
                raise _UnsureError
        self._at += 1

    def _key(self) -> Key:
        """Take a dotted key; `tomllib` itself reads what its quotes and escapes mean."""
        source = self._take(_KEY)
        try:
            content: Any = tomllib.loads(f"{source} = 0")
        except ValueError:
            raise _UnsureError from None
        parts = []
        while isinstance(content, dict):
            ((part, content),) = content.items()
            parts.append(part)
        return tuple(parts)

    def _is_in_array(self, key: Key) -> bool:
        return any(key[: len(array)] == array for array in self._arrays)

    def _note(self, path: Key, places: Places) -> None:
        """Note a path, and the tables that it alone has named so far."""
        self.found[path] = places
        for length in range(1, len(path)):
            self.found.setdefault(path[:length], Places(places.key, places.key))

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _UnsureError
        self._at = match.end()
        return match[0]

    def _place(self) -> Place:
        start = self._text.rfind("\n", 0, self._at) + 1
        return Place(self._text.count("\n", 0, self._at) + 1, self._at - start + 1)


def _holds(content: Any, key: Key) -> bool:
    for part in key:
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    return True
