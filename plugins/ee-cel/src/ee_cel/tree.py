"""What the compiler found out about a source: the names it reads, and how far a value can grow in it.

The binding shows neither, but it gives the checked expression as bytes (protocol buffers, `CheckedExpr`). The few
fields needed are read here by number; the numbers are part of CEL's published interchange format and never change.

Why growth matters: the engine counts the steps of loops and nothing else, so ``[s].map(a, a + a).map(a, a + a)...``
takes one step a doubling, and a loop over a few thousand items can join a long text as often. A list that a loop
makes is copied for each item that is added.

Source:
    cel-spec, proto/cel/expr/checked.proto and syntax.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ANY_VALUE = 2
_ROOT = 4  # of CheckedExpr
_IDENT, _SELECT, _CALL, _LIST, _STRUCT, _LOOP = 4, 5, 6, 7, 8, 9  # of Expr
_RESULT = "@result"  # the name the compiler gives to what a macro gathers

# The functions whose value holds what they are given. All others give a truth or a number: nothing grows by them.
_COMBINING = frozenset({"_+_", "_?_:_", "string", "dyn", "bytes"})


@dataclass(frozen=True, slots=True)
class Tree:
    """What is known of a compiled source."""

    names: frozenset[str]  # dotted names that are read and are no loop's variable; also names of types
    loops: int  # comprehensions, nested or one after the other
    nesting: int  # of loops inside the body of loops; 0 without loops
    growth: int  # how many times a value may appear in what is made of it, apart from the number of steps
    gathers: bool  # a loop makes a list, as `map` and `filter` do
    joins: bool  # something is joined, or added, inside a loop
    joined: frozenset[str]  # names from outside of the loop that are joined to something in it


@dataclass(frozen=True, slots=True)
class _Part:
    """One node of the expression: what it is, and what it holds."""

    kind: int
    name: str = ""  # of an identifier, a function, or a loop's variable
    parts: tuple[_Part, ...] = ()  # of a loop: the range first


def read_tree(serialized: bytes) -> Tree:
    """Read a serialized expression."""
    root = _read_part(_get(_get(serialized, _ANY_VALUE), _ROOT))
    joins = list(_iter_joins(root, frozenset()))
    return Tree(
        names=frozenset(_iter_free(root, frozenset())),
        loops=sum(part.kind == _LOOP for part in _iter_parts(root)),
        nesting=_nesting(root),
        growth=_growth(root),
        gathers=any(_gathers(part) for part in _iter_parts(root)),
        joins=bool(joins),
        joined=frozenset().union(*joins),
    )


def _iter_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk a message; numbers come as empty bytes, since none is needed."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _BYTES:
            length, at = _read_varint(data, at)
            yield number, data[at : at + length]
            at += length
        elif wire == _VARINT:
            _, at = _read_varint(data, at)
            yield number, b""
        elif wire in {_FIXED64, _FIXED32}:
            at += 8 if wire == _FIXED64 else 4
            yield number, b""
        else:
            raise ValueError(f"wire type {wire} in a compiled expression; expected 0, 1, 2 or 5")


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _get(data: bytes, number: int) -> bytes:
    return next((value for found, value in _iter_fields(data) if found == number), b"")


def _read_part(data: bytes) -> _Part:
    for kind, value in _iter_fields(data):
        if kind in _READERS:
            return _READERS[kind](value)
    return _Part(0)  # a constant


def _read_ident(data: bytes) -> _Part:
    return _Part(_IDENT, _get(data, 1).decode())


def _read_select(data: bytes) -> _Part:
    return _Part(_SELECT, parts=(_read_part(_get(data, 1)),))


def _read_call(data: bytes) -> _Part:
    parts = tuple(_read_part(value) for number, value in _iter_fields(data) if number in {1, 3})
    return _Part(_CALL, _get(data, 2).decode(), parts)


def _read_list(data: bytes) -> _Part:
    return _Part(_LIST, parts=tuple(_read_part(value) for number, value in _iter_fields(data) if number == 1))


def _read_struct(data: bytes) -> _Part:
    entries = [value for number, value in _iter_fields(data) if number == 2]
    return _Part(
        _STRUCT, parts=tuple(_read_part(_get(entry, place)) for entry in entries for place in (3, 4))
    )


def _read_loop(data: bytes) -> _Part:
    fields = dict(_iter_fields(data))
    parts = tuple(_read_part(fields.get(number, b"")) for number in (2, 4, 5, 6, 7))
    return _Part(_LOOP, fields.get(1, b"").decode(), parts)


_READERS = {
    _IDENT: _read_ident,
    _SELECT: _read_select,
    _CALL: _read_call,
    _LIST: _read_list,
    _STRUCT: _read_struct,
    _LOOP: _read_loop,
}


def _iter_parts(part: _Part) -> Iterator[_Part]:
    yield part
    for inner in part.parts:
        yield from _iter_parts(inner)


def _iter_free(part: _Part, bound: frozenset[str]) -> Iterator[str]:
    """Walk the names that no loop around them has made."""
    if part.kind == _IDENT and part.name not in bound:
        yield part.name
    inside = bound | {part.name, _RESULT} if part.kind == _LOOP else bound
    for place, each in enumerate(part.parts):
        # A loop's range is read outside of it: in `b.map(b, b + 1)` the first `b` is none of its variables.
        yield from _iter_free(each, bound if place == 0 else inside)


def _growth(part: _Part) -> int:
    """Return how many times a value may appear in the value of a part."""
    inner = [_growth(each) for each in part.parts]
    if part.kind == _LOOP:
        once = max(1, sum(_uses(each, part.name) for each in part.parts[1:]))
        return reduce(lambda product, each: product * each, inner, once)
    if part.kind in {_LIST, _STRUCT} or part.name == "_+_":
        # Only what has grown already counts for more than one, so that a long plain sum is no growth.
        return max(1, sum(each for each in inner if each > 1))
    return max(inner, default=1)


def _uses(part: _Part, name: str) -> int:
    """Return how many times a loop's variable may appear in the value of a part."""
    if part.kind == _IDENT:
        return int(part.name == name)
    inner = [_uses(each, name) for each in part.parts]
    if part.kind == _CALL and part.name == "_?_:_":
        return max(inner[1:])
    if part.kind == _CALL and part.name not in _COMBINING and part.name != "_[_]":
        return 0
    if part.kind == _CALL and part.name == "_[_]":
        return inner[0]
    return sum(inner)


def _nesting(part: _Part) -> int:
    inner = [_nesting(each) for each in part.parts]
    return max(inner[0], 1 + max(inner[1:])) if part.kind == _LOOP else max(inner, default=0)


def _iter_joins(part: _Part, bound: frozenset[str], in_loop: bool = False) -> Iterator[frozenset[str]]:
    """Walk what is joined inside loops: for each, the names in it that come from outside of the loops."""
    is_loop = part.kind == _LOOP
    inside = bound | {part.name, _RESULT} if is_loop else bound
    if in_loop and part.kind == _CALL and part.name == "_+_" and not _gathers(part):
        yield frozenset(_iter_free(part, bound))
    for place, each in enumerate(part.parts):
        in_body = is_loop and place > 0
        yield from _iter_joins(each, inside if in_body else bound, in_loop or in_body)


def _gathers(part: _Part) -> bool:
    """Return whether a part is the addition of an item that `map` and `filter` are made of."""
    return part.kind == _CALL and part.name == "_+_" and part.parts[0] == _Part(_IDENT, _RESULT)
