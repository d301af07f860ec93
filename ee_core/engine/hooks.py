"""What the parts ask of plugins, in the parts' own words; the hooks' words are in `ee_core.hookspecs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.contracts.hooks import FailedAttempt, GiveUp, VisitView
from ee_core.engine.traffic import WatchedBroker
from ee_core.model.events import Error, IncidentOpened
from ee_core.model.job import AttemptStatus
from ee_core.model.retry import covers
from ee_core.registry import add_headers, admit_job, choose_bot, choose_retry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ee_core.contracts.broker import Broker
    from ee_core.contracts.hooks import (
        AdmissionRequest,
        BotView,
        Direction,
        EngineLoad,
        Hold,
        MessageOutcome,
        Refuse,
    )
    from ee_core.contracts.journal import JobSummary
    from ee_core.messages.subjects import Subjects
    from ee_core.model.events import Record
    from ee_core.model.facts import ResponseReceived
    from ee_core.model.ids import BotId, JobId, VisitId
    from ee_core.model.job import Job, Visit
    from ee_core.model.waits import LeaseWait, Wait
    from ee_core.registry import HookCalls
    from ee_core.spawner import Jobs


class EngineHooks:
    """The hooks of one engine."""

    def __init__(self, calls: HookCalls) -> None:
        self._calls = calls
        self._adds_headers = calls.is_used("ee_add_headers")
        self._sees_waits = calls.is_used("ee_on_wait")
        self._sees_events = calls.is_used("ee_on_event")
        self._jobs: Jobs | None = None

    def attach(self, jobs: Jobs) -> None:
        """Tell where jobs are found, once they are."""
        self._jobs = jobs

    # -- executor ----------------------------------------------------------------------------------------------

    def advise_retry(self, job: Job, fact: ResponseReceived) -> int | None:
        """Ask for the delay before another attempt; None gives up."""
        visit = job.visits.get(fact.visit)
        if visit is None or visit.final:
            return None
        view = view_visit(job, visit)
        failures = 1 + sum(attempt.status is AttemptStatus.FAILED for attempt in visit.attempts)
        error = fact.error or Error("failed", "")
        # what the workflow rules out is no question for a hook; that an author called it permanent may be
        if failures >= view.retry.attempts or not covers(view.retry, error.code, retryable=None):
            return None
        attempt = FailedAttempt(fact.attempt, failures, fact.retryable, fact.retry_after_ms, fact.bot)
        answer = choose_retry(self._calls, view, attempt, error)
        return None if isinstance(answer, GiveUp) else answer

    def saw_records(self, job: JobId, records: Sequence[Record], summary: JobSummary) -> None:
        """Tell of committed events and incidents."""
        for record in records:
            for event in record.events:
                if self._sees_events:
                    self._calls.tell_all("ee_on_event", job_id=job, event=event, summary=summary)
                if isinstance(event, IncidentOpened):
                    self._calls.tell_all("ee_on_incident", job=job, incident=event)

    # -- reactor -----------------------------------------------------------------------------------------------

    def choose_bot(self, visit: VisitView, candidates: Sequence[BotView]) -> BotId:
        """Ask which of several bots gets a visit."""
        return choose_bot(self._calls, visit, candidates)

    def view_waiting(self, job_id: JobId, wait: LeaseWait) -> VisitView:
        """Show a visit that waits for a bot."""
        assert self._jobs is not None, "attach() comes first"
        driver = self._jobs.find(job_id)
        if driver is None:
            # the job rests: what is known of it here is what its wait says
            return VisitView(
                job=job_id,
                visit=wait.visit,
                node=wait.node,
                workflow="",
                activity=wait.activity,
                selector=wait.selector,
                since_us=wait.since_us,
            )
        return view_visit(driver.job, driver.job.visits[wait.visit])

    def saw_wait(self, job: JobId, wait: Wait, *, armed: bool, reason: str) -> None:
        """Tell that a wait was armed or dropped."""
        if self._sees_waits:
            self._calls.tell_all("ee_on_wait", job=job, wait=wait, armed=armed, reason=reason)

    # -- spawner and broker --------------------------------------------------------------------------------------

    def admit(self, request: AdmissionRequest, load: EngineLoad) -> Refuse | Hold | None:
        """Ask whether a job may start."""
        return admit_job(self._calls, request, load)

    def watch(self, broker: Broker, subjects: Subjects) -> Broker:
        """Let the hooks see the messages of a broker."""
        if not self._calls.is_used("ee_on_message"):
            return broker
        return WatchedBroker(broker, subjects, self._saw_message)

    def _saw_message(
        self,
        direction: Direction,
        subject: str,
        size: int,
        headers: Mapping[str, str],
        outcome: MessageOutcome,
    ) -> None:
        self._calls.tell_all(
            "ee_on_message", direction=direction, subject=subject, size=size, headers=headers, outcome=outcome
        )

    def headers(self, subject: str, job: JobId | None, visit: VisitId | None) -> Mapping[str, str]:
        """Collect the headers of a message."""
        return add_headers(self._calls, subject, job, visit) if self._adds_headers else {}


def view_visit(job: Job, visit: Visit) -> VisitView:
    """Show a visit to a hook."""
    assert job.workflow is not None, "a job with visits has its workflow"
    node = job.workflow.nodes[visit.node]
    assert node.activity is not None, "only an activity's visit is shown"
    return VisitView(
        job=job.id,
        visit=visit.id,
        node=node.id,
        workflow=job.name,
        activity=node.activity.type,
        retry=node.activity.retry,
        selector=node.activity.bot,
        owner=job.owner,
        labels=job.labels,
        priority=job.priority,
        since_us=visit.created_us,
    )
