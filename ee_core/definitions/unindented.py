"""Keys that stand as far left as the key they belong to: to YAML they are its neighbours, and it is empty.

Where every name is allowed, as among nodes, such keys are put where they belong, so that what else is wrong with them
is found at once; that they have to be indented is for the caller to report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.definitions.items import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def is_left_empty(item: Item) -> bool:
    """Say whether nothing at all was written as a value; ``null`` is something."""
    return item.value is None and not item.raw.strip()


def iter_indented(
    mapping: Item, belongs: Callable[[str, Item], bool]
) -> Iterator[tuple[str, Item, tuple[str, ...]]]:
    """Yield the members of a mapping, those that stand beside an empty one inside of it.

    Args:
        mapping: One whose keys may be any.
        belongs: Whether a key, with its value, is a word of what the members hold.

    Yields:
        The key, its value, and the keys that were put into the value.
    """
    assert isinstance(mapping.value, dict), "asked by the caller"
    owner, held = "", dict[str, Item]()
    for key, value in mapping.value.items():
        is_below = bool(owner) and mapping.keys[key].place.line > mapping.keys[owner].place.line
        if is_below and belongs(key, value):
            held[key] = value
            continue
        if owner:
            yield owner, _put(mapping, owner, held), tuple(held)
        owner, held = (key, {}) if is_left_empty(value) else ("", {})
        if not owner:
            yield key, value, ()
    if owner:
        yield owner, _put(mapping, owner, held), tuple(held)


def _put(mapping: Item, owner: str, held: dict[str, Item]) -> Item:
    assert isinstance(mapping.value, dict), "asked by the caller"
    if not held:
        return mapping.value[owner]
    keys = {key: mapping.keys[key] for key in held}
    start, end = min(key.start for key in keys.values()), max(value.end for value in held.values())
    return Item(mapping.text, start, end, held, keys=keys)
