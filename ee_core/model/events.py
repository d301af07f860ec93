"""What the engine records: past tense, never changed, the only truth of a job.

All events of one decision are one `Record`. What was evaluated is in the events (pointers followed, rendered
input), so that a replay needs no expression engine and no plugin. Names and fields are a file format: an event
may gain fields with defaults, it never loses or renames one (`tests/replay` holds that).

On disk an event is a JSON object whose member ``e`` is the class name. Arrows are named by the place of the
pointer in its node (``slot``); `ON_ERROR` is the slot of the error pointer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from ee_core.model.ids import BotId, Fence, IncidentId, JobId, NodeId, VisitId, WorkflowHash

ON_ERROR: Final = -1  # the slot of `Node.on_error`
RECORD_VERSION: Final = 1


class Outcome(StrEnum):
    """How a finished job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class EndedBy(StrEnum):
    """What made a job finish."""

    END = "end"  # an End node
    EXHAUSTED = "exhausted"  # no token left (R14)
    FAILURE = "failure"  # an activity failed (R11)
    CANCEL = "cancel"  # R15
    OPERATOR = "operator"  # the choice `fail` of an incident


class IncidentKind(StrEnum):
    """Why a person is asked."""

    NO_BRANCH_TAKEN = "NoBranchTaken"  # R6
    EXPRESSION = "Expression"  # R7
    NO_BOT = "NoBot"  # R9; closes itself
    PLUGIN_MISSING = "PluginMissing"  # R23; closes itself
    LOST = "Lost"  # R20
    CONFLICT = "Conflict"  # the bot knows the attempt from another assignment or with another input
    OVERSIZE = "Oversize"  # R24
    JOIN_STUCK = "JoinStuck"  # R4
    RUNAWAY = "Runaway"  # R29


class Choice(StrEnum):
    """What may be answered to an incident (R28)."""

    RETRY = "retry"  # try the visit again
    TAKE_RESULT = "take_result"  # use the late response that was kept
    SKIP = "skip"  # go on as if it had succeeded, with a given output
    FAIL = "fail"  # the visit fails for good: on_error, else by fail_job and on_failure
    FIRE_JOIN = "fire_join"  # let the join fire with what it has


class Error(msgspec.Struct, frozen=True):
    """An error as it travels: never a class name."""

    code: str  # short, lower case; for programs
    text: str  # for people


class Event(msgspec.Struct, frozen=True, tag_field="e", omit_defaults=True):
    """The base of all events."""


# -- the job -------------------------------------------------------------------------------------------------


class JobAccepted(Event, frozen=True, tag="JobAccepted"):
    """The command became a job; always the first event."""

    workflow: WorkflowHash  # the hash of its content
    name: str  # of the workflow
    digest: str  # of the command's content: the same id with another digest is a conflict (R26)
    version: str = ""  # of the workflow
    inputs: dict[str, Any] = {}  # checked, defaults filled in
    owner: str = ""  # as in the command
    labels: dict[str, str] = {}  # as in the command
    priority: int = 0  # higher first


class JobStarted(Event, frozen=True, tag="JobStarted"):
    """The job was admitted; its first token is made by the events that follow."""


class JobFinished(Event, frozen=True, tag="JobFinished"):
    """The terminal event; visits still open are cancelled by it, waits but drains are dropped."""

    outcome: Outcome  # how it ended
    by: EndedBy  # what ended it
    warnings: int = 0  # visits that failed without failing the job (R12)
    reason: str = ""  # of a cancel, as it was given
    who: str = ""  # likewise
    error: Error | None = None  # of the activity that failed the job


class TombstoneLaid(Event, frozen=True, tag="TombstoneLaid"):
    """A cancel came for a job that is not known (R15); first and only event."""

    reason: str = ""  # as in the command
    who: str = ""  # as in the command


# -- tokens --------------------------------------------------------------------------------------------------


class VisitCreated(Event, frozen=True, tag="VisitCreated"):
    """A token arrived at a node that is no join."""

    visit: VisitId  # the new one
    source: VisitId | None = None  # None for the first token
    slot: int = 0  # the place of the pointer that led here


class TokenQueued(Event, frozen=True, tag="TokenQueued"):
    """A token arrived at an input of a join and waits there."""

    join: NodeId  # where it waits
    source: VisitId  # the visit it comes from
    slot: int  # the place of the pointer that led here


class JoinFired(Event, frozen=True, tag="JoinFired"):
    """A join took one token from each filled input and became a visit; its routing follows."""

    visit: VisitId  # the join's new visit
    inputs: tuple[int, ...]  # places of the inputs it took from, in `CompiledNode.inputs` order
    emptied: bool = False  # join N: the rest of its queues was emptied


class TokensDropped(Event, frozen=True, tag="TokensDropped"):
    """Tokens queued in another join were cancelled because a join N fired (R3)."""

    join: NodeId  # where they waited
    counts: tuple[int, ...]  # dropped per input, from the back of each queue


class VisitRouted(Event, frozen=True, tag="VisitRouted"):
    """The token left: the visit is final and each pointer named is followed."""

    visit: VisitId  # the one that its token left
    slots: tuple[int, ...]  # the places of the pointers that are followed, in order


class VisitVanished(Event, frozen=True, tag="VisitVanished"):
    """A failed token stops travelling (R11 `finish`), or an End's token came to its end."""

    visit: VisitId  # the one whose token is gone


class VisitCancelled(Event, frozen=True, tag="VisitCancelled"):
    """The visit's token was cancelled by a join N (R3); a whole job's are cancelled by `JobFinished`."""

    visit: VisitId  # the one whose token is gone


# -- attempts ------------------------------------------------------------------------------------------------


