"""References to secrets: a text of the definition that is ``secret:NAME`` and nothing else stands for a secret's value.

Only what the author of a workflow has written counts: `template` finds the places of references in a definition, and
they travel beside the rendered input. A text that comes out of an expression, and may have been put there by whoever
gives an input, is never one, whatever it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

PREFIX: Final = "secret:"
MAX_NAME: Final = 128

Path = tuple[str | int, ...]  # keys and places that lead into a JSON value

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def is_name(text: str) -> bool:
    """Say whether a secret can have this name."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def name_of(value: Any) -> str | None:
    """Return the name of the secret that a text refers to; None for whatever is no reference."""
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return None
    name = value.removeprefix(PREFIX)
    return name if is_name(name) else None


def to_text(name: str) -> str:
    """Return the reference to a secret."""
    return f"{PREFIX}{name}"


def find_references(value: Any, path: Path = ()) -> Iterator[Path]:
    """Find the places of references in a JSON value that is the definition's own, in its order; keys are none."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from find_references(member, (*path, key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from find_references(item, (*path, place))
    elif name_of(value) is not None:
        yield path


def find_part(value: Any, path: Path) -> Any:
    """Return what a path leads to; None where it leads nowhere."""
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list | tuple) and isinstance(step, int) and 0 <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def replace_parts(value: Any, parts: Mapping[Path, Any]) -> Any:
    """Return a value with other parts at some paths, each of which must lead somewhere; the value itself stays as it is."""
    if () in parts:
        return parts[()]
    inner: dict[str | int, dict[Path, Any]] = {}
    for path, part in parts.items():
        inner.setdefault(path[0], {})[path[1:]] = part
    if isinstance(value, Mapping):
        return {
            key: replace_parts(member, inner[key]) if key in inner else member
            for key, member in value.items()
        }
    if inner and isinstance(value, list | tuple):
        return [
            replace_parts(item, inner[place]) if place in inner else item for place, item in enumerate(value)
        ]
    return value
