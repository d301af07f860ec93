"""Takes the values of secrets out of whatever leaves an attempt, and puts ``[secret:NAME]`` in their place.

A value is found wherever it stands: inside longer text, in keys, in numbers, and as programs usually write it: escaped for
JSON, Python, HTML or a shell, percent-encoded, in base64 (alone or inside something longer, as ``user:password``), in
hexadecimal digits; of a value with several lines each longer line is found by itself. Of one that was cut, as messages are
that have grown too long, the beginning or end is found if it is half of the value. What code has changed otherwise, turned
round or hashed, cannot be found.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import re
import shlex
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIN_LENGTH: Final = 4
"""Characters of a value, white space around it apart; a shorter one would be found everywhere, and is not given away."""

MAX_LENGTH: Final = 8192
"""Characters of a value; a longer one takes too long to be looked for."""

_MIN_CODED: Final = (
    8  # characters of base64, digits, a line or a half: fewer are found where nobody meant them
)
_MARK: Final = r"\[secret:[A-Za-z_][A-Za-z0-9_.-]*\]"
_BASE64_LETTERS: Final = {"+": r"(?:[+-]|%2[Bb])", "/": r"(?:\\?/|_|%2[Ff])"}


class Redactor:
    """Knows values, and how they look; immutable, for any thread."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        """Learn values.

        Args:
            values: Names and values, each of `MIN_LENGTH` to `MAX_LENGTH` characters; a name may have several.
        """
        # the longest first: another one may be its beginning
        known = sorted(dict.fromkeys(values), key=lambda pair: -len(pair[1]))
        self._known = [(value.strip(), f"[secret:{name}]") for name, value in known]
        self._looks = [(_compile(value), mark) for value, mark in self._known]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(sorted({mark for _, mark in self._known}))})"

    def redact_text(self, text: str) -> str:
        """Return a text without the values; one that has none is returned as it is, also when it was redacted before."""
        for pattern, mark in self._looks:
            text = pattern.sub(functools.partial(_replace, mark), text)
        for value, mark in self._known:  # last: two values may begin alike
            text = _replace_halves(text, value, mark)
        return text

    def redact_json(self, value: Any) -> Any:
        """Return plain JSON without the values; a number that holds one becomes a text.

        Raises:
            RecursionError: It is nested too deeply to be looked through.
        """
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, dict):
            return {self.redact_json(key): self.redact_json(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact_json(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = repr(value)
            redacted = self.redact_text(written)
            return value if redacted == written else redacted
        return value


def _replace(mark: str, match: re.Match[str]) -> str:
    return match[0] if match[1] is None else mark


def _replace_halves(text: str, value: str, mark: str) -> str:
    """Take out what is left of a value that was cut, if it is half of it and long enough to be nothing else."""
    half = max(_MIN_CODED, (len(value) + 1) // 2)
    if half >= len(value):
        return text
    rest = len(value) - half
    parts, start = [], 0
    while (at := text.find(value[:half], start)) >= 0:
        parts += [text[start:at], mark]
        start = at + half + _common(text[at + half : at + len(value)], value[half:])
    text = "".join([*parts, text[start:]])
    parts, start = [], 0
    while (at := text.find(value[-half:], start)) >= 0:
        before = text[max(start, at - rest) : at]
        parts += [text[start : at - _common(before[::-1], value[:rest][::-1])], mark]
        start = at + half
    return "".join([*parts, text[start:]])


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


@functools.lru_cache(maxsize=256)  # it takes a tenth of a second for a private key, and each attempt needs it
def _compile(value: str) -> re.Pattern[str]:
    return re.compile(
        f"{_MARK}|({'|'.join(_patterns_of(value))})"
    )  # a mark is left alone: "secret" may be a value


def _patterns_of(value: str) -> Iterator[str]:
    """Return how a value may look; the longest first, so that nothing of it is left."""
    lines = [line.strip() for line in value.splitlines()]
    yield _text_pattern(value)
    if len(lines) > 1:
        yield from (_text_pattern(line) for line in lines if len(line) >= _MIN_CODED)
    body = value.encode(errors="surrogatepass")
    yield from _base64_patterns(body)
    digits = body.hex()
    if len(digits) >= _MIN_CODED:
        yield "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in digits)


def _text_pattern(text: str) -> str:
    return "".join(_letter_pattern(letter) for letter in text)


def _letter_pattern(letter: str) -> str:
    if letter.isascii() and letter.isalnum():
        return letter  # what nobody escapes
    looks = sorted(_looks_of(letter), key=len, reverse=True)
    return f"(?:{'|'.join(map(_look_pattern, looks))})"


def _look_pattern(look: str) -> str:
    """Return a pattern for a look; hexadecimal digits in it may be large or small."""
    if not look.startswith(("%", "\\u", "\\x", "\\\\u", "&#x")):
        return re.escape(look)
    return "".join(
        f"[{each.lower()}{each.upper()}]" if each in "abcdefABCDEF" else re.escape(each) for each in look
    )


def _looks_of(letter: str) -> set[str]:
    """Return how programs write a letter that has a meaning somewhere."""
    body = letter.encode(errors="surrogatepass")
    escaped = {json.dumps(letter)[1:-1], json.dumps(letter, ensure_ascii=False)[1:-1]}
    looks = {letter, html.escape(letter), f"&#{ord(letter)};", f"&#x{ord(letter):x};"}
    looks |= escaped | {json.dumps(each)[1:-1] for each in escaped}  # also JSON inside JSON
    looks |= {"".join(f"\\u{unit:04x}" for unit in _utf16(letter)), repr(letter)[1:-1], repr(body)[2:-1]}
    looks |= {"".join(f"%{byte:02X}" for byte in body)}
    if letter == "'":
        looks |= {shlex.quote(letter)[1:-1], "'\\''", "\\'"}
    return looks | _MORE_LOOKS.get(letter, set())


_MORE_LOOKS: Final = {" ": {"+"}, "/": {"\\/"}, "\n": {"\r\n", "\\r\\n", "%0D%0A"}}


def _utf16(letter: str) -> Iterator[int]:
    body = letter.encode("utf-16-be", errors="surrogatepass")
    return (int.from_bytes(body[place : place + 2]) for place in range(0, len(body), 2))


def _base64_patterns(body: bytes) -> Iterator[str]:
    """Return the letters of base64 that a value alone decides, for each place in a group of three that it may begin at."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + body).decode()
        own = coded[-(-8 * before // 6) : 8 * (before + len(body)) // 6]
        if len(own) >= _MIN_CODED:
            yield "".join(_BASE64_LETTERS.get(letter, letter) for letter in own)
    if len(body) < _MIN_CODED:  # too little is left above: what stands alone
        whole = base64.b64encode(body).decode().rstrip("=")
        letters = "".join(_BASE64_LETTERS.get(letter, letter) for letter in whole)
        yield f"(?<![A-Za-z0-9+/_-]){letters}(?![A-Za-z0-9+/_-])"
