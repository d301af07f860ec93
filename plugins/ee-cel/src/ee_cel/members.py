"""What an expression found where it reads a member that is not there, in the words of whoever wrote it.

The engine names the key alone, or not even that. The values that it read are at hand, so the chains of the source are
walked in them once more; a loop's variable has no value here, and nothing is said of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ee_cel.source import Chain, Word

_MOST: Final = 8  # keys that are named
_WIDEST: Final = 40  # of a key, in characters
_KINDS: Final = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
)


class Member(NamedTuple):
    """A member that is read of a value."""

    owner: str  # the chain up to the value
    word: Word  # names the member
    value: Any


def list_keys(value: Any) -> str:
    """Return the keys of an object, few and in order, as ``there are: bytes, files``; empty for what has none."""
    if not isinstance(value, dict):
        return ""
    if not value:
        return "it has no keys"
    keys = sorted(value)
    shown = [key if len(key) <= _WIDEST else f"{key[: _WIDEST - 1]}…" for key in keys[:_MOST]]
    return f"there are: {', '.join(shown)}{', ...' if len(keys) > _MOST else ''}"


def find_key(chains: tuple[Chain, ...], key: str, data: Mapping[str, Any]) -> Member | None:
    """Return the first read of an object's key that the object does not have; its value is None if it is not at hand."""
    for chain in chains:
        for member in iter_members(chain, data):
            if member.word.text == key and isinstance(member.value, dict) and key not in member.value:
                return member
    for chain in chains:
        for place, word in enumerate(chain.words[1:], start=1):
            if word.text == key:
                return Member(".".join(each.text for each in chain.words[:place]), word, None)
    return None


def find_select(chains: tuple[Chain, ...], data: Mapping[str, Any]) -> Member | None:
    """Return the first read of a member of what is no object."""
    members = (member for chain in chains for member in iter_members(chain, data))
    return next((member for member in members if not isinstance(member.value, dict)), None)


def find_null(chains: tuple[Chain, ...], data: Mapping[str, Any]) -> str:
    """Return the first chain that is null; empty when there is none."""
    for chain in chains:
        members = tuple(iter_members(chain, data))
        if members and isinstance(members[-1].value, dict):
            if members[-1].value.get(members[-1].word.text, 0) is None:
                return chain.name
        elif chain.name in data and data[chain.name] is None:
            return chain.name
    return ""


def describe_kind(value: Any) -> str:
    """Return what a value is that is no object."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "null")


def iter_members(chain: Chain, data: Mapping[str, Any]) -> Iterator[Member]:
    """Yield the reads of members that a chain does, as far as they can be followed."""
    place, name = _find_name(chain, data)
    if not place:
        return
    value = data[name]
    words = chain.words[:-1] if chain.called else chain.words
    for word in words[place:]:
        yield Member(name, word, value)
        if not isinstance(value, dict) or word.text not in value:
            return
        name, value = f"{name}.{word.text}", value[word.text]


def _find_name(chain: Chain, data: Mapping[str, Any]) -> tuple[int, str]:
    """Return the longest name with a value that a chain begins with, and how many words it has; 0 for none."""
    names = [(count, name) for count, name in enumerate(chain.prefixes(), start=1) if name in data]
    return names[-1] if names else (0, "")
