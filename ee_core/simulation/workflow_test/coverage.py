"""Which pointers of a workflow no test has followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ee_core.model.events import ON_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ee_core.model.workflow import Node, Pointer, Workflow
    from ee_core.simulation.workflow_test.run import Run


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the runs of a workflow have come.

    Attributes:
        never: The pointers that no run followed, as text, in file order.
    """

    workflow: str
    pointers: int
    never: tuple[str, ...]


def measure(workflow: Workflow, runs: Iterable[Run]) -> Coverage:
    """Say which pointers some runs of a workflow have followed."""
    followed = {pair for run in runs for pair in run.followed}
    texts = dict(_pointers(workflow))
    never = tuple(text for pair, text in texts.items() if pair not in followed)
    return Coverage(workflow.name, len(texts), never)


def _pointers(workflow: Workflow) -> Iterator[tuple[tuple[str, int], str]]:
    for node in workflow.nodes:
        for slot, pointer in enumerate(node.pointers):
            yield (node.id, slot), f"{node.id} -> {pointer.to}{_condition(node, pointer)}"
        if node.on_error is not None:
            yield (node.id, ON_ERROR), f"{node.id} -> {node.on_error} (on_error)"


def _condition(node: Node, pointer: Pointer) -> str:
    if pointer.otherwise:
        return " (otherwise)"
    return f" (when {pointer.when})" if pointer.when else ""
