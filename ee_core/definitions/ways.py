"""Whether a job can come to a node without another one: what an expression may find missing.

A cautious guess for a warning. A join that waits for all its inputs is come to only when each input can be: what
one branch did is known after it. That an input of a `reachable` join may be skipped is left out of account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.errors import WorkflowError
from ee_core.model.events import ON_ERROR
from ee_core.model.graph import build
from ee_core.model.workflow import NodeKind

if TYPE_CHECKING:
    from ee_core.model.graph import Graph
    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Workflow


class Ways:
    """The ways through one workflow; each question about a node is worked out once."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._graph: Graph | None
        try:
            self._graph = build(workflow)
        except WorkflowError:
            self._graph = None  # soundness has told already
        self._without: dict[tuple[NodeId, bool], frozenset[int]] = {}

    def can_miss(self, node: NodeId, *, before: NodeId, is_after: bool, failed: bool = False) -> bool:
        """Return whether a token can be at a node while another has never ended.

        Args:
            node: The one that is read.
            before: The one that reads.
            is_after: It reads when it has ended itself, as the conditions of its pointers do.
            failed: That the other failed, and the job went on, counts as never ended.
        """
        if self._graph is None or node not in self._graph.index:
            return False
        if is_after and node == before:
            return False
        key = (node, failed)
        if key not in self._without:
            self._without[key] = self._come_to_without(self._graph.index[node], failed=failed)
        return self._graph.index[before] in self._without[key]

    def _come_to_without(self, avoided: int, *, failed: bool) -> frozenset[int]:
        """Return the nodes that a token can come to without passing through another, or through its success."""
        graph = self._graph
        if graph is None:
            return frozenset()
        come = {graph.start}
        filled: dict[int, set[int]] = {}
        walk = [graph.start]
        while walk:
            number = walk.pop()
            for arrow in graph.out[number]:
                if number == avoided and not (failed and self._is_of_failure(number, arrow)):
                    continue  # one may be at the node itself, but not behind it
                target = graph.arrows[arrow].target
                filled.setdefault(target, set()).add(arrow)
                if target not in come and len(filled[target]) >= self._wanted(target):
                    come.add(target)
                    walk.append(target)
        return frozenset(come)

    def _is_of_failure(self, number: int, arrow: int) -> bool:
        """Say whether a node's arrow may be followed when the node has failed."""
        assert self._graph is not None, "it has arrows"
        node = self._workflow.nodes[number]
        if node.on_error is not None:
            return self._graph.arrows[arrow].slot == ON_ERROR
        return node.activity is not None and not node.activity.fail_job

    def _wanted(self, number: int) -> int:
        node = self._workflow.nodes[number]
        if node.kind is not NodeKind.JOIN or self._graph is None:
            return 1
        return node.join if isinstance(node.join, int) else len(self._graph.inputs[number])
