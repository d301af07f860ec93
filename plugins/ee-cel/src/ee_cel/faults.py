"""Compile errors of the engine, turned into faults that point at the wrong word.

They come as text, ``INVALID_ARGUMENT: ERROR: <input>:L:C: message``, several at a time; the first one counts. For
an unknown name the column is that of the last dot of the chain, so the word is looked for here.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ee_cel import habits
from ee_cel.source import Chain, Word, find_chains, find_offset, locate, split_words
from ee_core.contracts.expression import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ee_core.contracts.expression import Names

FUNCTIONS: Final = [
    "all",
    "bool",
    "bytes",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "has",
    "int",
    "map",
    "matches",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
]
_MAX_COMPARED: Final = 500

_ERROR = re.compile(r"ERROR: <input>:(?P<line>-?\d+):(?P<column>-?\d+): (?P<message>[^\n]*)")
_UNKNOWN = re.compile(r"undeclared reference to '(?P<name>[^']+)'")
_OVERLOAD = re.compile(r"found no matching overload for '(?P<name>[^']+)' applied to '\((?P<types>.*)\)'")
_RESERVED = re.compile(r"reserved identifier: (?P<name>\w+)")
_EXPECTING = re.compile(r" expecting \{.*\}$")
_STATUS = re.compile(r" \[[A-Z_]+\]$")


def explain(text: str, source: str, names: Names) -> Fault:
    """Return the fault for what the compiler said about a source."""
    declared, is_open = names.types, names.open
    match = _ERROR.search(text)
    if match is None or int(match["line"]) < 1:
        return Fault("the expression is nested too deep; the limit is 32", column=1)
    message = _STATUS.sub("", match["message"])
    offset = find_offset(source, int(match["line"]), int(match["column"]))
    words = split_words(source)
    if unknown := _UNKNOWN.search(message):
        return _explain_unknown(unknown["name"], offset, source, declared)
    if overload := _OVERLOAD.search(message):
        return _explain_overload(overload["name"], overload["types"], offset, source, is_open=is_open)
    if reserved := _RESERVED.search(message):
        name = reserved["name"]
        hint = f'context["{name}"]' if is_open else ""
        return _fault(f"{name!r} is a reserved word", source, offset, len(name), hint)
    return _explain_syntax(message, offset, source, words)


def _fault(message: str, source: str, offset: int, length: int = 1, hint: str = "") -> Fault:
    line, column = locate(source, offset)
    return Fault(message, column=column, line=line, length=max(1, length), hint=hint)


def _explain_unknown(name: str, offset: int, source: str, declared: Mapping[str, str]) -> Fault:
    chains = find_chains(split_words(source))
    meant = [chain for chain in chains if f".{chain.name}.".find(f".{name}.") >= 0]
    chain = next((each for each in meant if each.covers(offset - 1) or each.covers(offset)), None)
    chain = chain or next(iter(meant), None)
    if chain is None:
        return _fault(f"unknown name {name!r}", source, offset)
    if chain.called and chain.words[-1].text == name:
        word = chain.words[-1]
        hint = habits.NAMES.get(name) or _nearest(name, FUNCTIONS)
        return _fault(f"unknown function {name!r}", source, word.start, len(name), hint)
    return _explain_chain(chain, source, declared)


def _find_first_word(word: str, known: list[str], paths: list[tuple[str, ...]]) -> str:
    """Return what was meant by the first word of a name: perhaps one that stands behind another, as a node's."""
    behind = sorted(".".join(path) for path in paths if path[1:2] == (word,))
    output = [name for name in behind if name.endswith(".output")]
    return next(iter(output or behind), "") or _nearest(word, [*known, "true", "false", "null"])


def _explain_chain(chain: Chain, source: str, declared: Mapping[str, str]) -> Fault:
    """Find the first word that leads to no declared name."""
    paths = [tuple(name.split(".")) for name in declared]
    texts = tuple(word.text for word in chain.words)
    for place, word in enumerate(chain.words):
        known = sorted({path[place] for path in paths if len(path) > place and path[:place] == texts[:place]})
        if word.text not in known:
            hint = _nearest(word.text, known) if place else _find_first_word(word.text, known, paths)
            hint = habits.NAMES.get(word.text) or hint
            name = ".".join(texts[: place + 1])
            return _fault(f"unknown name {name!r}", source, word.start, len(word.text), hint)
    last = chain.words[-1]
    members = sorted(
        {path[len(texts)] for path in paths if path[: len(texts)] == texts and len(path) > len(texts)}
    )
    listed = ", ".join(f"{chain.name}.{member}" for member in members[:5])
    more = ", ..." if len(members) > 5 else ""
    message = f"{chain.name!r} is no value by itself; name one of {listed}{more}"
    return _fault(message, source, last.start, len(last.text))


def _explain_overload(name: str, types: str, offset: int, source: str, *, is_open: bool) -> Fault:
    sign = name.replace("@", "").replace("_", " ").strip() if not name.isidentifier() or "_" in name else name
    taken = re.search(r"type\((?P<name>\w+)\)", types)
    hint = f'context["{taken["name"]}"]' if is_open and taken else ""
    length = len(sign) if source.startswith(sign, offset) else 1
    return _fault(f"{sign!r} cannot take ({types})", source, offset, length, hint)


def _explain_syntax(message: str, offset: int, source: str, words: tuple[Word, ...]) -> Fault:
    if "'<EOF>'" in message and "mismatched" in message:
        return _fault("the expression ends too early", source, min(offset, len(source)))
    word = next((each for each in words if each.start <= offset < each.start + len(each.text)), None)
    if word is not None and word.text in {'"', "'"}:
        return _fault("the text is not closed", source, word.start, len(source) - word.start)
    if habit := habits.find_habit(words, offset):
        word, hint = habit
        what = "quotation mark" if hint in {'"', "'"} else "operator"
        return _fault(f"unknown {what} {word.text!r}", source, word.start, len(word.text), hint)
    shown = _EXPECTING.sub("", message.removeprefix("Syntax error: "))
    place, length = (word.start, len(word.text)) if word else (offset, 1)
    return _fault(shown[:1].lower() + shown[1:], source, place, length)


def _nearest(word: str, known: Iterable[str]) -> str:
    # Comparing is slow, and a large workflow has thousands of names.
    near = [each for each in known if abs(len(each) - len(word)) <= 2][:_MAX_COMPARED]
    return next(iter(get_close_matches(word, near, n=1, cutoff=0.6)), "")
