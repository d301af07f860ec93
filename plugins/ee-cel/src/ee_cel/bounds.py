"""What a value may be and how large, on its way into an expression and out of it.

The engine bounds steps and depth only; size, and what JSON can hold, are watched here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cel_expr_python import cel

    from ee_cel.tree import Tree

MAX_VALUE_BYTES: Final = 64 * 1024  # of a value, as JSON
MAX_ITEMS: Final = 10_000  # of a value, counted through all its collections
MAX_DEPTH: Final = 64  # collections inside collections
MAX_MADE_BYTES: Final = 128 * 1024 * 1024  # what loops may make in all
MAX_STEPS: Final = 10_000  # the engine's own budget
_ITEM_BYTES: Final = 16  # of a list's item in memory, at least
_LITERAL: Final = 64  # what a literal in the source may hold, roughly


class BoundsError(Exception):
    """A value may not leave, or must not be made; the text says which limit."""


def guard_loops(tree: Tree, data: Mapping[str, object]) -> None:
    """Refuse an evaluation whose loops could take far too much memory.

    The bound is what the worst source of this shape makes of the values given: each step of its loops joins the
    longest text or list that it can get at, and the engine copies a list for each item that `map` or `filter` adds
    to it (10,000 items: 1.6 GB and 2 s). Honest sources stay far below the first.

    Raises:
        BoundsError: More than `MAX_MADE_BYTES` could be made.
    """
    each, most = _measure(data.values(), whole=False)
    whole, _ = _measure((data[name] for name in tree.joined if name in data), whole=True)
    steps = min(MAX_STEPS, tree.loops * most**tree.nesting)
    if tree.joins:
        _check_made("joining texts or lists in a loop", steps * max(each, whole) * tree.growth)
    if tree.gathers:
        _check_made(f"map or filter over {most} items", steps * most * _ITEM_BYTES)


def _check_made(what: str, size: int) -> None:
    if size > MAX_MADE_BYTES:
        raise BoundsError(
            f"{what} could take {size // 1024**2} MB, the limit is {MAX_MADE_BYTES // 1024**2}; do it in an activity"
        )


def _measure(values: Iterable[object], *, whole: bool) -> tuple[int, int]:
    """Return the bytes of the largest text or list, and the items of the largest collection.

    Without `whole` a list counts only where it is, or is in, an item of another: what a loop's variable can be.
    """
    largest = most = _LITERAL
    waiting = [(value, whole) for value in values]
    while waiting:
        value, is_item = waiting.pop()
        if isinstance(value, str):
            largest = max(largest, len(value))
        elif isinstance(value, dict):
            most = max(most, len(value))
            waiting += ((member, is_item) for member in value.values())
        elif isinstance(value, list):
            most = max(most, len(value))
            largest = max(largest, len(value) * _ITEM_BYTES * is_item)
            waiting += ((item, True) for item in value)
    return largest, most


@dataclass(slots=True)
class Reading:
    """Turns one engine value into plain JSON; keeps count, because the engine shares what is equal."""

    items: int = 0
    size: int = 0  # bytes of JSON, to within a few

    def read(self, value: cel.Value, depth: int = 0) -> Any:
        """Return the plain value.

        Raises:
            BoundsError: It is no JSON, or too large.
        """
        inner = value.value()
        if isinstance(inner, (list, dict)):
            return self._read_collection(inner, depth)
        self._count(_scalar_size(inner))
        return inner

    def _read_collection(self, inner: list[cel.Value] | dict[object, cel.Value], depth: int) -> Any:
        self.items += len(inner)
        if self.items > MAX_ITEMS:
            raise BoundsError(f"the value has more than {MAX_ITEMS} items, which is the limit")
        if depth >= MAX_DEPTH:
            raise BoundsError(f"the value is nested more than {MAX_DEPTH} deep, which is the limit")
        self._count(2 + len(inner))
        if isinstance(inner, list):
            return [self.read(item, depth + 1) for item in inner]
        plain = {}
        for key in inner:
            if not isinstance(key, str):
                raise BoundsError(f"the value has the key {key!r}; keys must be text")
            self._count(_scalar_size(key) + 1)
        for key in sorted(
            inner, key=str
        ):  # CEL keeps no order, and another one each time would puzzle readers
            plain[str(key)] = self.read(inner[key], depth + 1)
        return plain

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > MAX_VALUE_BYTES:
            raise BoundsError(f"the value is larger than {MAX_VALUE_BYTES // 1024} kB, which is the limit")


def _scalar_size(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode()) + 2
    if value is None or isinstance(value, bool):
        return 5
    if isinstance(value, int):
        return len(str(value))
    if isinstance(value, float):
        if math.isfinite(value):
            return len(repr(value))
        raise BoundsError(f"the value is {value}, which is no number in JSON")
    kind = {"datetime": "a timestamp", "timedelta": "a duration", "bytes": "bytes", "bytearray": "bytes"}
    name = kind.get(type(value).__name__, "a type")
    raise BoundsError(f"the value is {name}, which JSON cannot hold; turn it into text with `string(...)`")
