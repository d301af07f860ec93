"""Durations as a file writes them."""

from __future__ import annotations

from typing import Final

_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def to_duration(duration_ms: int) -> str:
    """Return milliseconds, at least 1, as `Members.duration_ms` reads them: ``1h30m``."""
    parts = []
    for unit, size in _UNITS:
        count, duration_ms = divmod(duration_ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
