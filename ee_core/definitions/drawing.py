"""A workflow as a drawing in Mermaid, which GitHub, GitLab and many editors show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ee_core.model.events import ON_ERROR
from ee_core.model.graph import targets_of
from ee_core.model.workflow import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Node, Workflow

_LONGEST: Final = 60  # letters of a label
_SHAPES: Final = {
    NodeKind.START: '(["{}"])',
    NodeKind.ACTIVITY: '["{}"]',
    NodeKind.PARALLEL: '{{{{"{}"}}}}',
    NodeKind.JOIN: '{{{{"{}"}}}}',
    NodeKind.EXCLUSIVE: '{{"{}"}}',
    NodeKind.INCLUSIVE: '{{"{}"}}',
    NodeKind.END: '(["{}"])',
}


def to_mermaid(
    workflow: Workflow,
    *,
    direction: str = "TD",
    line_break: str = "<br/>",
    begin: str = "(( ))",
    is_brief: bool = False,
) -> str:
    """Return the text of a flowchart: a line for each node in file order, then one for each pointer.

    Args:
        direction: ``TD`` from above, ``LR`` from the left.
        line_break: What parts the lines of a label.
        begin: The shape from which the arrow to the start comes, where that is not a node of its own kind.
        is_brief: Leaves the kinds and activity types out.
    """

    def label(node: Node) -> str:
        words = [node.name or node.id] if is_brief else _words(node)
        return line_break.join(_escape(word) for word in words)

    # `end` is a word of Mermaid's, and ids of the export form may hold anything, so nodes are numbered.
    numbers = {node.id: f"n{number}" for number, node in enumerate(workflow.nodes)}
    lines = [f"  {numbers[node.id]}{_SHAPES[node.kind].format(label(node))}" for node in workflow.nodes]
    start = next(node for node in workflow.nodes if node.id == workflow.start)
    lines += [f"  begin{begin} --> {numbers[start.id]}"] * (start.kind is not NodeKind.START)
    lines += [f"  {line}" for node in workflow.nodes for line in _arrows(node, numbers)]
    return "\n".join([f"flowchart {direction}", *lines]) + "\n"


def _arrows(node: Node, numbers: dict[NodeId, str]) -> Iterator[str]:
    for slot, target in targets_of(node):
        arrow = "-->"
        if slot == ON_ERROR:
            arrow = "-. error .->"
        elif node.pointers[slot].otherwise:
            arrow = "-->|otherwise|"
        elif node.pointers[slot].when:
            arrow = f'-->|"{_escape(node.pointers[slot].when)}"|'
        yield f"{numbers[node.id]} {arrow} {numbers[target]}"


def _words(node: Node) -> list[str]:
    words = [node.name or node.id]
    if node.activity is not None:
        words.append(node.activity.type or node.activity.unbound)
    elif node.kind is NodeKind.JOIN:
        words.append(f"join {node.join}")
    elif node.kind is NodeKind.END:
        words.append(node.outcome)
    elif node.kind is not NodeKind.START:
        words.append(node.kind)
    return list(dict.fromkeys(words))


def _escape(text: str) -> str:
    """Return text that means itself inside quotes; marks of Mermaid and of HTML by their numbers."""
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return re.sub(r'["#<>&`\\;]', lambda match: f"#{ord(match[0])};", cut)
