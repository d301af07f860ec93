"""Writes the history of a run: turns what the wrappers around the real parts see into lines.

It looks at messages as they pass, at the store and at the lock's records as they change. Nothing here is asked of an
engine, and nothing here changes what happens.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ee_core.errors import MessageError
from ee_core.local.memory_journal import MemoryCommit, MemoryPartition, MemoryStore
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, ActivityResponse
from ee_core.messages.jobs import Command
from ee_core.model.events import Error
from ee_core.model.ids import BotId, Fence, JobId, VisitId
from ee_core.model.record import decode_record, unframe
from ee_core.simulation import lines
from ee_core.simulation.env import START_US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ee_core.contracts.lock import LockRecord
    from ee_core.messages.subjects import Subjects
    from ee_core.model.events import AnyEvent
    from ee_core.simulation.life import Life
    from ee_core.simulation.lines import AnyLine, FaultKind

_ENGINES_WORKER: Final = "engine-"


class Recorder:
    """Collects the lines of one run.

    Attributes:
        lines: In the order in which things happened.
        engines: The ids of engines, by their lives.
        events: How often each class of event was committed.
    """

    def __init__(self, subjects: Subjects) -> None:
        self.lines: list[AnyLine] = []
        self.engines: dict[Life, str] = {}
        self.events: dict[str, int] = {}
        self.works: dict[str, str] = {}  # instances of workers and bots that live, by bot
        self._subjects = subjects
        self._loop = asyncio.get_running_loop()
        self._work_count = 0
        self._untold: Counter[tuple[JobId, str, bytes]] = Counter()
        self._refused: set[str] = set()  # where an error was answered to

    @property
    def now_us(self) -> int:
        """The one true time."""
        return START_US + round(self._loop.time() * 1_000_000)

    def add(self, line: Callable[..., AnyLine], /, **fields: Any) -> None:
        """Add a line about now."""
        self.lines.append(line(at_us=self.now_us, **fields))

    def engine_of(self, life: Life | None) -> str:
        """Return the id of the engine that a life is."""
        return "" if life is None else self.engines.get(life, life.name)

    def fault(self, kind: FaultKind, target: str = "", detail: str = "") -> None:
        """Add what the seed did."""
        self.add(lines.FaultInjected, kind=kind, target=target, detail=detail)

    def next_work(self) -> str:
        """Return a name for one call of an activity's code."""
        self._work_count += 1
        return f"w{self._work_count}"

    # -- processes -------------------------------------------------------------------------------------------

    def bot_started(self, bot: str, instance: str, ledger: str, *, worker: bool = False) -> None:
        """Note a life of a bot or worker, once."""
        if self.works.get(bot) != instance:
            self.works[bot] = instance
            self.add(lines.BotStarted, bot=bot, instance=instance, ledger=ledger, worker=worker)

    def bot_ended(self, bot: str, how: Literal["stopped", "killed"]) -> None:
        """Note the end of a life of a bot or worker."""
        instance = self.works.pop(bot, None)
        if instance is not None:
            self.add(lines.BotEnded, bot=bot, instance=instance, how=how)

    def engine_ended(self, life: Life, how: str, detail: str = "") -> None:
        """Note the end of a life of an engine, and of the worker in it."""
        engine = self.engines.get(life)
        if engine is not None:
            self.bot_ended(f"{_ENGINES_WORKER}{engine[:12]}", "stopped" if how == "stopped" else "killed")
            self.add(lines.EngineEnded, engine=engine, how=how, detail=detail)

    # -- the store and the lock ----------------------------------------------------------------------------------

    def partition_opened(self, writer: Life | None, epoch: int, position: int) -> None:
        """Note a new epoch."""
        engine = self.engine_of(writer)
        self.add(lines.PartitionOpened, engine=engine, partition=0, epoch=epoch, position=position)

    def committed(self, writer: Life | None, position: int, commit: MemoryCommit) -> None:
        """Note a commit as it is stored."""
        records = tuple(decode_record(unframe(frame).body) for frame in commit.frames)
        for record in records:
            for event in record.events:
                self._untold[record.job, type(event).__name__, msgspec.json.encode(event)] += 1
                name = type(event).__name__
                self.events[name] = self.events.get(name, 0) + 1
        self.add(
            lines.Committed,
            engine=self.engine_of(writer),
            partition=0,
            position=position,
            epoch=commit.epoch,
            records=records,
        )

    def told(self, job: JobId, event: AnyEvent) -> None:
        """Note that hooks were told of an event; told again, it counts once."""
        key = job, type(event).__name__, msgspec.json.encode(event)
        if self._untold[key] > 0:
            self._untold[key] -= 1

    def untold(self) -> Iterator[tuple[JobId, str]]:
        """Yield the events of which no hook was told."""
        for (job, name, _), count in self._untold.items():
            if count:
                yield job, name

    def lease_written(self, writer: Life | None, record: LockRecord, *, robbed: bool = False) -> None:
        """Note a change of a bot's lock record."""
        self.add(
            lines.LeaseWritten,
            engine=self.engine_of(writer),
            bot=record.bot,
            lease=record.lease,
            state=record.state.value,
            holder=record.holder,
            reason=record.reason,
            robbed=robbed,
        )

    # -- messages ------------------------------------------------------------------------------------------------

    def tried(self, subject: str, body: bytes) -> None:
        """Note that an error was the answer: the command stays refused when the answer does not come through."""
        if self._subjects.tail(subject).startswith("_INBOX.") and b'"error"' in body:
            self._refused.add(subject)

    def sent(self, life: Life, subject: str, body: bytes) -> None:
        """Note a message that the broker took."""
        tail = self._subjects.tail(subject)
        if tail.startswith("activity.response"):
            self._said(tail.rsplit(".", 1)[1], body)
        elif life not in self.engines:
            return
        elif tail.startswith("activity.execute."):
            self._request_sent(life, tail.removeprefix("activity.execute."), body)
        elif tail.startswith("activity.ack."):
            ack = ActivityAck.from_bytes(body)
            about = _about(ack.job, ack.visit, ack.attempt, ack.fence)
            bot = tail.removeprefix("activity.ack.")
            engine = self.engines[life]
            self.add(lines.ResponseAcked, engine=engine, bot=bot, verdict=ack.verdict, **about)
        elif tail.startswith("jobs.events."):
            value = json.loads(body)
            name = value["type"].split(".")[2]
            engine = self.engines[life]
            self.add(
                lines.EventShown,
                engine=engine,
                job=value["subject"],
                record=value.get("record", 0),
                name=name,
            )
        elif tail == "bots.hello" and json.loads(body).get("stateless"):
            value = json.loads(body)
            self.bot_started(value["bot"], value["instance"], "", worker=True)

    def settled(self, life: Life, subject: str, body: bytes) -> None:
        """Note that somebody is done with a delivery; if the broker does not hear of it, it comes again all the same."""
        engine, tail = self.engines.get(life), self._subjects.tail(subject)
        if engine is None:
            self._bot_settled(tail, body)
            return
        if tail.startswith("activity.response"):
            self._response_settled(engine, tail.rsplit(".", 1)[1], body)
        elif tail.startswith("jobs.command."):
            command = Command.from_bytes(body)
            self.add(
                lines.CommandSettled,
                engine=engine,
                job=command.job,
                kind=command.kind,
                action=command.body.get("id", "") if command.kind == "operate" else "",
                refused=command.body.get("reply_to") in self._refused,
            )

    def _bot_settled(self, tail: str, body: bytes) -> None:
        bot = tail.removeprefix("activity.cancel.")
        if bot != tail and not bot.startswith("_any."):
            cancel = ActivityCancel.from_bytes(body)
            about = _about(cancel.job, cancel.visit, cancel.attempt, cancel.fence)
            self.add(lines.CancelTaken, bot=bot, **about)

    def _said(self, bot: str, body: bytes) -> None:
        said = ActivityResponse.from_bytes(body)
        if not said.ledger:
            self.bot_started(bot, said.instance, "", worker=True)
        running = said.running and lines.Running(
            job=JobId(said.running.job),
            visit=VisitId(said.running.visit),
            attempt=said.running.attempt,
            fence=_fence(said.running.fence),
        )
        self.add(
            lines.BotSaid,
            bot=bot,
            instance=said.instance,
            kind=said.kind,
            **_about(said.job, said.visit, said.attempt, said.fence),
            output=said.output,
            error=said.error and Error(said.error.code, said.error.text),
            ledger=said.ledger,
            highest=Fence(*said.highest),
            lease=said.lease,
            running=running,
        )

    def _request_sent(self, life: Life, to: str, body: bytes) -> None:
        request = ActivityRequest.from_bytes(body)
        self.add(
            lines.RequestSent,
            engine=self.engines[life],
            bot=None if to.startswith("_any.") else BotId(to),
            **_about(request.job, request.visit, request.attempt, request.fence),
            ledger=request.ledger,
            input_hash=request.input_hash,
        )

    def _response_settled(self, engine: str, bot: str, body: bytes) -> None:
        try:
            said = ActivityResponse.from_bytes(body)
        except MessageError:
            return  # it was set aside: no bot said this
        if said.job is not None:
            about = _about(said.job, said.visit, said.attempt, said.fence)
            self.add(lines.ResponseSettled, engine=engine, bot=bot, kind=said.kind, **about)


