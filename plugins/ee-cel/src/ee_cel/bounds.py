"""What a value may be and how large, on its way into an expression and out of it.

The engine bounds steps and depth only; size, and what JSON can hold, are watched here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cel_expr_python import cel

    from ee_cel.tree import Tree

MAX_VALUE_BYTES: Final = 64 * 1024  # of a value, as JSON
MAX_ITEMS: Final = 10_000  # of a value, counted through all its collections
MAX_DEPTH: Final = 64  # collections inside collections
MAX_JOINED_BYTES: Final = 64 * 1024 * 1024  # what joining in loops may make in all
MAX_STEPS: Final = 10_000  # the engine's own budget
_ITEM_BYTES: Final = 16  # of a list's item in memory, at least


class BoundsError(Exception):
    """A value may not leave, or must not be made; the text says which limit."""


def guard_joining(tree: Tree, values: Iterable[object]) -> None:
    """Refuse an evaluation whose loops could join far too much.

    The bound is what the worst source of this shape makes of the largest values given: each of its steps joins
    the longest text once. An honest source stays orders of magnitude below it.

    Raises:
        BoundsError: More than `MAX_JOINED_BYTES` could be made.
    """
    longest = most = 64  # what literals in the source may hold, roughly
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            longest = max(longest, len(value))
        elif isinstance(value, (list, dict)):
            most = max(most, len(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)
    steps = min(MAX_STEPS, most**tree.loops)
    made = steps * max(longest, most * _ITEM_BYTES) * tree.growth
    if made > MAX_JOINED_BYTES:
        raise BoundsError(
            f"joining texts or lists in a loop could make {made // 1024**2} MB of these values, "
            f"the limit is {MAX_JOINED_BYTES // 1024**2} MB; do it in an activity"
        )


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
        for key, item in inner.items():
            if not isinstance(key, str):
                raise BoundsError(f"the value has the key {key!r}; keys must be text")
            self._count(_scalar_size(key) + 1)
            plain[key] = self.read(item, depth + 1)
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
