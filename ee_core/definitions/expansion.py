"""The export form's node types that the core has no kind for: written as nodes that it has.

`expand_node` has the signature of the hook ``ee_expand_node`` and answers it for the core, after all plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.parameters import get_member, read_parameters, read_truth
from ee_core.errors import WorkflowError
from ee_core.model.workflow import Activity, Node, NodeKind
from ee_core.registry import expand_node as ask_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ee_core.contracts.hooks import NodeDraft, WorkflowDraft
    from ee_core.registry import HookCalls

    ExpandNode = Callable[[NodeDraft, WorkflowDraft], Sequence[Node] | None]

FOREIGN_TYPES: Final = ("Trigger", "ConnectorStart", "Label")

_BODIES = ("body", "payload", "data", "content", "json", "text")


def expand_node(node: NodeDraft, workflow: WorkflowDraft) -> Sequence[Node] | None:
    """Expand a Trigger, a ConnectorStart or a Label.

    Raises:
        WorkflowError: A parameter is missing or cannot be read.
    """
    if workflow.scope != "export":
        return None
    match node.kind.lower():
        case "trigger":
            return (_expand_trigger(node),)
        case "connectorstart":
            return _expand_connector_start(node, workflow)
        case "label":
            return ()  # a note in the drawing
    return None


def expand_with(hooks: HookCalls) -> ExpandNode:
    """Return what expands a node by the plugins' hooks, and by the core when none of them knows its type."""

    def expand(node: NodeDraft, workflow: WorkflowDraft) -> Sequence[Node] | None:
        nodes = ask_plugins(hooks, node, workflow)
        return expand_node(node, workflow) if nodes is None else nodes

    return expand


def _expand_trigger(node: NodeDraft) -> Node:
    parameters = read_parameters(node.members)
    url = parameters.get("url") or parameters.get("uri") or parameters.get("endpoint")
    if not isinstance(url, str) or not url.strip():
        raise WorkflowError(f"the trigger {node.name or node.id!r} has no parameter url")
    body = next((parameters[key] for key in _BODIES if key in parameters), None)
    value: dict[str, Any] = {
        "method": str(parameters.get("method") or ("GET" if body is None else "POST")).strip().upper(),
        "url": url.strip(),
        "await_response": read_truth(parameters, "awaitResponse", default=True),
    }
    if headers := _read_headers(parameters.get("headers")):
        value["headers"] = headers
    if body is not None and body != "":
        value["text" if isinstance(body, str) else "json"] = body
    return Node(
        id=node.id,
        kind=NodeKind.ACTIVITY,
        name=node.name,
        description=node.description,
        pointers=node.pointers,
        activity=Activity(
            type="http", input=to_literal(value), fail_job=read_truth(parameters, "FailOnError", default=True)
        ),
    )


def _read_headers(given: Any) -> dict[str, str]:
    """Read headers from a mapping, or from a list of ``{key or name, value}``."""
    if isinstance(given, dict):
        return {name: str(value) for name, value in given.items() if value is not None}
    entries = [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []
    pairs = [
        (get_member(entry, "key") or get_member(entry, "name"), get_member(entry, "value"))
        for entry in entries
    ]
    return {str(name): str(value) for name, value in pairs if name and value is not None}


def _expand_connector_start(node: NodeDraft, workflow: WorkflowDraft) -> tuple[Node, ...]:
    """Take the node away: it says what the platform's own trigger is, and leads to the start (R1)."""
    starts = {each.id for each in workflow.nodes if each.kind.lower() in {"", "start"}}
    astray = [pointer.to for pointer in node.pointers if pointer.to not in starts]
    if astray:
        raise WorkflowError(
            f"the connector start {node.name or node.id!r} points at {astray[0]!r}; it must point at the start"
        )
    return ()


def to_literal(value: Any) -> Any:
    """Return a value as a parameter that means exactly this: the export form has no ``${ }`` in values."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [to_literal(item) for item in value]
    if isinstance(value, dict):
        members: Mapping[str, Any] = value
        return {key: to_literal(item) for key, item in members.items()}
    return value
