"""The parameters of an export node: ``[{"key", "type", "value"}]``, keys in any case, or nothing at all.

They are plain values here, because a hook that expands nodes has nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ee_core.errors import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def get_member(members: Mapping[str, Any], name: str) -> Any:
    """Return a member by its name in any letter case; the first that is not null, else None."""
    found = (value for key, value in members.items() if key.lower() == name.lower() and value is not None)
    return next(found, None)


def read_parameters(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node's parameters by lower-case key; the first of a key counts, null ones are left out."""
    given = get_member(members, "parameters")
    if isinstance(given, dict):
        pairs = list(given.items())
    elif isinstance(given, list):
        entries = [entry for entry in given if isinstance(entry, dict)]
        pairs = [(get_member(entry, "key"), get_member(entry, "value")) for entry in entries]
    else:
        pairs = []
    parameters: dict[str, Any] = {}
    for key, value in pairs:
        if isinstance(key, str) and value is not None:
            parameters.setdefault(key.strip().lower(), value)
    return parameters


def read_truth(parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return a parameter that is true or false, or says so as text.

    Raises:
        WorkflowError: It is something else.
    """
    value = parameters.get(name.lower())
    if value is None or value == "":
        return default
    truth = _TRUTHS.get(str(value).strip().lower())
    if truth is None:
        raise WorkflowError(f"the parameter {name} is {value!r:.60}; expected true or false")
    return truth
