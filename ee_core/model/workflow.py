"""The content of a workflow: what is hashed, stored and obeyed, whatever form it was written in.

A `Workflow` is plain data: its canonical JSON is what the hash is taken of, and a job keeps the content it was
accepted with (R25). Defaults are filled in and node ids resolved before; nothing here checks anything
(`soundness` does) and nothing here is fast (`compiled` is).
"""

from __future__ import annotations

import functools
import hashlib
from enum import StrEnum
from typing import Any, Literal

import msgspec

from ee_core.model.ids import NodeId, WorkflowHash


class NodeKind(StrEnum):
    """The closed set of node kinds; every form of file is expanded to these."""

    START = "start"  # export form only; routes as inclusive
    ACTIVITY = "activity"  # routes as inclusive when it ended
    PARALLEL = "parallel"  # follows every pointer
    JOIN = "join"  # waits by `Node.join`, then follows every pointer
    EXCLUSIVE = "exclusive"  # follows the first true pointer
    INCLUSIVE = "inclusive"  # follows every true pointer
    END = "end"  # finishes the job


OnLost = Literal["", "retry", "incident", "ask"]  # what follows when nobody knows what became of an attempt


class Pointer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An arrow to another node."""

    to: NodeId
    when: str = ""  # expression source; "" means always
    otherwise: bool = False  # followed when no other pointer of the node was


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often and how soon a failed attempt is followed by another."""

    attempts: int = 1  # in all, >= 1
    delay_ms: int = 1000  # before the second attempt
    backoff: float = 2.0  # factor from one delay to the next, >= 1
    max_delay_ms: int = 300_000
    on: tuple[
        str, ...
    ] = ()  # error codes that are retried; empty: all that the author did not call permanent


class Timeouts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The four time-outs of R21, and the one of asking a ledger (R20), in milliseconds; None means no limit."""

    bot_ms: int | None = None  # waiting for a bot
    accept_ms: int = 10_000  # from the request to `accepted`
    heartbeat_ms: int = 15_000  # between two signs of life
    run_ms: int | None = None  # from `accepted` to the end; recorded as at + accept + run
    ask_ms: int = 30_000  # from the question to the ledger's answer; with `Activity.on_lost` "ask"


class BotSelector(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which bots may carry out an activity (R9); empty means any that serves the type."""

    id: str = ""
    pool: str = ""  # matches the label ``pool``
    labels: dict[str, str] = {}  # all must be equal
    same_as: str = ""  # node id: the bot that carried out that node's last ended or active visit


class Activity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an activity node does, and who may do it."""

    type: str  # entry-point name; "" = an export activity id that is bound to nothing (R23)
    input: Any = None  # JSON with ``${ expr }`` in strings, rendered once per visit
    stateless: bool = False  # needs no bot (R9a)
    idempotent: bool = False  # may be carried out more than once
    bot: BotSelector = BotSelector()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    fail_job: bool = True
    unbound: str = ""  # the export activity id when `type` is ""
    on_lost: OnLost = ""  # R20; "": "retry" when idempotent, else "incident"
    lost_attempts: int = 3  # lost attempts in all, of which all but the last are repeated; >= 1


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step: its kind, its arrows in order, and what belongs to its kind."""

    id: NodeId
    kind: NodeKind
    name: str = ""
    description: str = ""
    pointers: tuple[Pointer, ...] = ()
    on_error: NodeId | None = None  # activity only: an extra pointer, followed when it failed for good
    activity: Activity | None = None  # activity only
    join: Literal["reachable", "all"] | int = "reachable"  # join only
    outcome: Literal["succeeded", "failed"] = "succeeded"  # end only


class InputSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One declared job input."""

    type: Literal["string", "integer", "number", "boolean", "object", "array", "any"] = "any"
    required: bool = True  # False when a default is given
    default: Any = None
    description: str = ""


class Workflow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A definition as it is executed: nodes and pointers; immutable."""

    name: str
    start: NodeId
    nodes: tuple[Node, ...]  # in file order, which is the last rule of R4's rank
    version: str = ""
    description: str = ""
    inputs: dict[str, InputSpec] = {}
    open_inputs: bool = False  # export form: undeclared inputs are accepted
    on_failure: Literal["stop", "finish"] = "stop"  # R11
    scope: Literal["native", "export"] = "native"  # how expressions name the context
    language: str = "cel"  # entry point of group ee.expressions
    format: int = 1


def to_content(workflow: Workflow) -> bytes:
    """Return the canonical JSON of a workflow: sorted keys, no white space, defaults left out."""
    return msgspec.json.encode(_without_defaults(workflow), order="sorted")


def _without_defaults(value: Any) -> Any:
    """Return a value as builtins; equal workflows give equal ones, however they were made.

    The encoder's own `omit_defaults` asks whether a text *is* the default, not whether it equals it.
    """
    if isinstance(value, msgspec.Struct):
        fields = ((field, getattr(value, field.name)) for field in _fields(type(value)))
        return {
            field.encode_name: _without_defaults(member)
            for field, member in fields
            if not (_is_default(field, member))
        }
    if isinstance(value, list | tuple):
        return [_without_defaults(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_defaults(item) for key, item in value.items()}
    return value


@functools.cache  # msgspec evaluates the annotations each time
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _is_default(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    if field.default is not msgspec.NODEFAULT:
        # 0, 0.0 and False are equal to each other and differ in JSON
        return type(value) is type(field.default) and bool(value == field.default)
    return field.default_factory is not msgspec.NODEFAULT and bool(value == field.default_factory())


def from_content(content: bytes) -> Workflow:
    """Read canonical content back.

    Raises:
        msgspec.ValidationError: The bytes are no workflow of this version.
    """
    return msgspec.json.decode(content, type=Workflow)


def content_hash(content: bytes) -> WorkflowHash:
    """Return the hex SHA-256 that names a content."""
    return WorkflowHash(hashlib.sha256(content).hexdigest())
