"""An activity's input as written, seen as a value of which some parts are not known yet.

An expression alone may become any JSON value, text with expressions in it and a reference to a secret become some text;
all else is literal.
Keys are never expressions.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from ee_core.errors import TemplateError
from ee_core.model import template


class Hole(Enum):
    """A part that is known only when a job is there."""

    ANY = auto()
    TEXT = auto()


def with_holes(written: Any) -> Any:
    """Return an input with a `Hole` in the place of each text that is not known yet, and `$${` resolved."""
    if isinstance(written, dict):
        return {key: with_holes(member) for key, member in written.items()}
    if isinstance(written, list):
        return [with_holes(item) for item in written]
    return _read_text(written) if isinstance(written, str) else written


def has_holes(value: Any) -> bool:
    """Say whether a part of a value is not known."""
    if isinstance(value, dict):
        return any(map(has_holes, value.values()))
    if isinstance(value, list):
        return any(map(has_holes, value))
    return isinstance(value, Hole)


def _read_text(written: str) -> str | Hole:
    try:
        parsed = template.parse(written)
    except TemplateError:
        return Hole.ANY  # told elsewhere
    if parsed.references:
        return Hole.TEXT
    if parsed.is_one_expression:
        return Hole.ANY
    return Hole.TEXT if parsed.sources else written.replace("$${", "${")
