"""Instants on the wire: RFC 3339, UTC, microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_text(at_us: int) -> str:
    """Return ``2026-11-25T03:14:15.000001Z``."""
    return (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> int:
    """Return microseconds since the epoch.

    Raises:
        ValueError: Not RFC 3339, or without an offset from UTC.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"instant {text!r} has no offset; write it as 2026-01-31T12:00:00Z")
    return (parsed - _EPOCH) // _MICROSECOND


def _parse(value: object) -> object:
    return from_text(value) if isinstance(value, str) else value


Instant = Annotated[
    int,
    BeforeValidator(_parse),
    PlainSerializer(to_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),  # what travels, not what it is here
]
