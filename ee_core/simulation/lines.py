"""What happens in a simulated run, one line each, in the words of those who can see it.

A line is added by whoever sees the thing happen, at the moment it happens: a commit when the journal has stored it,
not when the engine learns of it. So the place of a line among the others is the order of the run, also where many
things happen at one instant. `at_us` is the one true time of the simulated world, not a clock that a fault lets jump.

The lines of clients, bots, lock, journal and broker are written by wrappers around the real parts, never by the
engine under test: what it says of itself stands in `Committed` and in `ee_core.simulation.history.Final` alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from ee_core.messages.activity import ResponseKindName
from ee_core.model.events import Error, Record
from ee_core.model.ids import BotId, Fence, JobId, VisitId

CommandKind = Literal["execute", "cancel", "operate"]


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", omit_defaults=True):
    """The base of all lines."""

    at_us: int  # true time of the simulated world; never falls from one line to the next


# -- clients -------------------------------------------------------------------------------------------------


class CommandSent(Line, frozen=True, kw_only=True, tag="CommandSent"):
    """A client hands a command to the broker; sending it again is another line."""

    key: str  # the client's own name for the command, the same when it sends it again
    kind: CommandKind  # what it wants
    job: JobId | None = None  # None: the engine derives the id (execute only)
    content: str = ""  # of an execute: any text that is equal for equal commands
    action: str = ""  # of an operate: its id


class CommandAnswered(Line, frozen=True, kw_only=True, tag="CommandAnswered"):
    """A client has an answer in its hands."""

    key: str  # of the command
    job: JobId | None = None  # as answered
    status: str = ""  # accepted, known, cancelled, finished, applied, unknown
    error: str = ""  # the code; "": it was not refused


# -- engines -------------------------------------------------------------------------------------------------


class EngineStarted(Line, frozen=True, kw_only=True, tag="EngineStarted"):
    """A life of an engine begins."""

    engine: str  # its id, new for each life


class EngineEnded(Line, frozen=True, kw_only=True, tag="EngineEnded"):
    """A life of an engine is over: nothing of it runs any more."""

    engine: str
    # killed: by a fault; lost: its partition; unavailable: a part that it needs was not there;
    # quarantined: its partition ended one engine after the other (R27); failed: an error of its own
    how: Literal["stopped", "killed", "lost", "unavailable", "quarantined", "failed"]
    detail: str = ""  # of the error


class PartitionOpened(Line, frozen=True, kw_only=True, tag="PartitionOpened"):
    """The journal has stored a new epoch."""

    engine: str  # the writer from here on
    partition: int
    epoch: int
    position: int  # of the last commit before it


class Committed(Line, frozen=True, kw_only=True, tag="Committed"):
    """The journal has stored a commit, whatever its writer will hear of it. A repeat that is stored once is one line."""

    engine: str  # who asked for it
    partition: int
    position: int  # in the partition, from 1
    epoch: int  # of the writer
    records: tuple[Record, ...] = ()  # as encoded, in order
    damaged: tuple[tuple[JobId, int], ...] = ()  # job and index of records that a fault made unreadable


class RequestSent(Line, frozen=True, kw_only=True, tag="RequestSent"):
    """The broker took a request of an engine for a bot or a worker."""

    engine: str
    bot: BotId | None = None  # None: any worker
    job: JobId
    visit: VisitId
    attempt: int
    fence: Fence | None = None
    ledger: str | None = None
    input_hash: str = ""


class ResponseSettled(Line, frozen=True, kw_only=True, tag="ResponseSettled"):
    """An engine was done with a bot's word, and acknowledged it to the broker, which may not have heard that."""

    engine: str
    bot: BotId
    job: JobId
    visit: VisitId | None = None  # None: a word that says not what it is about
    attempt: int | None = None
    fence: Fence | None = None
    kind: ResponseKindName


class ResponseAcked(Line, frozen=True, kw_only=True, tag="ResponseAcked"):
    """An engine told a bot that its word has come (`activity.ack`)."""

    engine: str
    bot: BotId
    job: JobId
    visit: VisitId
    attempt: int
    fence: Fence | None = None
    verdict: Literal["recorded", "late", "unknown"]


class CommandSettled(Line, frozen=True, kw_only=True, tag="CommandSettled"):
    """An engine was done with a command on `jobs.command.<partition>`, and acknowledged it; the broker may not have heard that."""

    engine: str
    job: JobId
    kind: CommandKind
    action: str = ""  # of an operate: its id
    refused: bool = False  # answered with an error, or set aside: nothing is recorded


class EventShown(Line, frozen=True, kw_only=True, tag="EventShown"):
    """An observer was shown an event: by `jobs.events.<job>`, or by the hook `ee_on_event`."""

    engine: str
    job: JobId
    record: int  # the record's index
    name: str  # of the event


class CancelTaken(Line, frozen=True, kw_only=True, tag="CancelTaken"):
    """A bot acknowledged to the broker the delivery of a cancel: from here on it must stop what it names."""

    bot: BotId
    job: JobId
    visit: VisitId
    attempt: int
    fence: Fence | None = None


