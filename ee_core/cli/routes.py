"""Which way a token went where a node chooses, in words.

A node that has one way only is told nowhere: it says nothing that the next visit does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ee_core.model.events import ON_ERROR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDEST: Final = 70  # of a condition


def find_choices(shown: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the nodes of a job, as `jobs.query` shows it, that choose among their pointers, by id."""
    return {node["node"]: node for node in shown.get("nodes", ()) if "pointers" in node}


def to_way(node: Mapping[str, Any], slots: Sequence[int], names: Mapping[str, str]) -> str:
    """Return where a token went and why, as ``to ask (otherwise)``; empty where it had no choice but to fail.

    Args:
        node: One of `find_choices`.
        slots: The pointers that were followed, as `VisitRouted` has them.
        names: What people call nodes, by id.
    """
    chooses = any(pointer["when"] or pointer["otherwise"] for pointer in node["pointers"])
    if not chooses and ON_ERROR not in slots:
        return ""
    ways = [_way(node, slot, names) for slot in slots]
    return f"to {' and '.join(ways)}" if ways else "nowhere: no condition is true"


def _way(node: Mapping[str, Any], slot: int, names: Mapping[str, str]) -> str:
    if slot == ON_ERROR:
        return f"{names.get(node['on_error'], node['on_error'])} (on_error)"
    pointer = node["pointers"][slot]
    why = "otherwise" if pointer["otherwise"] else " ".join(pointer["when"].split())
    why = why if len(why) <= _WIDEST else f"{why[: _WIDEST - 1]}…"
    to = names.get(pointer["to"], pointer["to"])
    return f"{to} ({why})" if why else str(to)
