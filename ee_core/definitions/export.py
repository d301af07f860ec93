"""The platform's export form, read as it is and as liberally as its files differ from each other.

An envelope with ``content``, the bare content, or the bare list of nodes; keys and types in any letter case. What the
form holds besides the executable part (drawing data, unknown members, notes) is kept beside the workflow, whole, and
is not hashed.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W221  no nodes
EE-W222  a node that is none, or has no id
EE-W223  an unknown node type
EE-W224  a node that cannot be expanded
EE-W225  a pointer that is none
EE-W226  two values where one counts (only a warning when the first is taken)
======== ==========================================================================
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.contracts.hooks import NodeDraft, WorkflowDraft
from ee_core.definitions.diagnostics import did_you_mean
from ee_core.definitions.draft import Draft, Places
from ee_core.definitions.expansion import FOREIGN_TYPES
from ee_core.definitions.members import CODE_TYPE, kind_of
from ee_core.definitions.parameters import get_member, read_parameters, read_truth
from ee_core.errors import WorkflowError
from ee_core.model.ids import NodeId
from ee_core.model.workflow import Activity, Node, NodeKind, Pointer, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.items import Item

    ExpandNode = Callable[[NodeDraft, WorkflowDraft], Sequence[Node] | None]

_KINDS: Final = {
    "": NodeKind.START,  # left out means Start
    "start": NodeKind.START,
    "end": NodeKind.END,
    "activity": NodeKind.ACTIVITY,
    "statelessactivity": NodeKind.ACTIVITY,
    "parallel": NodeKind.PARALLEL,
    "exclusive": NodeKind.INCLUSIVE,  # it follows every pointer that is true (R5)
}
_TYPES: Final = ("Start", "End", "Activity", "StatelessActivity", "Parallel", "Exclusive", *FOREIGN_TYPES)
_OWN_MEMBERS: Final = frozenset({"id", "type", "name", "description", "pointers"})
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def find_nodes(root: Item) -> Item | None:
    """Return the list of nodes of a file in this form; None when it is another form."""
    if isinstance(root.value, list):
        return root
    content = _find_content(root)
    found = _get(content, "workflow") or (_get(content, "nodes") if content is not root else None)
    return found if found is not None and isinstance(found.value, list) else None


def _find_content(root: Item) -> Item:
    """Return the content of an envelope, or the root."""
    inner = _get(root, "content")
    return inner if inner is not None and isinstance(inner.value, dict | list) else root


def _get(item: Item, *names: str) -> Item | None:
    """Return a member by its name in any letter case; the first that is not null."""
    for name in names:
        for key, member in item.value.items() if isinstance(item.value, dict) else ():
            if key.lower() == name and member.value is not None:
                return member
    return None


def _text(item: Item | None) -> str:
    return item.value if item is not None and isinstance(item.value, str) else ""


def read_export(root: Item, nodes: Item, report: Report, expand: ExpandNode) -> Draft:
    """Read a workflow; what is wrong is in the report, and the draft holds what could be read."""
    content = _find_content(root)
    reader = _Reader(report, Places(nodes.text.place_at(nodes.start)))
    items = nodes.value if isinstance(nodes.value, list) else []
    drafts = [draft for item in items if (draft := reader.read_node(item)) is not None]
    if not items:
        report.error("EE-W221", nodes.place, "the workflow has no nodes")
    name = _read_name(root, content, drafts)
    whole = WorkflowDraft(name=name, scope="export", nodes=tuple(drafts))
    expanded = [node for draft in drafts for node in reader.expand(draft, whole, expand)]
    starts = [node.id for node in expanded if node.kind is NodeKind.START]
    start = starts[0] if starts else NodeId("")
    if starts:
        reader.places.start = reader.places.nodes.get(start)
    return Draft(
        Workflow(
            name=name,
            start=start,
            nodes=_find_joins(expanded, start),
            version=_text(_get(content, "version")),
            description=_text(_get(content, "description")),
            open_inputs=True,
            scope="export",
        ),
        reader.places,
        {"form": "export", "document": root.plain(), "ids": reader.renamed},
    )


def _read_name(root: Item, content: Item, drafts: list[NodeDraft]) -> str:
    """Return the workflow's name: its own, else its id, else the first node's.

    Never the file's: the same text is the same workflow wherever it comes from, and an inline one has no file.
    """
    metadata = _get(root, "metadata") or root
    named = _text(_get(content, "name")).strip() or _text(_get(metadata, "name")).strip()
    known = _text(_get(content, "workflowid")) or _text(_get(content, "id")) or _text(_get(metadata, "id"))
    return named or known or (drafts[0].id if drafts else "")


def _find_joins(nodes: list[Node], start: NodeId) -> tuple[Node, ...]:
    """Turn each parallel with several pointers in into a join (R3); what takes no part (R1) does not count."""
    pointed_at = {pointer.to for node in nodes for pointer in node.pointers}
    taking_part = [
        node
        for node in nodes
        if node.id in pointed_at or all(pointer.to != start for pointer in node.pointers)
    ]
    inputs = Counter(pointer.to for node in taking_part for pointer in node.pointers)
    return tuple(
        msgspec.structs.replace(node, kind=NodeKind.JOIN)
        if node.kind is NodeKind.PARALLEL and inputs[node.id] > 1
        else node
        for node in nodes
    )


@dataclass(slots=True)
class _Reader:
    """Reads the nodes of one file."""

    report: Report
    places: Places
    renamed: dict[str, str]  # id of ours -> id of the file, where that is no token

    def __init__(self, report: Report, places: Places) -> None:
        self.report, self.places, self.renamed = report, places, {}

    def read_node(self, item: Item) -> NodeDraft | None:
        if not isinstance(item.value, dict):
            self.report.error("EE-W222", item.place, f"a node is {kind_of(item)}; expected a mapping")
            return None
        named = _get(item, "id", "key")
        if named is None or isinstance(named.value, dict | list) or not str(named.value).strip():
            self.report.error("EE-W222", item.place, "the node has no id")
            return None
        node = self._to_id(str(named.value))
        self.places.nodes.setdefault(node, named.place)
        return NodeDraft(
            id=node,
            kind=self._read_type(item),
            name=_text(_get(item, "name")) or self.renamed.get(node, ""),
            description=_text(_get(item, "description")),
            pointers=self._read_pointers(node, item),
            members={
                key: value.plain() for key, value in item.value.items() if key.lower() not in _OWN_MEMBERS
            },
        )

    def _to_id(self, written: str) -> NodeId:
        """Return an id that subjects and keys can hold; most are UUIDs and stay as they are."""
        if _TOKEN.fullmatch(written):
            return NodeId(written)
        made = "x" + hashlib.sha256(written.encode()).hexdigest()[:16]
        self.renamed[made] = written
        return NodeId(made)

    def _read_type(self, item: Item) -> str:
        members = item.value if isinstance(item.value, dict) else {}
        found = [each for key, each in members.items() if key.lower() == "type" and each.value is not None]
        for each in found:
            if not isinstance(each.value, str):
                self.report.error(CODE_TYPE, each.place, f"the type is {kind_of(each)}; expected text")
        found = [each for each in found if isinstance(each.value, str) and each.value.strip()]
        if len({str(each.value).strip().lower() for each in found}) > 1:
            shown = " and ".join(repr(each.value) for each in found)
            self.report.error("EE-W226", found[1].place, f"the node is of two types, {shown}", "keep one")
        return str(found[0].value).strip() if found else ""

    def _read_pointers(self, node: NodeId, item: Item) -> tuple[Pointer, ...]:
        found = _get(item, "pointers")
        if found is None:
            return ()
        if not isinstance(found.value, list):
            self.report.error(CODE_TYPE, found.place, f"pointers is {kind_of(found)}; expected a list")
            return ()
        pointers: list[Pointer] = []
        for each in found.value:
            target = each if isinstance(each.value, str) else _get(each, "pointsto", "to", "target")
            if target is None or not str(target.value).strip():
                message = "the pointer leads nowhere"
                self.report.error(
                    "EE-W225", each.place, message, "name a node in pointsTo, or leave the pointer out"
                )
                continue
            slot = len(pointers)
            self.places.pointers[node, slot] = target.place
            pointers.append(
                Pointer(to=self._to_id(str(target.value)), when=self._read_condition(node, slot, each))
            )
        return tuple(pointers)

    def _read_condition(self, node: NodeId, slot: int, pointer: Item) -> str:
        found = _get(pointer, "expression")
        if found is None:
            return ""
        if isinstance(found.value, bool):
            return "" if found.value else "false"
        if not isinstance(found.value, str):
            self.report.error(CODE_TYPE, found.place, f"expression is {kind_of(found)}; expected text")
            return ""
        if not found.value.strip():
            return ""
        self.places.conditions[node, slot] = found
        return found.value

    def expand(self, draft: NodeDraft, workflow: WorkflowDraft, expand: ExpandNode) -> Sequence[Node]:
        """Return the nodes that stand for one of the file."""
        kind = _KINDS.get(draft.kind.lower())
        place = self.places.nodes[draft.id]
        try:
            if kind is not None:
                return (self._make(draft, kind),)
            found = expand(draft, workflow)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and it is told with its place
            said = (
                str(error)
                if isinstance(error, WorkflowError)
                else f"{draft.kind!r} cannot be expanded: {error!r}"
            )
            self.report.error("EE-W224", place, said)
            return ()
        if found is None:
            hint = did_you_mean(draft.kind, _TYPES, f"known are {', '.join(_TYPES)}, and what plugins add")
            self.report.error("EE-W223", place, f"unknown node type {draft.kind!r}", hint)
            return ()
        # The first takes over the id, and with it the pointers to the node.
        return tuple(
            msgspec.structs.replace(each, id=draft.id) if not at else each for at, each in enumerate(found)
        )

    def _make(self, draft: NodeDraft, kind: NodeKind) -> Node:
        return Node(
            id=draft.id,
            kind=kind,
            name=draft.name,
            description=draft.description,
            pointers=draft.pointers,
            activity=self._make_activity(draft) if kind is NodeKind.ACTIVITY else None,
        )

    def _make_activity(self, draft: NodeDraft) -> Activity:
        parameters = read_parameters(draft.members)
        own = get_member(draft.members, "activityId")
        named = parameters.get("activityid")
        if own and named and str(own) != str(named):
            message = f"the node names two activities, {own!r} and {named!r}; the first counts"
            self.report.warn("EE-W226", self.places.nodes[draft.id], message)
        wanted: Any = own or named or draft.id
        return Activity(
            type="",
            stateless=draft.kind.lower() == "statelessactivity",
            fail_job=read_truth(parameters, "FailOnError", default=True),
            unbound=str(wanted),
        )
