"""All that was seen of one simulated run: what `ee_core.simulation.checker` judges, and what a failing seed leaves behind.

A history is plain data. It is written while the run goes on (`lines`, in the order in which things happened) and at
its end (`final`, what the parts that still live hold then), can be kept as JSON, and told in words.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import msgspec

from ee_core.model.ids import BotId, JobId, VisitId, WorkflowHash
from ee_core.model.workflow import Workflow
from ee_core.simulation import telling
from ee_core.simulation.lines import AnyLine, Running


class FinalJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job as an engine that lives at the end holds it in memory."""

    job: JobId
    engine: str
    state: dict[str, Any]  # `ee_core.simulation.snapshot.to_snapshot` of it


class ArmedWait(msgspec.Struct, frozen=True, omit_defaults=True):
    """A wait that an engine keeps armed at the end, and who will bring its fact."""

    job: JobId
    key: str  # the wait's
    engine: str
    producer: Literal["fleet", "bot", "worker", "engine", "timer", "operator", "admission"]
    target: str = ""  # the bot that is asked; "" where there is none
    due_us: int | None = None  # when the engine itself looks again, in true time; None: never


class FinalBot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A bot or worker at the end: its process, and what the fleet of the engine that leases it thinks."""

    bot: BotId
    alive: bool  # a process life of it goes on
    state: Literal["", "free", "held", "draining", "unknown", "quarantined"] = ""  # "": no lock record
    engine: str | None = None  # who leases it
    job: JobId | None = None  # the seat: for whom the fleet keeps it
    visit: VisitId | None = None
    attempt: int | None = None
    running: Running | None = None  # what the process really does
    activities: tuple[str, ...] = ()  # types it serves
    labels: dict[str, str] = {}
    worker: bool = False


class Leftover(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that a part still holds at the end, and for whom.

    Housekeeping that is for the engine itself names no job and lives as long as the engine does.
    """

    kind: Literal[
        "timer", "task", "row", "message", "response"
    ]  # row: of any table in memory; message: kept by the broker; response: owed by a bot
    name: str  # for people: which table, which task
    engine: str = ""  # whose it is; "": the broker's
    job: JobId | None = None  # for whom it is kept
    visit: VisitId | None = None


class Final(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is there when the run has ended."""

    jobs: tuple[FinalJob, ...] = ()
    armed: tuple[ArmedWait, ...] = ()
    bots: tuple[FinalBot, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    untold: tuple[tuple[JobId, str], ...] = ()  # events of which no hook was told, by job and name


class Waited(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was there when jobs were still open long after the last fault: after it nobody wants them any more."""

    lines: int  # how many there were until then
    at_us: int
    final: Final


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run.

    The run goes on until all jobs are over or wait for a person, and longer than the checker's bound otherwise.
    """

    seed: int
    scenario: str = ""  # for people
    lines: tuple[AnyLine, ...] = ()  # in the order in which it happened
    workflows: dict[WorkflowHash, Workflow] = {}  # contents, by the hash that `JobAccepted` names
    faults_stopped_us: int = 0  # no fault at or after this instant of true time
    ended_us: int = 0  # when `final` was seen
    final: Final = Final()
    waited: Waited | None = None  # None: no job was open so long

    @property
    def until_waited(self) -> History | None:
        """The part of it until jobs had been open too long, as a history of its own; None when none was."""
        waited = self.waited
        if waited is None:
            return None
        return msgspec.structs.replace(
            self, lines=self.lines[: waited.lines], ended_us=waited.at_us, final=waited.final, waited=None
        )

    def to_json(self) -> bytes:
        """Return UTF-8 JSON; equal histories give equal bytes."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            msgspec.DecodeError: It is no history of this version.
        """
        return msgspec.json.decode(data, type=cls)

    def tell(self, job: JobId) -> str:
        """Tell in words what happened to a job, to the bots that worked for it, and which faults there were."""
        return telling.tell(self, job)
