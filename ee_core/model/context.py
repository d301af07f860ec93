"""What an expression sees: the context up to the present place of the decision, read by name (design, section 4).

A name without a value raises KeyError, as a Mapping does; the language makes an error of it when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ee_core.model.draft import Draft
from ee_core.model.events import JobAccepted
from ee_core.model.expression import Program, Scope
from ee_core.model.ids import NodeId
from ee_core.model.job import Job

_JOB_FIELDS: Final = frozenset({"name", "version", "owner", "priority", "labels"})
_MAX_VALUE_BYTES: Final = 200  # of one value shown to a person
_MAX_VALUES: Final = 20
# What an expression reads are outputs: only a branch that is still on its way, or comes by again, gives new ones.
CURE: Final = (
    "mend the workflow and submit it anew; a retry helps only when another branch changes what was read"
)


class NativeScope(Mapping[str, Any]):
    """The context as native expressions name it; evaluated when read."""

    __slots__ = ("_draft",)

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def __getitem__(self, name: str) -> Any:
        head, _, rest = name.partition(".")
        if head == "inputs":
            return _origin(self._draft).inputs[rest]
        if head == "nodes":
            return self._node(rest)
        if head == "job":
            return _job_field(self._draft, rest)
        raise KeyError(name)

    def _node(self, path: str) -> Any:
        node, _, member = path.rpartition(".")
        number = self._draft.workflow.graph.index[NodeId(node)]
        if member == "visits":
            return self._draft.ended(number)
        result = self._draft.result(number)
        if member == "output" and result.output is not None:
            return result.output[0]
        if member == "error" and result.error is not None:
            return {"code": result.error.code, "text": result.error.text}
        raise KeyError(f"nodes.{path}")

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a scope is read by name")

    def __len__(self) -> int:
        raise TypeError("a scope is read by name")


class ExportScope(Mapping[str, Any]):
    """The context as export expressions name it: bare keys, the last in journal order wins, and `context`."""

    __slots__ = ("_draft",)

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def __getitem__(self, name: str) -> Any:
        recorded = self._draft.job.keys if self._draft.accepted is None else self._draft.accepted.inputs
        if name == "context":
            return {**recorded, **self._draft.keys}
        if name in self._draft.keys:
            return self._draft.keys[name]
        return recorded[name]

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a scope is read by name")

    def __len__(self) -> int:
        raise TypeError("a scope is read by name")


def scope_of(draft: Draft) -> Scope:
    """Return the names an expression of the draft's workflow may read, as they stand now."""
    return NativeScope(draft) if draft.workflow.workflow.scope == "native" else ExportScope(draft)


def _origin(draft: Draft) -> Job | JobAccepted:
    """Return what knows the job's inputs and fields: in its first decision the job itself knows nothing yet."""
    return draft.job if draft.accepted is None else draft.accepted


def _job_field(draft: Draft, name: str) -> Any:
    if name == "id":
        return draft.job.id
    if name not in _JOB_FIELDS:
        raise KeyError(f"job.{name}")
    return getattr(_origin(draft), name)


def values_read(programs: tuple[Program, ...], scope: Scope) -> dict[str, Any]:
    """Return what programs may read, for a person: few and short; a name without a value is left out."""
    values: dict[str, Any] = {}
    for name in dict.fromkeys(name for program in programs for name in program.references):
        if len(values) == _MAX_VALUES:
            break
        try:
            value = scope[name]
        except KeyError:
            continue
        text = msgspec.json.encode(value).decode()
        values[name] = value if len(text) <= _MAX_VALUE_BYTES else f"{text[:_MAX_VALUE_BYTES]}..."
    return values
