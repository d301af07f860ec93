"""What the expressions of a workflow may read, as declared to the language when they are compiled.

Declared so that a misspelt node or input is found at load time; what a name holds is known by its type where that
cannot differ, else it is dyn: a number may be whole or not, an optional input null, an output anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.contracts.expression import Names
from ee_core.model.workflow import NodeKind

if TYPE_CHECKING:
    from ee_core.model.workflow import InputSpec, Workflow

_JOB: Final = {  # as in `ee_core.model.context`
    "job.id": "string",
    "job.name": "string",
    "job.version": "string",
    "job.owner": "string",
    "job.priority": "int",
    "job.labels": "map",
}
_TYPES: Final = {"string": "string", "integer": "int", "boolean": "bool", "object": "map", "array": "list"}


def names_of(workflow: Workflow) -> Names:
    """Return the names of a workflow's scope."""
    if workflow.scope == "export":
        # Each top-level key of an output or the inputs is a word of its own; no file says which there will be.
        return Names({"context": "map"}, open=True)
    types = {**_JOB, **{f"inputs.{name}": _type_of(spec) for name, spec in workflow.inputs.items()}}
    for node in workflow.nodes:
        types[f"nodes.{node.id}.visits"] = "int"
        if node.kind is NodeKind.ACTIVITY:
            types[f"nodes.{node.id}.output"] = "dyn"
            types[f"nodes.{node.id}.error"] = "dyn"
    return Names(types)


def _type_of(spec: InputSpec) -> str:
    may_be_null = not spec.required and spec.default is None
    return "dyn" if may_be_null else _TYPES.get(spec.type, "dyn")
