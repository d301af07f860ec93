"""The words of a CEL source and where they stand.

The engine's compiler says little about places: it names the last dot of a chain, not the word that is wrong. So
the source is cut into words here as well; nothing in this module decides what an expression means. Offsets,
columns and lines count code points, as the compiler does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = re.compile(
    r"""
    (?P<space> \s+ | //[^\n]* )
  | (?P<text> (?:[rR][bB]?|[bB][rR]?)?
        (?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
  | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<number> \d[\w.]* )
  | (?P<mark> [=!]== | [=!<>]= | &&+ | \|\|+ | =[<>~] | <> | =!(?=\s) | . )  # some that CEL has not: `ee_cel.habits`
    """,
    re.VERBOSE | re.DOTALL,
)


class Word(NamedTuple):
    """One word of a source; white space and comments are none."""

    kind: str  # text, name, number or mark
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Names joined by dots, as ``nodes.read.output``; the first one does not follow a dot."""

    words: tuple[Word, ...]
    called: bool  # a ``(`` follows: the last word is a function
    asked: bool  # stands alone inside ``has( )``

    @property
    def name(self) -> str:
        """The chain without white space."""
        return ".".join(word.text for word in self.words)

    def prefixes(self) -> Iterator[str]:
        """Walk the names that the chain begins with, shortest first, itself last."""
        name = ""
        for word in self.words:
            name = f"{name}.{word.text}" if name else word.text
            yield name

    def covers(self, offset: int) -> bool:
        """Return whether an offset lies in the chain."""
        last = self.words[-1]
        return self.words[0].start <= offset <= last.start + len(last.text)


def split_words(source: str) -> tuple[Word, ...]:
    """Cut a source into its words."""
    return tuple(
        Word(match.lastgroup or "mark", match.group(), match.start())
        for match in _WORDS.finditer(source)
        if match.lastgroup != "space"
    )


def find_chains(words: tuple[Word, ...]) -> tuple[Chain, ...]:
    """Return the chains of a source, in their order."""
    return tuple(_iter_chains(words))


def _iter_chains(words: tuple[Word, ...]) -> Iterator[Chain]:
    at = 0
    while at < len(words):
        if words[at].kind != "name" or (at and words[at - 1].text == "."):
            at += 1
            continue
        end = at + 1
        while end + 1 < len(words) and words[end].text == "." and words[end + 1].kind == "name":
            end += 2
        following = words[end].text if end < len(words) else ""
        asked = (
            following == ")"
            and [word.text for word in words[max(at - 2, 0) : at]] == ["has", "("]
            and (at < 3 or words[at - 3].text != ".")
        )
        yield Chain(words[at:end:2], called=following == "(", asked=asked)
        at = end


def locate(source: str, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of an offset."""
    before = source[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def find_offset(source: str, line: int, column: int) -> int:
    """Return the offset of a 1-based line and column; 0 when there is no such place."""
    start = 0
    for _ in range(line - 1):
        start = source.find("\n", start) + 1
        if not start:
            return 0
    return max(0, min(start + column - 1, len(source)))
