"""What a hook is told, and what it may answer: snapshots and answers of `ee_core.hookspecs`.

All are frozen and hold no reference into the engine, so a hook may keep them and can change nothing by them.
They may gain fields with defaults; none is ever lost or renamed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

from ee_core.model.workflow import BotSelector, Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.model.ids import BotId, JobId, NodeId, VisitId, WorkflowHash
    from ee_core.model.workflow import Pointer


# -- executor ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeDraft:
    """A node as its file has it, before it is one of the core's kinds."""

    id: NodeId  # as written, or made of it where it is no token
    kind: str  # as written: ``Trigger``, ``Label``, or a kind of yours
    name: str = ""  # what people call it
    description: str = ""  # for people
    pointers: tuple[Pointer, ...] = ()  # in file order
    members: Mapping[str, Any] = field(default_factory=dict)  # all other members of the node, as plain JSON


@dataclass(frozen=True, slots=True)
class WorkflowDraft:
    """A workflow as its file has it, before its nodes are expanded."""

    name: str  # the workflow's
    scope: Literal["native", "export"]  # the form of the file
    nodes: tuple[NodeDraft, ...]  # in file order


@dataclass(frozen=True, slots=True)
class VisitView:
    """One token at an activity node."""

    job: JobId  # the job's id
    visit: VisitId  # `node#k`
    node: NodeId  # the node's id
    workflow: str  # its name; empty for a job that rests, like all that follows from it alone: owner, labels, priority
    activity: str  # the activity type
    retry: Retry = field(default_factory=Retry)  # the node's retry policy
    selector: BotSelector = field(default_factory=BotSelector)  # which bots the node wants
    owner: str = ""  # the job's
    labels: Mapping[str, str] = field(default_factory=dict)  # the job's
    priority: int = 0  # the job's
    since_us: int = 0  # when the token arrived


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt that failed by the bot's own word."""

    number: int  # the attempt's own, from 1; voided and lost ones have numbers too
    failures: int  # failed attempts of the visit, this one included: what `Retry.attempts` counts
    retryable: bool | None = None  # the activity author's advice; None: gave none
    retry_after_ms: int | None = None  # likewise: not sooner
    bot: BotId | None = None  # None for stateless work


class GiveUp(Enum):
    """The type of `GIVE_UP`, an answer that differs from None, which is no answer."""

    GIVE_UP = "give_up"


GIVE_UP: Final = GiveUp.GIVE_UP


# -- reactor -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BotView:
    """A bot that is free and fits."""

    id: BotId  # the bot's
    labels: Mapping[str, str] = field(default_factory=dict)  # as the bot said hello
    activities: tuple[str, ...] = ()  # types it serves, sorted
    last_used_us: int | None = None  # end of its last assignment by this engine; None: none yet


# -- spawner -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """A job that asks to be started."""

    job: JobId  # its id
    workflow: str  # its name
    version: str = ""  # the workflow's
    hash: WorkflowHash | None = None  # the workflow's
    owner: str = ""  # as in the command
    labels: Mapping[str, str] = field(default_factory=dict)  # as in the command
    priority: int = 0  # as in the command
    inputs: Mapping[str, Any] = field(default_factory=dict)  # checked, defaults filled in
    held_since_us: int | None = None  # it was held before and is asked again; None: asked for the first time


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What this engine has in hand; the job that asks is not counted."""

    open_jobs: int  # started and not over, drains included
    held_jobs: int = 0  # accepted and held by an admission hook
    waiting_visits: int = 0  # visits that wait for a bot


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer to an admission: no, and never; the command is answered with this error."""

    text: str  # for people: thing, reason, cure
    code: str = "refused"  # short, lower case


@dataclass(frozen=True, slots=True)
class Hold:
    """Answer to an admission: not now; asked again whenever a job of this engine ends."""

    reason: str  # for people: what it waits for


# -- broker --------------------------------------------------------------------------------------------------


class Direction(StrEnum):
    """Which way a message goes, seen from this process."""

    OUT = "out"
    IN = "in"


class MessageOutcome(StrEnum):
    """What became of a message."""

    PUBLISHED = "published"  # out: the broker has it
    FAILED = "failed"  # out: not accepted in time, or too large
    RECEIVED = "received"  # in: for the first time
    REDELIVERED = "redelivered"  # in: it came before
    POISON = "poison"  # in: nobody can use it; set aside