class LeaseWritten(Line, frozen=True, kw_only=True, tag="LeaseWritten"):
    """The lock provider has stored a bot's record."""

    engine: str  # who asked for it
    bot: BotId
    lease: int  # the number
    state: Literal["free", "held", "draining", "unknown", "quarantined"]
    holder: str | None = None  # None: released
    reason: str = ""  # of a quarantine
    robbed: bool = False  # another engine held it, whose key lived


# -- bots and workers ----------------------------------------------------------------------------------------


class BotStarted(Line, frozen=True, kw_only=True, tag="BotStarted"):
    """A process life of a bot or worker begins."""

    bot: BotId
    instance: str  # new for each life
    ledger: str  # another one than in the life before: its disk was lost
    worker: bool = False  # carries out `_any` work, several at once


class BotEnded(Line, frozen=True, kw_only=True, tag="BotEnded"):
    """A process life is over, and with it all that it carried out."""

    bot: BotId
    instance: str
    how: Literal["stopped", "killed"]


class ActivityStarted(Line, frozen=True, kw_only=True, tag="ActivityStarted"):
    """The code of an activity is called."""

    work: str  # names this one call; no other has it
    by: Literal["bot", "worker", "engine"]  # engine: work of the engine's own process (R9a)
    bot: BotId | None = None  # the bot or worker; None by an engine
    instance: str  # the bot's or worker's process life; by an engine: the engine's id
    job: JobId
    visit: VisitId
    attempt: int
    fence: Fence | None = None
    ledger: str | None = None
    activity: str = ""  # its type
    idempotent: bool = False  # as the workflow's content says


class EffectDone(Line, frozen=True, kw_only=True, tag="EffectDone"):
    """The activity did the one thing that the world sees."""

    work: str
    name: str = ""


class ActivityEnded(Line, frozen=True, kw_only=True, tag="ActivityEnded"):
    """The code of an activity is over; what ends with its process has no such line."""

    work: str
    how: Literal["succeeded", "failed", "stopped", "lost"]
    output: Any = None  # of a success
    error: Error | None = None


class Running(msgspec.Struct, frozen=True, omit_defaults=True):
    """The attempt that a bot says it works on."""

    job: JobId
    visit: VisitId
    attempt: int
    fence: Fence | None = None


class BotSaid(Line, frozen=True, kw_only=True, tag="BotSaid"):
    """A bot or worker hands a word to the broker (`activity.response...`); repeating it is another line.

    Of work in an engine's own process: the word that the work's end tells the engine.
    """

    bot: BotId | None = None  # None: the engine's own process
    instance: str
    kind: ResponseKindName
    job: JobId | None = None  # None: the answer to a claim
    visit: VisitId | None = None
    attempt: int | None = None
    fence: Fence | None = None
    output: Any = None
    error: Error | None = None
    ledger: str = ""
    highest: Fence = Fence(0, 0)  # the highest fence it has seen, durably
    lease: int = 0  # echoed from a claim
    running: Running | None = None  # in the answer to a claim


# -- faults --------------------------------------------------------------------------------------------------


class FaultKind(StrEnum):
    """What the world does to the parts under test."""

    MESSAGE_LOST = "message_lost"
    MESSAGE_DOUBLED = "message_doubled"
    MESSAGE_DELAYED = "message_delayed"
    MESSAGE_REORDERED = "message_reordered"
    PUBLISH_UNKNOWN = "publish_unknown"  # accepted or not: the sender hears a time-out
    BROKER_RESTARTED = "broker_restarted"
    ENGINE_KILLED = "engine_killed"
    ENGINE_PAUSED = "engine_paused"  # a zombie later
    ENGINE_KEY_EXPIRED = "engine_key_expired"
    PARTITION_MOVED = "partition_moved"
    COMMIT_FAILED = "commit_failed"  # a known failure: disk full
    COMMIT_UNKNOWN = "commit_unknown"  # stored or not: the writer hears a time-out
    COMMIT_LATE = "commit_late"  # stored after it was given up
    RECORD_DAMAGED = "record_damaged"  # target: the job, which is parked (R27)
    JOURNAL_PURGED = "journal_purged"  # under a reader
    BOT_KILLED = "bot_killed"
    BOT_PAUSED = "bot_paused"
    BOT_GONE = "bot_gone"  # killed, and never comes back
    DISK_LOST = "disk_lost"  # a bot's ledger
    CLOCK_JUMPED = "clock_jumped"


class FaultInjected(Line, frozen=True, kw_only=True, tag="FaultInjected"):
    """The seed let something go wrong."""

    kind: FaultKind
    target: str = ""  # what it is done to: an engine, a bot, a job, a subject
    detail: str = ""  # for people


AnyLine = (
    CommandSent
    | CommandAnswered
    | EngineStarted
    | EngineEnded
    | PartitionOpened
    | Committed
    | RequestSent
    | ResponseSettled
    | ResponseAcked
    | CommandSettled
    | EventShown
    | CancelTaken
    | LeaseWritten
    | BotStarted
    | BotEnded
    | ActivityStarted
    | EffectDone
    | ActivityEnded
    | BotSaid
    | FaultInjected
)
