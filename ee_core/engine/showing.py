"""A job as `jobs.query` shows it: now, with what only the engine knows laid over it, or as it was after one of its records.

Of the past there is what was recorded, and nothing that only an engine at work knew then: whether a bot was busy, how
far an attempt had come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.engine.words import describe_wait
from ee_core.errors import InputError
from ee_core.messages.instants import to_text
from ee_core.model.events import Choice, Outcome
from ee_core.model.workflow import NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.messages.jobs import QueryJobs
    from ee_core.model.compiled import CompiledWorkflow
    from ee_core.model.events import Record
    from ee_core.model.job import Incident, Job, Visit
    from ee_core.model.waits import Wait
    from ee_core.model.workflow import Node

# Of the visits of a node that the job has in the same status, one shows it: that which has come least far.
_OVERLAID: Final = ("BotBusy", "Pending", "AwaitingBotResponse", "Processing")


@dataclass(slots=True)
class Past:
    """Where a job's past ends: after a record, at an instant, or at whichever comes first.

    Attributes:
        last: The last record that belongs to it; None before the first.
    """

    record: int | None
    until_us: int | None
    last: Record | None = None

    @classmethod
    def of(cls, question: QueryJobs) -> Past | None:
        """Return the past that a question is about; None: it is about now."""
        if question.at_record is None and question.at is None:
            return None
        return cls(question.at_record, question.at)

    def takes(self, record: Record) -> bool:
        """Say whether a job's next record still belongs to it."""
        if self.record is not None and record.index > self.record:
            return False
        if self.until_us is not None and record.at_us > self.until_us:
            return False
        self.last = record
        return True

    def show(self, job: Job) -> dict[str, Any]:
        """Show a job as it was.

        Raises:
            InputError: It had no such record, or was not there yet.
        """
        last = self.last
        if last is None:
            assert self.until_us is not None, "record 0 belongs to every other past"
            raise InputError(f"job {job.id!r} was not there yet at {to_text(self.until_us)}")
        if self.until_us is None and last.index != self.record:
            raise InputError(f"job {job.id!r} has no record {self.record}; its last one is {last.index}")
        shown = show_job(
            job, visit=lambda job, visit: show_visit(visit, visit.status.value), wait=describe_wait
        )
        return shown | {"record": last.index, "at": to_text(last.at_us)}


def show_job(
    job: Job,
    *,
    visit: Callable[[Job, Visit], dict[str, Any]],
    wait: Callable[[Wait], dict[str, Any]],
) -> dict[str, Any]:
    """Show a job, its visits and waits in the ways that are given."""
    shown: dict[str, Any] = {
        "job": job.id,
        "workflow": job.name,
        "version": job.version,
        "hash": job.hash,
        "status": job.status.value,
        "outcome": job.outcome.value if job.outcome else "",
        "ended_by": job.ended_by.value if job.ended_by else "",
        "error": {"code": job.error.code, "text": job.error.text} if job.error else None,
        "reason": job.reason or _find_reason(job),
        "warnings": job.warnings,
        "owner": job.owner,
        "labels": job.labels,
        "priority": job.priority,
        "inputs": job.inputs,
        "accepted": to_text(job.accepted_us),
        "finished": to_text(job.finished_us) if job.finished_us is not None else None,
        "visits": [visit(job, each) for each in job.visits.values()],
        "incidents": _show_incidents(job),
        "waits": [wait(each) for each in job.waits.values()],
    }
    if job.workflow is not None:
        statuses = {each["visit"]: each["status"] for each in shown["visits"]}
        shown["nodes"] = [
            _node(node, _node_status(job, number, node, statuses))
            for number, node in enumerate(job.workflow.nodes)
        ]
    return shown


def _find_reason(job: Job) -> str:
    """Say why a job failed that no activity failed, and nobody cancelled; empty for any other."""
    if job.workflow is None or job.outcome is not Outcome.FAILED or job.error is not None:
        return ""
    nodes = [job.workflow.nodes[visit.node] for visit in job.visits.values()]
    ends = [node.name or node.id for node in nodes if node.kind is NodeKind.END]
    return f"it came to end {ends[-1]!r}" if ends else ""


def _node(node: Node, status: str) -> dict[str, Any]:
    """Show a node; where it chooses among its pointers, those too, so that `VisitRouted` can be read."""
    shown: dict[str, Any] = {
        "node": node.id,
        "name": node.name,
        "kind": node.kind.value,
        "status": status,
    }
    if node.on_error is not None or any(pointer.when or pointer.otherwise for pointer in node.pointers):
        shown["pointers"] = [
            {"to": pointer.to, "when": pointer.when, "otherwise": pointer.otherwise}
            for pointer in node.pointers
        ]
        shown["on_error"] = node.on_error
    return shown


def _node_status(job: Job, number: int, node: Node, statuses: Mapping[str, str]) -> str:
    """Return what a node shows of its visits: what the job says, in the words that are laid over it."""
    status = job.node_status(node.id)
    live = (visit for visit in job.live.values() if visit.node == number)
    laid = {statuses[visit.id] for visit in live if visit.status.value == status}
    return next((word for word in _OVERLAID if word in laid), status)


def show_visit(visit: Visit, status: str) -> dict[str, Any]:
    """Show a visit, with a status that may be more than what was recorded."""
    attempt = visit.attempts[-1] if visit.attempts else None
    shown: dict[str, Any] = {
        "visit": visit.id,
        "status": status,
        "attempt": visit.last_attempt,
        "bot": attempt.bot if attempt else None,
        "created": to_text(visit.created_us),
        "output": visit.output,
    }
    if visit.error is not None:
        shown["error"] = {"code": visit.error.code, "text": visit.error.text}
    return shown


def _show_incidents(job: Job) -> list[dict[str, Any]]:
    if not job.incidents:
        return []
    readers = _find_readers(job.workflow)  # once: a job may have an incident for each of its tokens
    return [_incident(incident, readers) for incident in job.incidents.values()]


def _incident(incident: Incident, readers: Mapping[str, list[str]]) -> dict[str, Any]:
    skips = incident.visit if Choice.SKIP in incident.choices else None
    return {
        "incident": incident.id,
        "kind": incident.kind.value,
        "choices": [choice.value for choice in incident.choices],
        "text": incident.text,
        "visit": incident.visit,
        "node": incident.node,
        "opened": to_text(incident.opened_us),
        "detail": incident.detail,
        "readers": readers.get(f"nodes.{skips.rpartition('#')[0]}.output", []) if skips else [],
    }


def _find_readers(workflow: CompiledWorkflow | None) -> dict[str, list[str]]:
    """Name the nodes that may read each value, as the output that a skip gives; export files read by bare keys instead."""
    readers: dict[str, list[str]] = {}
    if workflow is None:
        return readers
    for number, node in enumerate(workflow.nodes):
        for name in _names_read(workflow, number):
            readers.setdefault(name, []).append(node.id)
    return readers


def _names_read(workflow: CompiledWorkflow, number: int) -> set[str]:
    """Return what a node may read, in its conditions and its input."""
    template = workflow.templates[number]
    programs = [*workflow.programs[number], *(() if template is None else template.programs)]
    return {name for program in programs if program is not None for name in program.references}
