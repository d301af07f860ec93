"""What is installed: the entry points of EE's groups, read with `importlib.metadata`.

Not with stevedore: it keeps entry points in a file under the user's home, whose age it compares in steps of two
minutes, so a plugin that was just installed may not be seen. Nothing is imported here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GROUPS: Final = {
    "ee.activities": "activity",
    "ee.expressions": "expression",
    "ee.secrets": "secrets",
    "ee.hooks": "hooks",
    "ee.locks": "lock",
    "ee.journals": "journal",
    "ee.catalogues": "catalogue",
    "ee.brokers": "broker",
    "ee.cli": "command",
}
"""Entry-point groups, and the word for what is in them; in the order of `ee_core.hookspecs`."""

HOOKS: Final = "ee.hooks"
_ORDER: Final = list(GROUPS)
_HEADER: Final = re.compile(r"^(Name|Version):[ \t]*(\S.*?)[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry point, and who offers it."""

    group: str
    name: str
    value: str  # the module
    distribution: str
    version: str

    @property
    def kind(self) -> str:
        """What it is, in one word."""
        return GROUPS[self.group]

    @property
    def place(self) -> str:
        """Kind and name, as ``plugins.disabled`` may say: one name may stand for a broker and a lock."""
        return f"{self.kind}:{self.name}"


def list_entries() -> list[Entry]:
    """List the entry points of all groups, by group, name and distribution."""
    found: set[Entry] = set()
    seen: set[str] = set()
    for distribution in metadata.distributions():
        # a broken installation may lack even its name; what it offers is listed all the same
        headers = _read_headers(distribution)
        name = headers["Name"]
        if normalize(name) in seen:
            continue  # a later place on the path: what it holds cannot be imported, the earlier one hides it
        seen.add(normalize(name))
        found.update(
            Entry(point.group, point.name, point.value, name, headers["Version"])
            for point in distribution.entry_points
            if point.group in GROUPS
        )
    return sorted(
        found, key=lambda entry: (_ORDER.index(entry.group), entry.name, entry.distribution, entry.value)
    )


def find_conflicts(entries: Iterable[Entry]) -> dict[Entry, list[Entry]]:
    """Find entries that share group and name; each is mapped to all that do, itself included.

    Modules with hooks are asked together, each once, so there two names for one module clash as well.
    """
    sharing: defaultdict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        sharing[entry.group, "name", entry.name].append(entry)
        if entry.group == HOOKS:
            sharing[entry.group, "value", entry.value].append(entry)
    return {entry: group for group in sharing.values() if len(group) > 1 for entry in group}


def normalize(distribution: str) -> str:
    """Write a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _read_headers(distribution: metadata.Distribution) -> Mapping[str, str]:
    """Read who a distribution is: name and version, each "unknown" where it is not said.

    Not with its member `metadata`, which takes the whole file apart: of a hundred distributions that took longer than
    all else at the start of a command. And newer Pythons raise there when there is no such file.
    """
    files = ("METADATA", "PKG-INFO", "")  # a wheel's, an egg's, and that of an egg which is one file
    text = next((text for file in files if (text := distribution.read_text(file))), "")
    head = text.partition("\n\n")[0]  # the rest is a description
    return {"Name": "unknown", "Version": "unknown"} | dict(_HEADER.findall(head))
