"""Data as people read it: tables with a head, and named facts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WIDEST: Final = 60  # of a cell in a table that is to fit a terminal


def to_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, widest: int | None = WIDEST
) -> Iterator[str]:
    """Yield the lines of a table, its head first.

    Args:
        widest: Cut longer cells; None shows them whole.
    """
    head = [name.upper() for name in columns]
    yield from _align([head, *([to_cell(row.get(name), widest) for name in columns] for row in rows)])


def to_pairs(pairs: Iterable[tuple[str, Any]], *, widest: int | None = WIDEST) -> Iterator[str]:
    """Yield named facts, one a line; empty ones are left out."""
    shown = [(name, to_cell(value, widest)) for name, value in pairs if value not in (None, "", {}, [])]
    yield from _align([[name, text] for name, text in shown])


def to_cell(value: Any, widest: int | None = None) -> str:
    """Return a value on one line: text as it is, lists and mappings of text without their marks, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = ", ".join(value)
    elif isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        text = ", ".join(f"{name}={item}" for name, item in value.items())
    else:
        text = json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if widest is None or len(text) <= widest else text[: widest - 1] + "…"


def _align(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()
