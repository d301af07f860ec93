"""Answers `jobs.query`: what is durable, and why a job waits."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from ee_core.contracts.journal import JobFilter, JobSummary
from ee_core.engine.showing import Past, show_job, show_visit
from ee_core.engine.words import describe_wait
from ee_core.errors import EngineError, InputError, MessageError, NotFoundError
from ee_core.messages.instants import from_text, to_text
from ee_core.messages.jobs import QueryJobs, QueryReply
from ee_core.messages.wire import to_error_body
from ee_core.model.ids import BotId, JobId
from ee_core.model.job import VisitStatus
from ee_core.model.record import decode_record
from ee_core.model.waits import WaitKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType

    from ee_core.contracts.broker import Broker
    from ee_core.contracts.journal import Journal
    from ee_core.fleet import Fleet
    from ee_core.messages.subjects import Subjects
    from ee_core.model.events import Record
    from ee_core.model.job import Job, Visit
    from ee_core.model.waits import DrainWait
    from ee_core.reactor import Reactor
    from ee_core.spawner import Jobs

_log = logging.getLogger(__name__)
_LARGE_BYTES = 4096  # an output above it is in the history only, when the job would be too large to show
_MARGIN_BYTES = 1024  # of an answer around its result
_PARKED = "Parked"  # laid over a job's status: its records cannot be read, or a decision failed
_PAGE = 100  # rows that are read at once, for a few may be wanted, and many left out


class Queries:
    """The answering side of `jobs.query`."""

    def __init__(
        self,
        broker: Broker,
        subjects: Subjects,
        *,
        jobs: Jobs,
        journal: Journal,
        fleet: Fleet,
        reactor: Reactor,
        about: Callable[[], dict[str, Any]],
        prune: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    ) -> None:
        self._broker = broker
        self._subjects = subjects
        self._jobs = jobs
        self._journal = journal
        self._fleet = fleet
        self._reactor = reactor
        self._about = about
        self._prune = prune
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Queries:
        await self._stack.enter_async_context(self._broker.respond(self._subjects.query_jobs, self.answer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def answer(self, body: bytes) -> bytes:
        """Answer one question; every fault is an answer too."""
        try:
            reply = QueryReply(result=await self._result(QueryJobs.from_bytes(body)))
        except EngineError as error:
            reply = QueryReply(error=to_error_body(error))
        except Exception as error:  # noqa: BLE001 - without an answer the asker would think that nobody is there
            _log.exception("a question was not answered", extra={"action": "query_failed"})
            text = f"the engine failed to answer: {error!r}; please report this"
            reply = QueryReply(error=to_error_body(EngineError(text)))
        return self._fitted(reply.to_bytes())

    @property
    def _limit(self) -> int | None:
        """The largest answer in bytes, None where answers stay in this process."""
        traits = self._broker.traits
        return traits.max_payload if traits.shared else None

    def _fitted(self, answer: bytes) -> bytes:
        if self._limit is None or len(answer) <= self._limit:
            return answer
        text = f"the answer has {len(answer)} bytes, the broker takes {self._limit}; ask for fewer"
        return QueryReply(error=to_error_body(InputError(text))).to_bytes()

    async def _result(self, question: QueryJobs) -> Any:
        match question.what:
            case "job":
                job, past = _job_of(question), Past.of(question)
                shown = await (self._job(job) if past is None else self._past(job, past))
                return shown if self._limit is None else _shorten(shown, self._limit)
            case "list":
                tombstones = question.filter.get("tombstones", False) is True
                return await self._list(_filter(question.filter), tombstones=tombstones)
            case "history":
                return [_record(record) async for record in self._history(_job_of(question), question.after)]
            case "bots":
                return self._bots()
            case "prune":
                return await self._prune(question.filter)
            case "release_bot":
                return await self._release_bot(question)
            case "engine":
                return self._about() | {"open_jobs": len(self._jobs), "parked_jobs": len(self._jobs.parked)}

    async def _history(self, job: JobId, after: int) -> AsyncIterator[Record]:
        """Yield what fits into one answer; whoever wants more asks again from the last."""
        await self._check_records(job)
        room = self._broker.traits.max_payload // 2  # as an answer a record is hardly longer than as stored
        async for body in self._journal.history(job):
            record = decode_record(body)
            if record.index > after:
                room -= len(body)
                if room < 0:
                    return
                yield record

    async def _check_records(self, job: JobId) -> None:
        """Make sure that a job has records that can be looked through."""
        summary = await self._journal.find_job(job)
        if summary is None:
            raise NotFoundError(f"job {job!r} is not known; see `eectl job list`")
        if summary.pruned:
            raise NotFoundError(f"job {job!r} was pruned: only how it ended is kept, see `eectl job show`")

    def _bots(self) -> list[dict[str, Any]]:
        return [
            {
                "bot": row.bot,
                "state": "" if row.stateless else row.state.value,
                "kind": "worker" if row.stateless else "bot",
                "activities": list(row.activities),
                "labels": dict(row.labels),
                "job": row.job,
                "visit": row.visit,
                "reason": row.reason,
            }
            for row in self._fleet.rows()
        ]

    async def _release_bot(self, question: QueryJobs) -> dict[str, Any]:
        if question.bot is None:
            raise MessageError("QueryJobs: a question for 'release_bot' needs the field bot")
        await self._fleet.pardon(BotId(question.bot))
        _log.warning(
            "bot %s was released by %s: %s",
            question.bot,
            question.who or "an operator",
            question.reason or "no reason was given",
            extra={"action": "bot_pardoned", "bot": question.bot},
        )
        return {"bot": question.bot, "state": "Unknown"}

    # -- one job -------------------------------------------------------------------------------------------------

    async def _job(self, job_id: JobId) -> dict[str, Any]:
        if job_id in self._jobs.parked:
            return await self._outline(job_id)
        job = await self._jobs.find_job(job_id)
        if job is None:
            return await self._outline(job_id)

        def describe_drain(wait: DrainWait) -> str:
            return self._fleet.describe_drain(wait, self._reactor.drain_due_us(job_id, wait.key))

        return show_job(
            job,
            visit=self._visit,
            wait=lambda wait: describe_wait(wait, self._fleet.describe_need, describe_drain),
        )

    async def _past(self, job_id: JobId, past: Past) -> dict[str, Any]:
        """Show a job as it was; of a parked one, too, as far as its records can be read."""
        await self._check_records(job_id)
        job = await self._jobs.recall(job_id, past.takes)
        if job is None:
            raise NotFoundError(f"job {job_id!r} is not known; see `eectl job list`")
        return past.show(job)

    async def _outline(self, job_id: JobId) -> dict[str, Any]:
        """Show a job whose records are pruned, or cannot be read: what the index has."""
        row = await self._journal.find_job(job_id)
        if row is None:
            raise NotFoundError(f"job {job_id!r} is not known; see `eectl job list`")
        nothing: dict[str, Any] = {"ended_by": "", "error": None, "reason": "", "warnings": 0, "inputs": {}}
        return nothing | self._row(row) | {"hash": row.hash, "visits": [], "incidents": [], "waits": []}

    async def _list(self, wanted: JobFilter, *, tombstones: bool) -> list[dict[str, Any]]:
        parked = self._jobs.parked
        if wanted.status != _PARKED:
            rows = await self._list_rows(wanted, tombstones=tombstones)
            return [self._row(row) for row in rows if not wanted.status or row.job not in parked]
        found = [await self._journal.find_job(job) for job in parked]
        named = [row for row in found if row is not None and _fits(row, wanted)]
        named.sort(key=lambda row: (row.accepted_us, row.job), reverse=True)
        return [self._row(row) for row in named[: wanted.limit]]

    async def _list_rows(self, wanted: JobFilter, *, tombstones: bool) -> list[JobSummary]:
        """Return rows of the index, as many as are wanted and there are."""
        rows: list[JobSummary] = []
        page = replace(wanted, limit=max(wanted.limit, _PAGE))
        while True:
            found = await self._journal.list_jobs(page)
            # who looks for jobs does not look for ids that a cancel keeps for jobs that never came; they have no content
            rows += [row for row in found if tombstones or row.hash]
            if len(found) < page.limit or len(rows) >= wanted.limit:
                return rows[: wanted.limit]
            page = replace(page, before_us=found[-1].accepted_us, before_job=found[-1].job)

    def _row(self, row: JobSummary) -> dict[str, Any]:
        """Show a row of the index; a parked job says why, and that nobody drives it."""
        shown = _summary(row)
        if row.pruned:
            shown["pruned"] = True
        error = self._jobs.parked.get(row.job)
        if error is not None:
            shown |= {"status": _PARKED, "reason": f"{error}; `eectl engine check` looks for damage"}
        return shown

    def _visit(self, job: Job, visit: Visit) -> dict[str, Any]:
        shown = show_visit(visit, self._status(job, visit))
        armed = self._reactor.requests.find(job.id, WaitKey(f"response:{visit.id}/{visit.last_attempt}"))
        if armed is not None and (armed.progress is not None or armed.text):
            shown["progress"] = {"fraction": armed.progress, "text": armed.text}
        return shown

    def _status(self, job: Job, visit: Visit) -> str:
        """Return the visit's status, with what only Fleet and Reactor know laid over it."""
        if visit.status is VisitStatus.AWAITING:
            armed = self._reactor.requests.find(job.id, WaitKey(f"response:{visit.id}/{visit.last_attempt}"))
            return "Processing" if armed is not None and armed.is_accepted else visit.status.value
        wait = job.waits.get(WaitKey(f"lease:{visit.id}"))
        if visit.status is VisitStatus.PENDING and wait is not None and visit.incident is None:
            return "BotBusy"
        return visit.status.value


