"""Words and signs that people bring along from other languages, with what CEL has in their place.

Nothing here decides what is wrong: the compiler has said so, and where. A cure is named only for what stands there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_cel.source import Word

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES: Final = {  # where a value or a function stands
    "True": "true",
    "False": "false",
    "None": "null",
    "nil": "null",
    "undefined": "null",
    "len": "size",
    "not": "!",
}
_SIGNS: Final = {
    "=": "==",
    "===": "==",
    "!==": "!=",
    "=<": "<=",
    "=>": ">=",
    "<>": "!=",
    "=!": "!=",
    "=~": ".matches('...')",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "&": "&&",
    "|": "||",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}
_WORDS: Final = {  # between values, in any case
    "and": "&&",
    "or": "||",
    "not": "!",
    "is": "==",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "mod": "%",
    "contains": ".contains('...')",
    "startswith": ".startsWith('...')",
    "endswith": ".endsWith('...')",
    "matches": ".matches('...')",
}
_PAIRS: Final = {  # two words that are one thing, or were to be one sign
    ("is", "not"): "!=",
    ("not", "in"): "!(... in ...)",
    ("=", "="): "==",
    ("!", "="): "!=",
    ("<", "="): "<=",
    ("=", "<"): "<=",
    (">", "="): ">=",
    ("=", ">"): ">=",
    ("<", ">"): "!=",
    ("&", "&"): "&&",
    ("|", "|"): "||",
}


def find_habit(words: Sequence[Word], offset: int) -> tuple[Word, str] | None:
    """Return what stands at an offset, or just before it, and what to write instead.

    The compiler often stumbles one word late: over the ``x`` of ``not x``.
    """
    at = next((place for place, word in enumerate(words) if word.start <= offset < _end(word)), len(words))
    for place in (at, at - 1):
        found = _find_pair(words, place - 1) or _find_pair(words, place) or _find_single(words, place)
        if found:
            return found
    return None


def _find_pair(words: Sequence[Word], place: int) -> tuple[Word, str] | None:
    if not 0 <= place < len(words) - 1:
        return None
    one, two = words[place : place + 2]
    meant = _PAIRS.get((one.text.lower(), two.text.lower()))
    if meant is None or _is_member(words, place):
        return None
    return Word(one.kind, one.text + " " * (two.start - _end(one)) + two.text, one.start), meant


def _find_single(words: Sequence[Word], place: int) -> tuple[Word, str] | None:
    if not 0 <= place < len(words):
        return None
    word = words[place]
    meant = _SIGNS.get(word.text) if word.kind == "mark" else _WORDS.get(word.text.lower())
    return None if meant is None or _is_member(words, place) else (word, meant)


def _is_member(words: Sequence[Word], place: int) -> bool:
    """Return whether a word is part of a chain, as in ``inputs.is``."""
    return any(0 <= near < len(words) and words[near].text == "." for near in (place - 1, place + 1))


def _end(word: Word) -> int:
    return word.start + len(word.text)