def _fence(value: Any) -> Fence | None:
    return None if value is None else Fence(*value)


def _about(job: str | None, visit: str | None, attempt: int | None, fence: Any) -> dict[str, Any]:
    return {"job": job, "visit": visit, "attempt": attempt, "fence": _fence(fence)}


# -- a store that tells --------------------------------------------------------------------------------------------


class RecordedStore(MemoryStore):
    """A memory journal's store, of one partition, that tells of what is stored in it as it is stored.

    Args:
        writer: Says whose write it is.
    """

    def __init__(self, store_id: str, recorder: Recorder, writer: Callable[[], Life | None]) -> None:
        super().__init__(store_id)
        self.partitions = [_RecordedPartition(recorder, writer)]


class _RecordedPartition(MemoryPartition):
    def __init__(self, recorder: Recorder, writer: Callable[[], Life | None]) -> None:
        super().__init__(commits=_RecordedCommits(recorder, writer))
        self.recorder = recorder
        self.writer = writer

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "epoch" and value:
            self.recorder.partition_opened(self.writer(), value, len(self.commits))


class _RecordedCommits(list[MemoryCommit]):
    def __init__(self, recorder: Recorder, writer: Callable[[], Life | None]) -> None:
        super().__init__()
        self._recorder = recorder
        self._writer = writer

    def append(self, commit: MemoryCommit, /) -> None:
        super().append(commit)
        self._recorder.committed(self._writer(), len(self), commit)