class AttemptAssigned(Event, frozen=True, tag="AttemptAssigned"):
    """The request counts as sent from here on.

    `bot` is None for idempotent stateless work that any worker may take, and for work that the engine's own
    process does; `fence` and `ledger` are None with it.
    """

    visit: VisitId  # whose attempt it is
    attempt: int  # from 1, never used twice
    bot: BotId | None = None  # who carries it out
    ledger: str | None = None  # the bot's memory that was asked
    fence: Fence | None = None  # the assignment's number
    input: Any = None  # with the visit's first assignment only
    input_hash: str = ""  # hex SHA-256 of the canonical JSON, with the first only
    deadline_us: int | None = None  # when the run time-out passes


class AssignmentVoided(Event, frozen=True, tag="AssignmentVoided"):
    """The bot said `stale`: never started; not counted by `Retry.attempts`."""

    visit: VisitId  # waits for a bot again
    attempt: int  # the one that never started


class AttemptSucceeded(Event, frozen=True, tag="AttemptSucceeded"):
    """The bot's result, or what an operator took or gave in its place."""

    visit: VisitId  # whose attempt it is
    attempt: int  # 0 when an operator skipped before any attempt
    output: Any = None  # plain JSON
    by: str = ""  # "" the bot; "skip" or "take_result" an operator


class AttemptFailed(Event, frozen=True, tag="AttemptFailed"):
    """The attempt failed by the bot's own word, or could not begin (code `no_bot`, attempt 0)."""

    visit: VisitId  # whose attempt it is
    attempt: int  # its number
    error: Error  # as the bot gave it
    retry_at_us: int | None = None  # another attempt follows then; None: failed for good


class AttemptLost(Event, frozen=True, tag="AttemptLost"):
    """Nobody knows what happened; what may have happened is never done again in silence (R20)."""

    visit: VisitId  # whose attempt it is
    attempt: int  # its number
    why: str  # accept, heartbeat, run, bot_dead, lost, stopped, wrong_ledger, crash
    drains: bool  # False when the bot itself said that it does not work


class RetryDue(Event, frozen=True, tag="RetryDue"):
    """The delay is over, an operator asked, or a lost attempt is repeated: the visit may be assigned again."""

    visit: VisitId  # waits for a bot or worker again


# -- after the end of an attempt -------------------------------------------------------------------------------


class LateResponse(Event, frozen=True, tag="LateResponse"):
    """The first terminal answer of an attempt that had ended without it (R17)."""

    visit: VisitId  # whose attempt it was
    attempt: int  # its number
    kind: str  # succeeded, failed, stopped, lost
    output: Any = None  # of a success
    error: Error | None = None  # of a failure


class BotDrained(Event, frozen=True, tag="BotDrained"):
    """The bot proved idle without a word about the attempt."""

    visit: VisitId  # whose attempt it was
    attempt: int  # its number


class BotQuarantined(Event, frozen=True, tag="BotQuarantined"):
    """The bot had no word for the attempt in time; its lock says so since before this record (R16).

    The drain is over for the job. The bot gets no work from any engine until an operator releases it.
    """

    visit: VisitId  # whose attempt it was
    attempt: int  # its number
    bot: BotId  # the one that may still work on it
    reason: str  # as in the lock's record


class AttemptQuestioned(Event, frozen=True, tag="AttemptQuestioned"):
    """The bot went silent and its ledger is asked about the attempt, which is still open (R20 `ask`)."""

    visit: VisitId  # whose attempt it is
    attempt: int  # its number
    why: str  # accept, heartbeat, run, bot_dead


# -- incidents -------------------------------------------------------------------------------------------------


class IncidentOpened(Event, frozen=True, tag="IncidentOpened"):
    """A person is asked; `detail` holds what the text is made of."""

    incident: IncidentId  # `i<k>`, unique in the job
    kind: IncidentKind  # why a person is asked
    choices: tuple[Choice, ...]  # what may be answered
    text: str  # one sentence: thing, place, cure
    visit: VisitId | None = None  # the visit it is about
    node: NodeId | None = None  # with JOIN_STUCK and RUNAWAY
    detail: dict[str, Any] = {}  # e.g. expressions and the values they read


class IncidentClosed(Event, frozen=True, tag="IncidentClosed"):
    """The incident is answered, or its reason is gone."""

    incident: IncidentId  # as when it was opened
    by: str  # a `Choice`, "gone" when the reason went away, "superseded" when the visit ended otherwise


class OperatorActed(Event, frozen=True, tag="OperatorActed"):
    """Who did what and why; its id is applied once per job (R28)."""

    id: str  # of the command
    action: str  # the answer
    who: str = ""  # as in the command
    reason: str = ""  # as in the command


AnyEvent = (
    JobAccepted
    | JobStarted
    | JobFinished
    | TombstoneLaid
    | VisitCreated
    | TokenQueued
    | JoinFired
    | TokensDropped
    | VisitRouted
    | VisitVanished
    | VisitCancelled
    | AttemptAssigned
    | AssignmentVoided
    | AttemptSucceeded
    | AttemptFailed
    | AttemptLost
    | RetryDue
    | LateResponse
    | BotDrained
    | BotQuarantined
    | AttemptQuestioned
    | IncidentOpened
    | IncidentClosed
    | OperatorActed
)


class Record(msgspec.Struct, frozen=True):
    """All events of one decision about one job."""

    job: JobId  # whose decision it was
    index: int  # 0, 1, 2, ... per job, without gap
    at_us: int  # the fact's instant
    events: tuple[AnyEvent, ...]  # never empty
    v: int = RECORD_VERSION  # the version of the record's form
