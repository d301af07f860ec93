"""Bindings: which activity type of ours does what an activity id of an export file stands for, and with what input.

A mapping, YAML or JSON: ``<activity id>: {activity, with, bot, timeout, retry, on_lost, lost_attempts}``. It is merged at load and part of
the content and its hash. An id that nothing binds leaves its node without a type: a job opens an incident there.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W231  no activity of that id (a warning)
EE-W232  bindings for a file that has no activity ids
EE-W233  an activity id that is not bound (a warning)
======== ==========================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ee_core.definitions import activity
from ee_core.definitions.diagnostics import did_you_mean
from ee_core.definitions.members import Members, wrong_type

if TYPE_CHECKING:
    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.items import Item
    from ee_core.model.workflow import Node


_MAX_SUGGESTIONS = 20


def apply_bindings(draft: Draft, root: Item, report: Report) -> None:
    """Give the draft's activities their types."""
    top = Members(root, "the bindings", report)
    if root.value is None:
        return
    if not isinstance(root.value, dict):
        wrong_type(report, root, "the bindings file", "a mapping", "write <activity id>: {activity: ...}")
        return
    if draft.extras.get("form") == "native":
        hint = "leave the bindings out"
        report.error(
            "EE-W232", root.place, "a workflow in the native form names its activity types itself", hint
        )
        return
    by_id = {_key(key): item for key, item in root.value.items()}
    _warn_unknown(draft, top, report)
    nodes = tuple(_bind(node, by_id, draft, report) for node in draft.workflow.nodes)
    draft.workflow = msgspec.structs.replace(draft.workflow, nodes=nodes)


def warn_unbound(draft: Draft, report: Report) -> None:
    """Warn about activities that have no type yet."""
    for node in draft.workflow.nodes:
        if node.activity is not None and not node.activity.type and node.activity.unbound:
            message = (
                f"activity id {node.activity.unbound!r} is bound to no activity type; a job will wait there"
            )
            hint = f"add to the bindings file: {node.activity.unbound}: {{activity: ...}}"
            report.warn("EE-W233", draft.places.of(node.id), message, hint)


def _key(written: str) -> str:
    # UUIDs are written in either case.
    return written.strip().lower()


def _warn_unknown(draft: Draft, top: Members, report: Report) -> None:
    known = [
        node.activity.unbound for node in draft.workflow.nodes if node.activity and node.activity.unbound
    ]
    found = {_key(each) for each in known}
    cure = "leave it out, or look at the activity ids of the file"
    strays = [written for written in top.values if _key(written) not in found]
    for number, written in enumerate(strays):
        # Comparing words is slow, and a bindings file may serve many workflows.
        hint = did_you_mean(written, known, cure) if number < _MAX_SUGGESTIONS else cure
        report.warn("EE-W231", top.place_of(written), f"no node has the activity id {written!r}", hint)


def _bind(node: Node, by_id: dict[str, Item], draft: Draft, report: Report) -> Node:
    old = node.activity
    item = by_id.get(_key(old.unbound)) if old is not None else None
    if old is None or item is None or not old.unbound:
        return node
    members = Members(item, f"the binding of {old.unbound!r}", report)
    if not isinstance(item.value, dict):
        wrong_type(report, item, members.what, "a mapping", "write {activity: ...}")
        return node
    members.check_keys(activity.KEYS)
    if members.require("activity") is None:
        return node
    bound = activity.read_activity(members, draft.places, node.id, fail_job=old.fail_job)
    return msgspec.structs.replace(node, activity=msgspec.structs.replace(bound, stateless=old.stateless))
