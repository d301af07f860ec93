"""How the value of a secret may look where programs have written it: needles, each a row of letters with their looks.

The value itself, each longer line of it, its base64 (for each place in a group of three that it may begin at) and its
hexadecimal digits are a needle each. Looks are mixed freely: one program escapes ``/``, another one does not.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import re
import shlex
from html.entities import codepoint2name
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Looks = tuple[str, ...]

_MIN_CODED: Final = 8  # letters of base64, digits, a line, a half: fewer are found where nobody meant them
_MIN_CUT: Final = 12  # letters of a value at the place where a text was cut
_FIRST: Final = 8  # letters by which a place is found; few, for a pattern may try all of their looks
_DOTS: Final = ("...", "…")
_LONG: Final = 100  # letters of a text; a shorter one was not cut, or it has dots
_BREAKS: Final = (" ", "\n", "\r\n", "\\n", "\\r\\n")  # where programs wrap digits and base64
_BASE64_LOOKS: Final = {
    "+": ("+", "-", "%2B", "%2b", "\\u002b", "\\u002B"),
    "/": ("/", "\\/", "_", "%2F", "%2f", "\\u002f", "\\u002F"),
}


class Needle:
    """A row of letters that a text is searched for, from its beginning on or, where that is missing, from its end."""

    def __init__(self, letters: Iterable[_Looks], *, alone: bool = False) -> None:
        """Keep it.

        Args:
            letters: The looks of each.
            alone: It counts only where no other letter of base64 is beside it.
        """
        self._letters = tuple(letters)
        self._alone = alone
        half = max(_MIN_CODED, (len(self._letters) + 1) // 2)
        self._enough = min(half, len(self._letters))
        self._first = re.compile(self.pattern(is_end=False))

    def pattern(self, *, is_end: bool) -> str:
        """Return the pattern of its first letters, or of its last ones: where it fits, the needle may be."""
        part = self._letters[-_FIRST:] if is_end else self._letters[:_FIRST]
        if is_end:  # what stands before the first of them does not matter, and without it the search is quick
            part = (_shortest(part[0]), *part[1:])
        return "".join(
            re.escape(looks[0]) if len(looks) == 1 else f"(?:{'|'.join(map(re.escape, looks))})"
            for looks in part
        )

    def whole_from(self, text: str, start: int) -> int | None:
        """Return where it ends if all of it begins here."""
        if self._first.match(text, start) is None:  # quickly: another needle was found here
            return None
        count, end, _ = _follow(self._letters, text, start)
        is_whole = count == len(self._letters)
        return end if is_whole and self._counts(text, (start, end), count, is_cut=False) else None

    def part_from(self, text: str, start: int) -> int | None:
        """Return where enough of it ends that begins here."""
        if self._first.match(text, start) is None:
            return None
        count, end, is_cut = _follow(self._letters, text, start)
        return end if self._counts(text, (start, end), count, is_cut=is_cut) else None

    def part_until(self, text: str, end: int) -> int | None:
        """Return where enough of it begins that ends here."""
        count, start, is_cut = _follow_back(self._letters, text, end)
        return start if self._counts(text, (start, end), count, is_cut=is_cut) else None

    def _counts(self, text: str, span: tuple[int, int], count: int, *, is_cut: bool) -> bool:
        start, end = span
        if self._alone and (_is_base64(text[start - 1 : start]) or _is_base64(text[end : end + 1])):
            return False
        return count >= self._enough or (is_cut and count >= _MIN_CUT)


def _shortest(looks: _Looks) -> _Looks:
    """Return the looks that are no longer form of another one."""
    return tuple(look for look in looks if not any(look != each and look.endswith(each) for each in looks))


def _follow(letters: tuple[_Looks, ...], text: str, start: int) -> tuple[int, int, bool]:
    """Return how many of the letters a text has from a place on, how far they reach, and whether it is cut there."""
    plain = _count_plain(letters, text, start)
    places = {
        start + plain
    }  # wherever the letters so far may end: so the work stays small, whatever looks they have
    for count in range(plain, len(letters)):
        looks = letters[count]
        after = {each + len(look) for each in places for look in looks if text.startswith(look, each)}
        if not after:
            cuts = [cut for each in places for cut in _cuts(looks, text, each)]
            return count, max(cuts or places), bool(cuts)
        places = after
    return len(letters), max(places), False


def _count_plain(letters: tuple[_Looks, ...], text: str, start: int) -> int:
    """Return how many letters with one look each a text begins with; quick, for this is where most searches end."""
    place = start
    for looks in letters:
        if len(looks) != 1 or text[place : place + 1] != looks[0]:
            break
        place += 1
    return place - start


def _follow_back(letters: tuple[_Looks, ...], text: str, end: int) -> tuple[int, int, bool]:
    places = {end}
    count = 0
    for looks in reversed(letters):
        after = {each - len(look) for each in places for look in looks if text.endswith(look, 0, each)}
        if not after:
            cuts = [each for each in places if _is_cut_before(text, each)]
            return count, min(cuts or places), bool(cuts)
        places = after
        count += 1
    return count, min(places), False


def _cuts(looks: _Looks, text: str, place: int) -> Iterator[int]:
    """Find where a text was cut at a letter, maybe within its look: it ends there, or dots follow."""
    for look in looks:
        for part in range(len(look)):
            cut = place + part
            if text.startswith(look[:part], place) and _is_cut_behind(text, cut):
                yield cut


def _is_cut_before(text: str, place: int) -> bool:
    return (place == 0 and len(text) >= _LONG) or text.endswith(_DOTS, 0, place)


def _is_cut_behind(text: str, place: int) -> bool:
    return (place == len(text) >= _LONG) or text.startswith(_DOTS, place)


def needles_of(value: str) -> Iterator[Needle]:
    """Find what a text is searched for to find a value."""
    yield Needle(_letters_of(value))
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (Needle(_letters_of(line)) for line in dict.fromkeys(lines) if len(line) >= _MIN_CODED)
    bodies = {value.encode(errors="surrogatepass"), value.encode("latin-1", errors="replace")}
    for body in bodies if _is_latin(value) else [value.encode(errors="surrogatepass")]:
        yield from _base64_needles(body)
        digits = body.hex()
        if len(digits) >= _MIN_CODED:
            letters = [(each, each.upper()) if each.isalpha() else (each,) for each in digits]
            yield Needle(_wrapped(letters, 0, 2, (*_BREAKS, ":")))
    yield from _base64_needles(value.encode("utf-16-le", errors="surrogatepass"))  # as Windows writes it


def _base64_needles(body: bytes) -> Iterator[Needle]:
    """Return the letters of base64 that a value alone decides, for each place in a group of three that it may begin at."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + body).decode()
        first = -(-8 * before // 6)
        own = coded[first : 8 * (before + len(body)) // 6]
        if len(own) >= _MIN_CODED:
            yield Needle(_wrapped(map(_base64_looks, own), first, 4, _BREAKS))
    if len(body) < _MIN_CODED:  # too little is left above: what stands alone
        whole = base64.b64encode(body).decode().rstrip("=")
        yield Needle(map(_base64_looks, whole), alone=True)


def _base64_looks(letter: str) -> _Looks:
    return _BASE64_LOOKS.get(letter, (letter,))


def _wrapped(letters: Iterable[_Looks], first: int, group: int, breaks: _Looks) -> Iterator[_Looks]:
    """Let a line end before each group of letters; the first letter has a place in its group."""
    for place, looks in enumerate(letters):
        is_first_of_group = place and (first + place) % group == 0
        yield (*looks, *(each + look for each in breaks for look in looks)) if is_first_of_group else looks


def _is_base64(letter: str) -> bool:
    return bool(letter) and letter.isascii() and (letter.isalnum() or letter in "+/_-")


def _is_latin(value: str) -> bool:
    return all(ord(letter) < 256 for letter in value)


def _letters_of(text: str) -> Iterator[_Looks]:
    """Return the looks of each letter; white space may be folded to one space."""
    was_space = False
    for letter in text:
        looks = _looks_of(letter)
        if letter.isspace():
            looks = (*looks, "") if was_space else tuple(dict.fromkeys((*looks, " ")))
        was_space = letter.isspace()
        yield looks


@functools.lru_cache(maxsize=512)
def _looks_of(letter: str) -> _Looks:
    """Return how programs write a letter that has a meaning somewhere."""
    if letter.isascii() and letter.isalnum():
        return (letter,)  # what nobody escapes
    return tuple(sorted({cased for look in _all_looks(letter) for cased in _cases(look)}, key=len))


def _all_looks(letter: str) -> set[str]:
    body = letter.encode(errors="surrogatepass")
    escaped = {json.dumps(letter)[1:-1], json.dumps(letter, ensure_ascii=False)[1:-1]}
    escaped |= {json.dumps(each)[1:-1] for each in escaped}  # also JSON inside JSON
    number = ord(letter)
    looks = {letter, *escaped, html.escape(letter), f"&#{number};", f"&#{number:03};", f"&#x{number:x};"}
    looks |= {f"&{codepoint2name[number]};"} if number in codepoint2name else set()
    looks |= {"".join(f"\\u{unit:04x}" for unit in _utf16(letter))}
    looks |= {
        repr(letter)[1:-1],
        ascii(letter)[1:-1],
        repr(body)[2:-1],
        "".join(f"\\x{byte:02x}" for byte in body),
    }
    looks |= {"".join(f"{sign}{byte:02X}" for byte in body) for sign in ("%", "%25", "=")}
    if _is_latin(letter):
        looks |= {f"%{number:02X}", f"\\x{number:02x}"}
    if letter.isascii():
        looks.add(f"\\{letter}")
    return looks | _MORE_LOOKS.get(letter, set())


_MORE_LOOKS: Final = {
    " ": {"+"},
    "\n": {"\r\n", "\\r\\n", "%0D%0A"},
    '"': {'""'},
    "'": {shlex.quote("'")[1:-1], "'\\''", "''", "&apos;"},
}


def _cases(look: str) -> set[str]:
    """Return a look with its hexadecimal digits large and small."""
    if look.startswith(("%", "=")):
        return {look, look.lower()}
    if look.startswith(("\\u", "\\x", "\\\\u", "\\U", "&#x")):
        return {look, re.sub(r"(?<=[uUx])[0-9a-f]+", lambda digits: digits[0].upper(), look)}
    return {look}


def _utf16(letter: str) -> Iterator[int]:
    body = letter.encode("utf-16-be", errors="surrogatepass")
    return (int.from_bytes(body[place : place + 2]) for place in range(0, len(body), 2))
