"""The settings that hold, one by one, and where each comes from; secrets hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.config.hiding import redact
from ee_core.config.loading import check, read_layers
from ee_core.config.schema import list_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ee_core.config.layers import Found, Layer, Nearby
    from ee_core.config.places import Key
    from ee_core.config.schema import Settings

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as it holds."""

    key: str  # dotted
    value: Any  # as JSON has it; a secret is hidden
    origin: str  # ``FILE:LINE:COLUMN``, a variable, a flag, or `DEFAULT`


def list_effective(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    context: str | None = None,
    nearby: Nearby | None = None,
) -> list[Effective]:
    """List every setting of the core, and those of plugins' own that are set, by section; takes what `load_settings` takes.

    Raises:
        ConfigError: The settings are wrong.
    """
    found = read_layers(flags, file=file, environ=environ, context=context, nearby=nearby)
    settings = check(found)
    known = [tuple(doc.key.split(".")) for doc in list_settings() if not doc.key.endswith(">")]
    order = {section: place for place, section in enumerate(type(settings).model_fields)}
    keys = sorted(dict.fromkeys([*known, *found]), key=lambda key: (order[key[0]], key not in known))
    return [_describe(key, settings, found) for key in keys if not _is_above(key, keys)]


def _is_above(key: Key, keys: list[Key]) -> bool:
    """Say whether it is an empty section, as ``[engine]`` with nothing below it, and others say what is in it."""
    return any(len(other) > len(key) and other[: len(key)] == key for other in keys)


def _describe(key: Key, settings: Settings, found: Layer) -> Effective:
    entry = found.get(key)
    origin = DEFAULT if entry is None else entry.origin.to_text(key)
    return Effective(".".join(key), redact(key[-1], _value(key, settings, entry)), origin)


def _value(key: Key, settings: Settings, entry: Found | None) -> Any:
    """Return what the models made of it: a number, where a variable held its digits."""
    value: Any = settings
    for part in key:
        if isinstance(value, dict):
            return None if entry is None else entry.value
        value = getattr(value, part)
    return list(value) if isinstance(value, tuple) else value
