"""What a form of file is read to: the workflow as written, and where its parts stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ee_core.definitions.diagnostics import Place
    from ee_core.definitions.items import Item
    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Workflow


@dataclass(slots=True)
class Places:
    """Where the parts of a workflow stand; a part that the file does not name is missing."""

    workflow: Place
    start: Place | None = None
    nodes: dict[NodeId, Place] = field(default_factory=dict)
    pointers: dict[tuple[NodeId, int], Place] = field(default_factory=dict)  # by slot, as in `model.graph`
    conditions: dict[tuple[NodeId, int], Item] = field(default_factory=dict)  # likewise; the item is text
    inputs: dict[NodeId, Item] = field(default_factory=dict)  # of an activity
    types: dict[NodeId, Place] = field(default_factory=dict)  # where an activity type is named
    same_as: dict[NodeId, Place] = field(default_factory=dict)
    selectors: dict[NodeId, dict[str, Place]] = field(default_factory=dict)  # `id`, `pool`, or a label's name
    on_lost: dict[NodeId, Place] = field(default_factory=dict)

    def of(self, node: NodeId | None, slot: int | None = None) -> Place:
        """Return the nearest place that is known for a node or one of its pointers."""
        if node is None:
            return self.start or self.workflow
        found = self.pointers.get((node, slot)) if slot is not None else None
        return found or self.nodes.get(node) or self.workflow


@dataclass(slots=True)
class Draft:
    """A workflow before its activity types and expressions are looked at."""

    workflow: Workflow
    places: Places
    extras: dict[str, Any] = field(default_factory=dict)  # kept beside, not hashed
