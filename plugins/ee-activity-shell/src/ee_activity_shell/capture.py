"""Takes what a program writes, as much as it likes, and keeps a bounded part of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_TAIL_BYTES: Final = 2000
_LINE_BYTES: Final = 4000
_PERCENT: Final = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?) ?%")


class Capture:
    """The beginning of a stream, for the output, and its end, for messages."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = b""
        self._size = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._size += len(data)
        if len(self._head) < self._limit:
            self._head += data[: self._limit - len(self._head)]
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def to_text(self) -> tuple[str, bool]:
        """Return the beginning, whose JSON is not longer than the limit, and whether anything is missing.

        Bytes that are no UTF-8 are replaced.
        """
        text = self._head.decode(errors="replace")
        is_cut = self._size > len(self._head)
        if is_cut:
            text = text.rstrip("\ufffd")  # a letter that the limit cut through
        while (size := len(json.dumps(text, ensure_ascii=False).encode()) - 2) > self._limit:
            text, is_cut = text[: min(len(text) - 1, len(text) * self._limit // size)], True
        return text, is_cut

    def last_words(self, characters: int = 300) -> str:
        """Return the end as one line, for people."""
        text = self._tail.decode(errors="replace").lstrip("\ufffd")
        readable = "".join(letter if letter.isprintable() else " " for letter in text)
        words = " ".join(readable.split())
        return words if len(words) <= characters else f"...{words[-characters:]}"


class Lines:
    """Splits a stream into lines and reports each, with the fraction that the last percentage said."""

    def __init__(self, report: Callable[[float, str], None]) -> None:
        self._report = report
        self._rest = b""
        self._fraction = 0.0

    def add(self, data: bytes) -> None:
        """Take the next bytes; a line may end with a carriage return, as those of progress bars do."""
        *lines, rest = re.split(rb"[\r\n]+", self._rest + data)
        self._rest = rest[:_LINE_BYTES]
        for line in lines:
            self._tell(line[:_LINE_BYTES])

    def _tell(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()
        if not text:
            return
        found = _PERCENT.findall(text)
        if found:
            self._fraction = min(1.0, float(found[-1]) / 100)
        self._report(self._fraction, text)
