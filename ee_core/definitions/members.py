"""Members of a mapping, read with their types; what is wrong goes into the report with its place.

Every reading method returns None (or its default) when the member is missing or was reported, so that one mistake
hides no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.definitions.diagnostics import did_you_mean
from ee_core.definitions.durations import parse_duration_ms
from ee_core.definitions.unindented import is_left_empty

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ee_core.definitions.diagnostics import Place, Report
    from ee_core.definitions.items import Item

CODE_KEY: Final = "EE-W201"  # a key that has no meaning here
CODE_MISSING: Final = "EE-W202"  # a key that must be there
CODE_TYPE: Final = "EE-W203"  # a value of another type
CODE_VALUE: Final = "EE-W204"  # a value that is not one of those allowed

_NO_WORDS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Members:
    """One mapping, and what to call it."""

    item: Item
    what: str  # as in "a node"
    report: Report

    @property
    def values(self) -> dict[str, Item]:
        """The members by key; empty when it is no mapping."""
        return self.item.value if isinstance(self.item.value, dict) else {}

    def place_of(self, key: str) -> Place:
        """Return where a key stands, or the mapping itself."""
        return self.item.keys[key].place if key in self.item.keys else self.item.place

    def check_keys(
        self, known: Iterable[str], meant: Mapping[str, str] = _NO_WORDS, *, told: Collection[str] = ()
    ) -> None:
        """Report keys that have no meaning.

        Args:
            known: Those that have one.
            meant: What other people's words for them are here, by those words.
            told: Those that are reported elsewhere.
        """
        known = tuple(known)
        empty = ""  # the last key that has no value, if it is one that is known
        for key, item in self.values.items():
            if key in known or key in told:
                empty = key if is_left_empty(item) else ""
                continue
            word = meant.get(key.lower())
            near = f"did you mean {word!r}?" if word in known else ""
            hint = near or did_you_mean(key, known, f"known are {', '.join(known)}")
            if key == "<<":
                hint = "mappings are not merged here: write the keys out"
            elif empty and self.place_of(key).line > self.place_of(empty).line:
                hint = f"indent it, if it belongs to {empty!r}"
            self.report.error(CODE_KEY, self.place_of(key), f"unknown key {key!r} in {self.what}", hint)

    def require(self, key: str, hint: str = "") -> Item | None:
        """Return a member, or report that it is missing."""
        found = self.values.get(key)
        if found is None:
            self.report.error(
                CODE_MISSING, self.item.place, f"{self.what} has no {key!r}", hint or f"add {key}: ..."
            )
        return found

    def mapping(self, key: str, what: str, hint: str = "") -> Members | None:
        """Return a member that is a mapping."""
        found = self.values.get(key)
        if found is None:
            return None
        if isinstance(found.value, dict):
            return Members(found, what, self.report)
        wrong_type(self.report, found, key, "a mapping", hint)
        return None

    def text(self, key: str, default: str = "") -> str:
        """Return a member that is text."""
        found = self.values.get(key)
        if found is None:
            return default
        if isinstance(found.value, str):
            return found.value
        wrong_type(self.report, found, key, "text", "quote it")
        return default

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a member that is true or false."""
        found = self.values.get(key)
        if found is None:
            return default
        if isinstance(found.value, bool):
            return found.value
        wrong_type(self.report, found, key, "true or false")
        return default

    def number(self, key: str, default: float, *, least: float, most: float) -> float:
        """Return a member that is a number within bounds."""
        found = self.values.get(key)
        if found is None:
            return default
        if isinstance(found.value, bool) or not isinstance(found.value, int | float):
            wrong_type(self.report, found, key, "a number")
        elif least <= found.value <= most:
            return found.value
        else:
            message = f"{key} is {found.value}; expected {least:g} to {most:g}"
            self.report.error(CODE_VALUE, found.place, message)
        return default

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """Return a member that is a whole number within bounds."""
        found = self.values.get(key)
        if found is not None and isinstance(found.value, float):
            wrong_type(self.report, found, key, "a whole number")
            return default
        return int(self.number(key, default, least=least, most=most))

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return a member that is one of some words; the first is the default."""
        found = self.values.get(key)
        if found is None:
            return choices[0]
        if found.value in choices:
            return str(found.value)
        listed = ", ".join(choices[:-1]) + f" or {choices[-1]}"
        hint = did_you_mean(str(found.value), choices, f"write {listed}")
        self.report.error(
            CODE_VALUE, found.place, f"{key} is {found.raw.strip()!r:.60}; expected {listed}", hint
        )
        return choices[0]

    def duration_ms(self, key: str, default: int | None) -> int | None:
        """Return a member like ``1h30m`` in milliseconds, at least 1."""
        found = self.values.get(key)
        if found is None:
            return default
        hint = "write it with units, as 30s, 1h30m or 500ms"
        if not isinstance(found.value, str):
            wrong_type(self.report, found, key, "a duration", hint)
            return default
        total = parse_duration_ms(found.value)
        if total is None:
            self.report.error(
                CODE_VALUE, found.place, f"{key} is {found.value!r:.40}, which is no duration", hint
            )
            return default
        return total

    def words(self, key: str) -> tuple[str, ...]:
        """Return a member that is a list of words, at least one; what is none of them is reported."""
        found = self.values.get(key)
        if found is None:
            return ()
        hint = f"write {key}: [one, another], or leave it out"
        if not isinstance(found.value, list):
            wrong_type(self.report, found, key, "a list", hint)
            return ()
        if not found.value:
            self.report.error(CODE_VALUE, found.place, f"{key} is empty; expected at least one word", hint)
        words = []
        for item in found.value:
            if isinstance(item.value, str) and item.value:
                words.append(item.value)
            else:
                wrong_type(self.report, item, f"a member of {key}", "a word", hint)
        return tuple(words)


def wrong_type(report: Report, item: Item, key: str, expected: str, hint: str = "") -> None:
    """Report a value of another type than expected."""
    report.error(CODE_TYPE, item.place, f"{key} is {kind_of(item)}; expected {expected}", hint)


def kind_of(item: Item) -> str:
    """Return what an item is, for messages."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "empty"}
    return names.get(type(item.value), "a number")
