"""From the native form to the export form and back.

Each way the document that was converted is kept whole beside the executable part of the new one. Converted back, it is taken
as it was when the executable part is the same, and otherwise what it holds besides is kept node by node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ee_core.definitions.export_document import make_nodes, make_start
from ee_core.definitions.export_merge import find_node_list, merge
from ee_core.definitions.native_document import make_native
from ee_core.errors import WorkflowError

if TYPE_CHECKING:
    from ee_core.definitions.loading import Definition
    from ee_core.model.ids import NodeId
    from ee_core.model.workflow import Workflow

Load = Callable[[Any, Any], "Definition"]  # of a document and its bindings, or None; both plain JSON


@dataclass(slots=True)
class Converted:
    """A document in another form."""

    document: Any
    bindings: dict[str, Any] | None = None  # that go beside it
    notes: list[str] = field(default_factory=list)  # what was not carried over, or is said otherwise


def to_native(definition: Definition, document: Any, bindings: Any, load: Load) -> Converted:
    """Convert a workflow that was loaded of a document.

    Args:
        definition: What was loaded.
        document: Of which: plain JSON.
        bindings: Likewise; None without any.
        load: Loads a document as this one was.
    """
    if definition.extras.get("form") == "native":
        return Converted(document)
    notes = []
    own = document.get("content", document) if isinstance(document, dict) else None
    kept = own.get("native") if isinstance(own, dict) else None
    if isinstance(kept, dict):
        if _still_means(kept, definition, bindings, load):
            return Converted(kept)
        notes.append("the native document that is kept inside is older than the nodes: it is not used")
    made = make_native(definition.workflow)
    written = definition.extras.get("ids", {})
    ids = {name: written.get(node, node) for node, name in made.ids.items()}
    made.document["kept"] = {"document": document, "ids": ids}
    if bindings is not None:
        made.document["kept"]["bindings"] = bindings
    return Converted(made.document, None, [*notes, *made.notes])


def _still_means(kept: Any, definition: Definition, bindings: Any, load: Load) -> bool:
    """Say whether a native document is what an export document was made of."""
    try:
        again = _make_whole(load(kept, None).workflow, kept)
        return load(again.document, bindings).hash == definition.hash
    except WorkflowError:
        return False


def to_export(definition: Definition, document: Any, load: Load) -> Converted:
    """Convert a workflow that was loaded of a document; as `to_native`."""
    if definition.extras.get("form") == "export":
        return Converted(document)
    kept = definition.extras.get("kept")
    if not isinstance(kept, dict) or "document" not in kept:
        return _make_whole(definition.workflow, document)
    bindings = kept.get("bindings")
    try:
        before = make_native(load(kept["document"], bindings).workflow)
        first = load(before.document, None)
    except WorkflowError:
        made = _make_whole(definition.workflow, document)
        made.notes.insert(0, "the document that is kept inside does not load any more: it is not used")
        return made
    if first.hash == definition.hash:
        return Converted(kept["document"], bindings)
    ids: dict[NodeId, str] = kept.get("ids", {})
    return Converted(*merge(kept["document"], bindings, first.workflow, definition.workflow, ids))


def _make_whole(workflow: Workflow, native: Any) -> Converted:
    made = make_nodes(workflow, {}, {})
    content: dict[str, Any] = {"name": workflow.name}
    content |= {
        key: text
        for key, text in (("version", workflow.version), ("description", workflow.description))
        if text
    }
    content["workflow"] = [make_start(workflow.start), *made.nodes.values()]
    content["native"] = native
    assert find_node_list({"content": content}) is content["workflow"], "what is read back"
    return Converted({"metadata": {"name": workflow.name}, "content": content}, made.bindings, made.notes)
