"""Where address and namespace come from at which nobody answers, and whether an `eectl up` runs here at another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.place import DATA
from ee_core.cli.site import find_nearby
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.config import Effective

_KEY: Final = "broker.servers"


def trace_address(message: str, hint: str, shared: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is said of a broker or an engine that does not answer, with what is known of address and namespace.

    Args:
        message: What happened.
        hint: What to do.
        shared: What the command line says, as the commands have it in common.
    """
    known = _read(shared)
    message, hint = _trace_namespace(message, hint, known.get("namespace"), shared)
    setting = known.get(_KEY)
    if setting is None:
        return message, hint
    given = setting.value if isinstance(setting.value, list) else str(setting.value).split(",")
    urls = [url.strip() for url in given]
    origin = "--server" if setting.origin.startswith("flag ") else setting.origin
    is_about_it = any(url in message for url in urls)
    here = _find_here()
    if is_about_it:
        message = f"{message} (this address comes from {origin})"
    if here is None or here in urls:
        return message, hint
    running = f"`eectl up` of {DATA} runs at {here}"
    if not is_about_it:
        return message, f"{hint}; {running}, and {origin} names another server"
    if origin == "--server":
        return message, f"{running}: leave --server out"
    return message, f"{running}: say --server {here}, or take the address out of {origin}"


def _trace_namespace(
    message: str, hint: str, setting: Effective | None, shared: Mapping[str, Any]
) -> tuple[str, str]:
    """Add where the namespace comes from in which nobody answers; who gave it by a flag knows."""
    if (
        setting is None
        or setting.origin.startswith("flag ")
        or f"in namespace {setting.value!r}" not in message
    ):
        return message, hint
    from ee_core.config import find_choice

    message = f"{message} (this namespace comes from {setting.origin})"
    choice = find_choice(shared.get("context"))
    if choice is None or not choice.is_noted or not setting.origin.endswith(f": context {choice.name!r}"):
        return message, hint
    return message, f"{hint}; `eectl context use` noted {choice.name!r}, and `eectl context unset` forgets it"


def _read(shared: Mapping[str, Any]) -> dict[str, Effective]:
    """Return the settings that hold, by key; empty when they are wrong."""
    from ee_core.config import list_effective

    file = shared.get("config")
    try:
        known = list_effective(
            shared.get("flags"),
            file=Path(file) if file else None,
            context=shared.get("context"),
            nearby=find_nearby(),
        )
    except ConfigError:
        return {}
    return {each.key: each for each in known}


def _find_here() -> str | None:
    """Return the address of the server of an `eectl up` in this folder."""
    try:
        nearby = find_nearby()
    except ConfigError:
        return None
    return None if nearby is None else str(nearby.values[_KEY])
