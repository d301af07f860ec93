"""Durations as a file writes them."""

from __future__ import annotations

import re
from typing import Final

MAX_DURATION_MS: Final = 2**53 - 1
_DURATION: Final = re.compile(
    r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d{1,3})?)s)?(?:(\d+)ms)?"
)

_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def to_duration(duration_ms: int) -> str:
    """Return milliseconds, at least 1, as `Members.duration_ms` reads them: ``1h30m``."""
    parts = []
    for unit, size in _UNITS:
        count, duration_ms = divmod(duration_ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def parse_duration_ms(text: str) -> int | None:
    """Return the milliseconds of a duration like ``1h30m``, 1 to `MAX_DURATION_MS`; None for what is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    sizes = (size for _, size in _UNITS)
    total = round(sum(float(part) * size for part, size in zip(match.groups("0"), sizes, strict=True)))
    return total if 1 <= total <= MAX_DURATION_MS else None
