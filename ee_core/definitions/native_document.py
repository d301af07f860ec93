"""A workflow as a document in the native form: what `native` reads to the same workflow.

Made of the export form it keeps that form's meaning by ``scope: export``; what the native form has no words for is
noted. Nodes get ids that people can read, made of their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.durations import to_duration
from ee_core.model.graph import build
from ee_core.model.paths import distances
from ee_core.model.workflow import BotSelector, NodeKind, Retry, Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Activity, InputSpec, Node, Pointer, Workflow

_RESERVED: Final = frozenset({"in", "true", "false", "null"})
_TYPE: Final = re.compile(r"(?!_|\.|.*\.\.|.*\.$)[A-Za-z0-9_.-]{1,64}")
_MAX_NAME: Final = 64


@dataclass(slots=True)
class NativeDocument:
    """A document, the ids of its nodes, and what it could not take over."""

    document: dict[str, Any]
    ids: dict[NodeId, str]  # of the workflow's nodes
    notes: list[str] = field(default_factory=list)


def make_native(workflow: Workflow) -> NativeDocument:
    """Write a sound workflow in the native form."""
    graph = build(workflow)
    successors = [[graph.arrows[arrow].target for arrow in arrows] for arrows in graph.out]
    steps = distances(successors, [graph.start])
    nodes = [node for node, far in zip(workflow.nodes, steps, strict=True) if far is not None]
    ids = _name_nodes(nodes)
    notes = [
        f"node {node.name or node.id!r} is left out: nothing leads to it"
        for node, far in zip(workflow.nodes, steps, strict=True)
        if far is None
    ]
    writer = _Writer(ids, notes)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", workflow.name).strip("-_.")[:_MAX_NAME] or "workflow"
    if name != workflow.name:
        notes.append(f"the name {workflow.name!r} is written as {name!r}")
    document: dict[str, Any] = {"ee": 1, "name": name}
    document |= _given(version=workflow.version, description=workflow.description)
    if workflow.on_failure != "stop":
        document["on_failure"] = workflow.on_failure
    if workflow.scope != "native":
        document["scope"] = workflow.scope
    if workflow.inputs:
        document["inputs"] = {name: _input(spec) for name, spec in workflow.inputs.items()}
    document["start"] = ids[workflow.start]
    document["nodes"] = {ids[node.id]: writer.write(node) for node in nodes}
    return NativeDocument(document, ids, notes)


def _given(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value}


def _name_nodes(nodes: Iterable[Node]) -> dict[NodeId, str]:
    """Give each node an id that the form allows, of its own id if that will do, else of its name."""
    ids: dict[NodeId, str] = {}
    taken: set[str] = set(_RESERVED)
    for node in nodes:
        words = [re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") for text in (node.name, node.kind)]
        usual = next(word for word in words if re.match("[a-z]", word))[: _MAX_NAME - 5].rstrip("_")
        made, count = usual, 1
        while made in taken:
            count += 1
            made = f"{usual}_{count}"
        taken.add(made)
        ids[node.id] = made
    return ids


@dataclass(slots=True)
class _Writer:
    """Writes nodes."""

    ids: dict[NodeId, str]
    notes: list[str]

    def write(self, node: Node) -> dict[str, Any]:
        made = self._write_kind(node)
        named = _given(name=node.name if node.name != self.ids[node.id] else "", description=node.description)
        kind = next(iter(made))
        return {kind: made.pop(kind), **named, **made}

    def _write_kind(self, node: Node) -> dict[str, Any]:
        if node.kind is NodeKind.END:
            return {"end": node.outcome}
        if node.kind is NodeKind.ACTIVITY and node.activity is not None:
            made = self._write_activity(node, node.activity)
            return {**made, **self._next(node)}
        if node.kind is NodeKind.JOIN:
            return {"join": node.join, **self._next(node)}
        if not node.pointers:
            self.notes.append(
                f"node {node.name or node.id!r} has no pointer; it is written as an activity that does nothing"
            )
            return {"activity": "noop"}
        if node.kind is NodeKind.PARALLEL:
            return {"parallel": [self.ids[each.to] for each in self._plain(node)]}
        kind = "exclusive" if node.kind is NodeKind.EXCLUSIVE else "inclusive"
        return {kind: [self._pointer(each) for each in node.pointers]}

    def _plain(self, node: Node) -> tuple[Pointer, ...]:
        """Return the pointers of a node that follows each whatever it says."""
        for each in node.pointers:
            if each.when:
                self.notes.append(
                    f"the condition {each.when!r} of node {node.name or node.id!r} is left out: it is never looked at"
                )
        return node.pointers

    def _next(self, node: Node) -> dict[str, Any]:
        if not node.pointers:
            return {}
        if node.kind is NodeKind.JOIN:
            pointers: list[Any] = [self.ids[each.to] for each in self._plain(node)]
        else:
            pointers = [self._pointer(each) for each in node.pointers]
        return {"next": pointers[0] if len(pointers) == 1 and isinstance(pointers[0], str) else pointers}

    def _pointer(self, pointer: Pointer) -> Any:
        to = self.ids[pointer.to]
        if pointer.otherwise:
            return {"otherwise": True, "next": to}
        return {"when": pointer.when, "next": to} if pointer.when else to

    def _write_activity(self, node: Node, activity: Activity) -> dict[str, Any]:
        made: dict[str, Any] = {
            "activity": self._type(node, activity),
            **activity_members(activity, self.ids),
        }
        if node.on_error is not None:
            made["on_error"] = self.ids[node.on_error]
        if not activity.fail_job:
            made["fail_job"] = False
        return made

    def _type(self, node: Node, activity: Activity) -> str:
        if activity.type:
            return activity.type
        name = activity.unbound if _TYPE.fullmatch(activity.unbound) else f"unbound.{self.ids[node.id]}"
        self.notes.append(
            f"the activity id {activity.unbound!r} is bound to nothing; {name!r} is written as its type"
        )
        return name


def activity_members(activity: Activity, ids: Mapping[NodeId, str]) -> dict[str, Any]:
    """Return what a node or a binding says about its activity beside the type, defaults left out."""
    made: dict[str, Any] = {} if activity.input is None else {"with": activity.input}
    made |= _given(
        bot=_bot(activity.bot, ids),
        timeout=_timeouts(activity.timeouts),
        retry=_retry(activity.retry),
        on_lost=activity.on_lost,
    )
    if activity.lost_attempts != 3:
        made["lost_attempts"] = activity.lost_attempts
    return made


def _input(spec: InputSpec) -> dict[str, Any]:
    made: dict[str, Any] = {"type": spec.type}
    if spec.default is not None:
        made["default"] = spec.default
    elif not spec.required:
        made["required"] = False
    return {**made, **_given(description=spec.description)}


def _bot(bot: BotSelector, ids: Mapping[NodeId, str]) -> dict[str, Any]:
    same_as = next((name for node, name in ids.items() if node == bot.same_as), bot.same_as)
    return _given(id=bot.id, pool=bot.pool, labels=dict(bot.labels), same_as=same_as)


def _timeouts(timeouts: Timeouts) -> dict[str, Any]:
    names = ("bot", "accept", "heartbeat", "run", "ask")
    pairs = [(name, getattr(timeouts, f"{name}_ms"), getattr(Timeouts(), f"{name}_ms")) for name in names]
    return {name: to_duration(value) for name, value, usual in pairs if value is not None and value != usual}


def _retry(retry: Retry) -> dict[str, Any]:
    usual = Retry()
    made: dict[str, Any] = {}
    if retry.attempts != usual.attempts:
        made["attempts"] = retry.attempts
    if retry.delay_ms != usual.delay_ms:
        made["delay"] = to_duration(retry.delay_ms)
    if retry.backoff != usual.backoff:
        made["backoff"] = retry.backoff
    if retry.max_delay_ms != usual.max_delay_ms:
        made["max_delay"] = to_duration(retry.max_delay_ms)
    return {**made, **_given(on=list(retry.on))}
