"""The input of each activity against the schema of its type, as far as it is literal.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W411  the activity type knows no such input
EE-W412  an input that the activity type must have is missing
EE-W413  an input is of a type or has a value that the activity type does not take
EE-W414  the activity type's own schema cannot be used (a warning)
======== ==========================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.definitions.diagnostics import did_you_mean
from ee_core.definitions.fitting import find_misfits
from ee_core.definitions.holes import with_holes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityType
    from ee_core.definitions.diagnostics import Place, Report
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.fitting import Misfit
    from ee_core.definitions.items import Item
    from ee_core.model.references import Path
    from ee_core.model.workflow import Node

_MAX_LISTED: Final = 12  # words of a schema that a message shows


def check_activity_inputs(draft: Draft, activities: Mapping[str, ActivityType], report: Report) -> None:
    """Report what no attempt of the activities would take."""
    for node in draft.workflow.nodes:
        found = activities.get(node.activity.type) if node.activity is not None else None
        if found is not None:
            _check_node(node, found, draft, report)


def _check_node(node: Node, kind: ActivityType, draft: Draft, report: Report) -> None:
    assert node.activity is not None, "asked by the caller"
    place = draft.places.types.get(node.id) or draft.places.of(node.id)
    try:
        # without an input there are no members: what a type must have is missing, and one that needs none is content
        given = {} if node.activity.input is None and _wants_mapping(kind) else node.activity.input
        misfits = find_misfits(with_holes(given), kind.input_schema)
    except Exception as error:  # noqa: BLE001 - the schema is a plugin's; it must not cost more than its check
        message = f"the input of {node.activity.type!r} is not checked: its schema cannot be used: {error!r}"
        report.warn("EE-W414", place, message, "tell the plugin's author")
        return
    for misfit in misfits:
        _report(misfit, node, draft.places.inputs.get(node.id), place, report)


def _wants_mapping(kind: ActivityType) -> bool:
    return kind.input_schema is not None and kind.input_schema.get("type") == "object"


def _report(misfit: Misfit, node: Node, written: Item | None, place: Place, report: Report) -> None:
    assert node.activity is not None, "asked by the caller"
    what = f"the input of {node.activity.type!r}"
    where, subject = _find(written, misfit.path, is_key=misfit.kind == "unknown"), _name(misfit.path)
    if misfit.kind == "unknown":
        inside = _name(misfit.path[:-1])
        cure = f"known are {_list(misfit.expected, 'and')}" if misfit.expected else "leave it out"
        hint = did_you_mean(misfit.said, misfit.expected, cure)
        message = f"unknown key {misfit.said!r:.80} in {inside + ' of ' if inside else ''}{what}"
        report.error("EE-W411", where or place, message, hint)
    elif misfit.kind == "missing":
        message = f"{subject + ' in ' if subject else ''}{what} has no {misfit.said!r}"
        hint = f"add with: {{{misfit.said}: ...}}" if written is None else f"add {misfit.said}: ..."
        report.error("EE-W412", where or place, message, hint)
    else:
        message = f"{subject + ' in ' if subject else ''}{what} {misfit.said}"
        if misfit.expected:
            message += f"; expected {_list(misfit.expected, 'or')}"
        report.error("EE-W413", where or place, message, _hint(misfit, written))


def _hint(misfit: Misfit, written: Item | None) -> str:
    item = _walk(written, misfit.path)
    value = item.value if item is not None else None
    if not misfit.is_of_type:
        words = [word[1:-1] for word in misfit.expected if word.startswith("'")]
        return did_you_mean(value, words) if isinstance(value, str) else ""
    if "text" in misfit.expected and isinstance(value, bool | int | float):
        return "quote it"
    if misfit.expected == ("a list",) and isinstance(value, str):
        return "write a list, as in [one, another]"
    is_quoted = item is not None and item.style in {"'", '"'} and isinstance(value, str)
    return "leave out the quotes" if is_quoted and "number" in " ".join(misfit.expected) else ""


def _find(written: Item | None, path: Path, *, is_key: bool) -> Place | None:
    if not is_key:
        item = _walk(written, path)
        return item.place if item is not None else None
    parent = _walk(written, path[:-1])
    key = parent.keys.get(str(path[-1])) if parent is not None else None
    return key.place if key is not None else None


def _walk(item: Item | None, path: Path) -> Item | None:
    for step in path:
        if item is None or not isinstance(item.value, dict | list):
            return None
        item = item.value[int(step)] if isinstance(item.value, list) else item.value.get(str(step))
    return item


def _name(path: Path) -> str:
    """Return the words for a part of an input, as ``'headers.accept'``; "" for all of it."""
    return repr(".".join(map(str, path))) if path else ""


def _list(words: tuple[str, ...], last: str) -> str:
    cut = [*words[:_MAX_LISTED], *(["..."] if len(words) > _MAX_LISTED else [])]
    return ", ".join(cut[:-1]) + f" {last} {cut[-1]}" if len(cut) > 1 else cut[0]