def _shorten(shown: dict[str, Any], limit: int) -> dict[str, Any]:
    """Leave large outputs out of a job that does not fit into an answer, then conditions, then all visits but the last."""
    room = limit - _MARGIN_BYTES
    if len(msgspec.json.encode(shown)) <= room:
        return shown
    for visit in shown["visits"]:
        size = len(msgspec.json.encode(visit["output"]))
        if size > _LARGE_BYTES:
            visit |= {"output": None, "output_bytes": size}
    if len(msgspec.json.encode(shown)) > room:
        for node in shown.get("nodes", ()):
            node.pop("pointers", None)
    count = len(shown["visits"])
    while len(msgspec.json.encode(shown)) > room and shown["visits"]:
        shown["visits"] = shown["visits"][(len(shown["visits"]) + 1) // 2 :]
        shown["visits_left_out"] = count - len(shown["visits"])
    return shown


def _job_of(question: QueryJobs) -> JobId:
    if question.job is None:
        raise MessageError(f"QueryJobs: a question for {question.what!r} needs the field job")
    return JobId(question.job)


def _filter(wanted: dict[str, Any]) -> JobFilter:
    known = {"status", "outcome", "workflow", "owner", "labels", "limit", "before", "tombstones"}
    for name in wanted:
        if name not in known:
            raise InputError(f"jobs cannot be filtered by {name!r}; use one of {', '.join(sorted(known))}")
    before = wanted.get("before")
    try:
        return JobFilter(
            status=str(wanted.get("status", "")),
            outcome=str(wanted.get("outcome", "")),
            workflow=str(wanted.get("workflow", "")),
            owner=str(wanted.get("owner", "")),
            labels=tuple(sorted(dict(wanted.get("labels", {})).items())),
            limit=max(1, min(int(wanted.get("limit", 100)), 1000)),
            before_us=from_text(str(before)) if before else None,
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"jobs cannot be filtered by {wanted!r}: {error}") from error


def _fits(row: JobSummary, wanted: JobFilter) -> bool:
    """Whether a parked job is one that is asked for; it has no outcome, and there are never many."""
    named = wanted.workflow in ("", row.workflow) and wanted.owner in ("", row.owner)
    return named and not wanted.outcome and all(row.labels.get(key) == value for key, value in wanted.labels)


def _summary(row: JobSummary) -> dict[str, Any]:
    return {
        "job": row.job,
        "workflow": row.workflow,
        "version": row.version,
        "status": row.status,
        "outcome": row.outcome,
        "owner": row.owner,
        "labels": row.labels,
        "priority": row.priority,
        "incidents": row.incidents,
        "accepted": to_text(row.accepted_us),
        "finished": to_text(row.finished_us) if row.finished_us is not None else None,
    }


def _record(record: Record) -> dict[str, Any]:
    return {
        "index": record.index,
        "at": to_text(record.at_us),
        "events": [msgspec.to_builtins(event) for event in record.events],
    }
