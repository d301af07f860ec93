"""Takes the values of secrets out of whatever leaves an attempt, and puts ``[secret:NAME]`` in their place.

A value is found wherever it stands: inside longer text, in keys, in numbers, and as programs usually write it
(`ee_core.bot.looks`): escaped for JSON, Python, HTML or a shell, percent-encoded, in base64 (alone or inside something
longer, as ``user:password``), in hexadecimal digits; of a value with several lines each longer line is found by itself. Of
one that was cut, as messages are that have grown too long, the beginning or end is found if it is half of the value, or if
it is seen to be cut: a long text ends there, or dots follow. What code has changed otherwise, turned round or hashed, cannot
be found.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ee_core.bot.looks import needles_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ee_core.bot.looks import Needle

MIN_LENGTH: Final = 4
"""Characters of a value, white space around it apart; a shorter one would be found everywhere, and is not given away."""

LONG_ENOUGH: Final = 8
"""Characters of a value that is also searched for in what has nothing to do with it: a shorter one may be there by chance."""

MAX_LENGTH: Final = 8192
"""Characters of a value; a longer one takes too long to be looked for."""

_MARK: Final = r"\[secret:([A-Za-z_][A-Za-z0-9_.-]*)\]"


_FindSpan = Callable[[str, re.Match[str], int], tuple[int, int] | None]


class _Value:
    """One value, and what stands in its place; immutable."""

    def __init__(self, value: str, name: str) -> None:
        self.mark = f"[secret:{name}]"
        self._needles = tuple(needles_of(value))
        self._first = _pattern_of(self._needles, is_end=False)
        self._last = _pattern_of(self._needles, is_end=True)

    def may_be_in(self, text: str) -> bool:
        """Say quickly whether it is worth to look closely."""
        return self._first.search(text) is not None or self._last.search(text) is not None

    def take_out(self, text: str, names: frozenset[str]) -> str:
        """Return a text with the mark in the place of the whole value."""
        return self._replace(text, self._first, names, self._find_whole)

    def take_parts_out(self, text: str, names: frozenset[str]) -> str:
        """Return a text with the mark in the place of what is left of the value where it was cut."""
        text = self._replace(text, self._first, names, self._find_beginning)
        return self._replace(text, self._last, names, self._find_end)

    def _find_whole(self, text: str, match: re.Match[str], _done: int) -> tuple[int, int] | None:
        start = match.start()
        ends = [end for each in self._needles if (end := each.whole_from(text, start)) is not None]
        return (start, max(ends)) if ends else None

    def _find_beginning(self, text: str, match: re.Match[str], _done: int) -> tuple[int, int] | None:
        start = match.start()
        ends = [end for each in self._needles if (end := each.part_from(text, start)) is not None]
        return (start, max(ends)) if ends else None

    def _find_end(self, text: str, match: re.Match[str], done: int) -> tuple[int, int] | None:
        end = match.end()
        starts = [start for each in self._needles if (start := each.part_until(text, end)) is not None]
        return (max(done, min(starts)), end) if starts else None

    def _replace(self, text: str, pattern: re.Pattern[str], names: frozenset[str], find: _FindSpan) -> str:
        parts, done, place = [], 0, 0
        while match := pattern.search(text, place):
            if match[1] is not None:  # a mark is left alone, for "secret" may be a value; if it is one
                is_mark = match[1] in names or not self.may_be_in(match[1])
                place = match.end() if is_mark else match.start() + 1
            elif span := find(text, match, done):
                parts += [text[done : span[0]], self.mark]
                done = place = span[1]
            else:
                place = match.start() + 1
        return "".join([*parts, text[done:]]) if parts else text


class Redactor:
    """Knows values, and how they look; immutable, for any thread."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        """Learn values.

        Args:
            values: Names and values, each of `MIN_LENGTH` to `MAX_LENGTH` characters; a name may have several.
        """
        # the longest first: another one may be its beginning
        known = sorted(dict.fromkeys(values), key=lambda pair: -len(pair[1]))
        self._known = [_value_of(value.strip(), name) for name, value in known]
        self._names = frozenset(name for name, _ in known)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(sorted({each.mark for each in self._known}))})"

    def redact_text(self, text: str) -> str:
        """Return a text without the values; one that has none is returned as it is, also when it was redacted before."""
        near = [each for each in self._known if each.may_be_in(text)]
        for each in near if len(near) > 1 else ():
            text = each.take_out(text, self._names)
        for each in near:  # last: two values may begin alike; of one alone the whole is a part, too
            text = each.take_parts_out(text, self._names)
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


@functools.lru_cache(maxsize=256)  # each attempt needs them
def _value_of(value: str, name: str) -> _Value:
    return _Value(value, name)


def _pattern_of(needles: Sequence[Needle], *, is_end: bool) -> re.Pattern[str]:
    """Return what finds places where a value may be, and marks."""
    return re.compile("|".join([_MARK, *(each.pattern(is_end=is_end) for each in needles)]))


class Memory:
    """Values that were given out: of each name the latest ones, so that a name whose value changes each hour fills nothing."""

    _PER_NAME: Final = 8

    def __init__(self, *, least: int = MIN_LENGTH) -> None:
        """Begin with none.

        Args:
            least: Characters; shorter values are not kept.
        """
        self.redactor: Redactor | None = None  # replaced as a whole, so that threads need no lock
        self._least = least
        self._values: dict[str, list[str]] = {}

    def add(self, values: Iterable[tuple[str, str]]) -> None:
        """Remember values, of which each comes with its name."""
        is_new = False
        for name, value in values:
            known = self._values.get(name, [])
            if len(value.strip()) >= self._least and known[-1:] != [value]:
                is_new |= value not in known
                self._values[name] = [*(each for each in known if each != value), value][-self._PER_NAME :]
        if is_new:
            self.redactor = Redactor((name, each) for name, known in self._values.items() for each in known)
