"""The errors about plugins that are not there, not wanted, or there twice: what is wrong, and what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from ee_core.errors import PluginConflictError, PluginContractError, PluginLoadError, PluginNotFoundError
from ee_core.registry.listing import GROUPS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ee_core.registry.listing import Entry

_PACKAGES: Final = {
    ("ee.brokers", "nats"): "ee-nats",
    ("ee.locks", "nats"): "ee-nats",
    ("ee.expressions", "cel"): "ee-cel",
    ("ee.secrets", "keyring"): "ee-keyring",
    ("ee.activities", "http"): "ee-activity-http",
    ("ee.activities", "python"): "ee-activity-python",
    ("ee.activities", "shell"): "ee-activity-shell",
}
"""Where EE's own plugins come from, for the cure of a missing one."""


def not_found(group: str, name: str, installed: Collection[str]) -> PluginNotFoundError:
    """Nobody offers the name."""
    close = difflib.get_close_matches(name, installed, n=1)
    if (group, name) in _PACKAGES:
        cure = f"pip install {_PACKAGES[group, name]}"
    elif close:
        cure = f"did you mean {close[0]!r}?"
    else:
        cure = f"install a package with the entry point {name!r} in the group {group!r}"
    listed = ", ".join(repr(other) for other in sorted(installed)) or "none"
    return PluginNotFoundError(
        f"{GROUPS[group]} {name!r} is not installed; installed: {listed}", cure=cure, group=group, name=name
    )


def disabled(entry: Entry) -> PluginNotFoundError:
    """The configuration forbids it."""
    return PluginNotFoundError(
        f"{title(entry)} is disabled",
        cure="take it out of plugins.disabled (EE_PLUGINS_DISABLED)",
        **facts(entry),
    )


def conflict(entries: Sequence[Entry]) -> PluginConflictError:
    """Several offer the same."""
    owners = " and by ".join(f"{entry.distribution} {entry.version} ({entry.value})" for entry in entries)
    return PluginConflictError(
        f"{entries[0].kind} {entries[0].name!r} is offered by {owners}",
        cure="uninstall all but one, or put the distributions that you do not want into plugins.disabled",
        group=entries[0].group,
        name=entries[0].name,
        distribution=", ".join(entry.distribution for entry in entries),
    )


def not_imported(entry: Entry, error: BaseException) -> PluginLoadError:
    """Its module cannot be imported."""
    return PluginLoadError(
        f"{title(entry)}: {entry.value!r} cannot be imported: {type(error).__name__}: {error}",
        cure=f"mend or reinstall {entry.distribution}, or put {entry.place!r} into plugins.disabled",
        **facts(entry),
    )


def not_opened(entry: Entry, error: BaseException) -> PluginLoadError:
    """Its ``ee_open_*`` raised."""
    return PluginLoadError(
        f"{title(entry)} cannot be opened: {type(error).__name__}: {error}",
        cure=f"check its settings, or report it to the authors of {entry.distribution}",
        **facts(entry),
    )


def broken(entry: Entry, cause: str, cure: str) -> PluginContractError:
    """It is there, but not as it must be."""
    return PluginContractError(f"{title(entry)}: {cause}", cure=cure, **facts(entry))


def title(entry: Entry) -> str:
    """Name a plugin in full."""
    return f"{entry.kind} {entry.name!r} of {entry.distribution} {entry.version}"


def facts(entry: Entry) -> dict[str, str]:
    """Return what every error about a plugin carries."""
    return {"group": entry.group, "name": entry.name, "distribution": entry.distribution}
