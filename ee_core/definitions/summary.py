"""A workflow in words, for a person who reads it for the first time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.durations import to_duration
from ee_core.definitions.native_document import activity_members
from ee_core.model.workflow import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ee_core.definitions.loading import Definition
    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Activity, InputSpec, Node, Pointer, Workflow

_WIDTH: Final = 100  # letters of a value


def to_summary(definition: Definition) -> str:
    """Return lines about the workflow, its inputs, and each node in file order."""
    workflow = definition.workflow
    version = f"@{workflow.version}" if workflow.version else ""
    nodes = len(workflow.nodes)
    lines = [f"{workflow.name}{version}, {nodes} node{'s' if nodes != 1 else ''}, {definition.hash[:12]}"]
    if workflow.description:
        lines.append(_flow(workflow.description))
    if workflow.on_failure == "finish":
        lines.append("when a node fails for good, the other branches go on")
    lines += _inputs(workflow)
    titles = {node.id: _title(node) for node in workflow.nodes}
    for node in workflow.nodes:
        lines += ["", *_node(node, titles, is_start=node.id == workflow.start)]
    return "\n".join(lines) + "\n"


def _flow(text: str) -> str:
    return " ".join(text.split())


def _inputs(workflow: Workflow) -> Iterator[str]:
    if workflow.inputs:
        yield ""
        yield "inputs:"
    for name, spec in workflow.inputs.items():
        said = f"  # {_flow(spec.description)}" if spec.description else ""
        yield f"  {name}: {_input(spec)}{said}"
    if workflow.open_inputs:
        yield "inputs that are not declared are taken too"


def _input(spec: InputSpec) -> str:
    if spec.required:
        return spec.type
    return (
        f"{spec.type}, {'may be left out' if spec.default is None else f'without it {_value(spec.default)}'}"
    )


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = _flow(text)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _title(node: Node) -> str:
    return f'{node.id} "{_flow(node.name)}"' if node.name and node.name != node.id else str(node.id)


def _node(node: Node, titles: Mapping[NodeId, str], *, is_start: bool) -> Iterator[str]:
    said = ", the start" if is_start and node.kind is not NodeKind.START else ""
    yield f"{titles[node.id]}: {_kind(node)}{said}"
    if node.description:
        yield f"  # {_flow(node.description)}"
    if node.activity is not None:
        yield from (f"  {line}" for line in _activity(node.activity))
    for pointer in node.pointers:
        yield f"  -> {titles[pointer.to]}{_condition(pointer)}"
    if node.on_error is not None:
        yield f"  -> {titles[node.on_error]}, when it failed for good"
    if not node.pointers and node.kind is not NodeKind.END:
        yield "  a token ends here"


def _kind(node: Node) -> str:
    match node.kind:
        case NodeKind.ACTIVITY if node.activity is not None:
            kind = node.activity.type or f"activity id {node.activity.unbound}, bound to nothing"
            return f"{kind}{', needs no bot' if node.activity.stateless else ''}"
        case NodeKind.JOIN:
            return f"join {node.join}"
        case NodeKind.END:
            return f"end, {node.outcome}"
    return str(node.kind)


def _condition(pointer: Pointer) -> str:
    if pointer.otherwise:
        return ", otherwise"
    return f", when {_flow(pointer.when)}" if pointer.when else ""


def _activity(activity: Activity) -> Iterator[str]:
    members = activity_members(activity, {})
    given = members.get("with")
    pairs = given.items() if isinstance(given, dict) else [] if given is None else [("input", given)]
    yield from (f"{name} = {_value(value)}" for name, value in pairs)
    if bot := members.get("bot"):
        yield "bot: " + ", ".join(f"{key} {_labels(value)}" for key, value in bot.items())
    if timeouts := members.get("timeout"):
        yield "time-outs: " + ", ".join(f"{key} {value}" for key, value in timeouts.items())
    if activity.retry.attempts > 1:
        retry = activity.retry
        more = f", if the code is {' or '.join(retry.on)}" if retry.on else ""
        yield f"up to {retry.attempts} attempts, the second after {to_duration(retry.delay_ms)}{more}"
    if activity.on_lost:
        yield f"when an attempt is lost: {activity.on_lost}"
    if not activity.fail_job:
        yield "a failure does not fail the job"


def _labels(value: Any) -> str:
    return (
        ", ".join(f"{key}={label}" for key, label in value.items()) if isinstance(value, dict) else str(value)
    )
