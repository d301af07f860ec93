"""Events on a job: those that do not fit are refused, those that do keep the waits."""

from dataclasses import replace

import pytest

from ee_core.errors import IllegalTransitionError
from ee_core.model import events as e
from ee_core.model.compiled import compile_workflow
from ee_core.model.evolve import apply, evolve
from ee_core.model.ids import Fence
from ee_core.model.job import Job
from ee_core.model.oracle import recompute_waits
from ee_core.model.waiting import WaitChanges
from ee_core.model.waits import WaitDelta
from ee_core.model.workflow import Activity, Node, NodeKind, Pointer, Workflow

ACCEPTED = e.JobAccepted("hash", "w", "d")
STARTED = e.JobStarted()
CREATED = e.VisitCreated("p#1")
SPLIT = e.VisitRouted("p#1", (0, 1))
A, B = e.VisitCreated("a#1", "p#1", 0), e.VisitCreated("b#1", "p#1", 1)
ASSIGNED = e.AttemptAssigned("a#1", 1, "bot", "ledger", Fence(1, 1), None, "h")
DONE = e.AttemptSucceeded("a#1", 1)
LOST = e.AttemptLost("a#1", 1, "run", drains=True)
ROUTED = e.VisitRouted("a#1", (0,))
QUEUED = e.TokenQueued("j", "a#1", 0)
FINISHED = e.JobFinished(e.Outcome.SUCCEEDED, e.EndedBy.END)
BEGUN = (ACCEPTED, STARTED, CREATED, SPLIT, A, B)


def opened(number, kind=e.IncidentKind.LOST, **place):
    return e.IncidentOpened(f"i{number}", kind, (e.Choice.FAIL,), "text", **place)


@pytest.fixture
def job():
    def activity(name):
        return Node(name, NodeKind.ACTIVITY, pointers=(Pointer("j"),), activity=Activity("t"))

    nodes = (
        Node("p", NodeKind.PARALLEL, pointers=(Pointer("a"), Pointer("b"))),
        activity("a"),
        activity("b"),
        Node("j", NodeKind.JOIN, join="all"),
    )
    return Job.blank("job", compile_workflow(Workflow("w", "p", nodes), "hash", lambda source: None))


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ((), STARTED),
        ((), CREATED),
        ((), FINISHED),
        ((), e.JobAccepted("other", "w", "d")),
        ((ACCEPTED,), ACCEPTED),
        ((ACCEPTED,), CREATED),
        ((ACCEPTED,), e.TombstoneLaid()),
        ((ACCEPTED,), opened(1)),
        ((e.TombstoneLaid(),), ACCEPTED),
        ((e.TombstoneLaid(),), e.TombstoneLaid()),
        ((ACCEPTED, STARTED), STARTED),
        ((ACCEPTED, STARTED), e.VisitCreated("p#2")),
        ((ACCEPTED, STARTED), e.VisitCreated("a#1", "p#1", 0)),
        ((ACCEPTED, STARTED, CREATED), A),
        ((ACCEPTED, STARTED, CREATED), e.VisitRouted("p#1", (2,))),
        ((ACCEPTED, STARTED, CREATED), e.VisitRouted("p#1", (-1,))),
        ((ACCEPTED, STARTED, CREATED), e.VisitVanished("p#1")),
        (BEGUN, SPLIT),
        (BEGUN, e.VisitCreated("a#1", "p#1", 0)),
        (BEGUN, e.VisitCreated("b#2", "p#1", 0)),
        (BEGUN, e.VisitCreated("b#2", "p#1", 7)),
        (BEGUN, ROUTED),
        (BEGUN, DONE),
        (BEGUN, LOST),
        (BEGUN, e.AssignmentVoided("a#1", 1)),
        (BEGUN, e.AttemptAssigned("a#1", 2, "bot", "ledger", Fence(1, 1), None, "h")),
        (BEGUN, e.AttemptAssigned("a#1", 1, "bot", "ledger", Fence(1, 1))),
        (BEGUN, e.AttemptAssigned("c#1", 1, "bot", "ledger", Fence(1, 1), None, "h")),
        (BEGUN, e.TokenQueued("j", "p#1", 0)),
        (BEGUN, e.JoinFired("j#1", (0,))),
        (BEGUN, e.TokensDropped("j", (0, 0))),
        (BEGUN, e.IncidentClosed("i1", "gone")),
        (BEGUN, opened(2, visit="a#1")),
        (BEGUN, opened(1, visit="c#1")),
        (BEGUN, opened(1, e.IncidentKind.CONFLICT, visit="a#1")),
        (BEGUN, opened(1, e.IncidentKind.JOIN_STUCK, node="j")),
        (BEGUN, e.AttemptFailed("a#1", 1, e.Error("c", "t"))),
        (BEGUN, e.AttemptFailed("a#1", 0, e.Error("c", "t"), retry_at_us=5)),
        (BEGUN, e.LateResponse("a#1", 1, "succeeded")),
        (BEGUN, e.BotDrained("a#1", 1)),
        ((*BEGUN, opened(1, visit="a#1")), opened(2, visit="a#1")),
        ((*BEGUN, opened(1, visit="a#1")), ASSIGNED),
        ((*BEGUN, opened(1, visit="a#1")), e.VisitCancelled("a#1")),
        ((*BEGUN, opened(1, visit="a#1")), e.RetryDue("a#1")),
        ((*BEGUN, ASSIGNED), ASSIGNED),
        ((*BEGUN, ASSIGNED), e.RetryDue("a#1")),
        ((*BEGUN, ASSIGNED), e.AttemptSucceeded("a#1", 2)),
        ((*BEGUN, ASSIGNED), e.LateResponse("a#1", 1, "succeeded")),
        ((*BEGUN, ASSIGNED, DONE), e.LateResponse("a#1", 1, "succeeded")),
        ((*BEGUN, ASSIGNED, DONE), e.RetryDue("a#1")),
        ((*BEGUN, ASSIGNED, LOST, e.LateResponse("a#1", 1, "lost")), e.LateResponse("a#1", 1, "lost")),
        ((*BEGUN, ASSIGNED, LOST, e.BotDrained("a#1", 1)), e.BotDrained("a#1", 1)),
        ((*BEGUN, ASSIGNED, DONE, ROUTED, QUEUED), e.JoinFired("j#1", (0, 1))),
        ((*BEGUN, ASSIGNED, DONE, ROUTED, QUEUED), e.JoinFired("j#1", (2,))),
        ((*BEGUN, ASSIGNED, DONE, ROUTED, QUEUED), e.JoinFired("j#2", (0,))),
        ((*BEGUN, ASSIGNED, DONE, ROUTED, QUEUED), e.TokensDropped("j", (2, 0))),
        ((*BEGUN, ASSIGNED, DONE, ROUTED, QUEUED), e.TokensDropped("j", (1,))),
        ((*BEGUN, e.OperatorActed("o", "fail")), e.OperatorActed("o", "fail")),
        ((*BEGUN, FINISHED), FINISHED),
        ((*BEGUN, FINISHED), STARTED),
        ((*BEGUN, FINISHED), ASSIGNED),
        ((*BEGUN, FINISHED), opened(1)),
    ],
)
def test_an_event_that_does_not_fit_is_refused_with_job_and_event(job, before, event):
    for earlier in before:
        evolve(job, earlier, 1)
        assert job.waits == recompute_waits(job)

    with pytest.raises(IllegalTransitionError, match=rf"job job .*{type(event).__name__}"):
        evolve(job, event, 2)


def test_records_are_applied_in_order_to_their_own_job(job):
    apply(job, e.Record("job", 0, 1, (ACCEPTED,)))

    with pytest.raises(IllegalTransitionError, match="record 1 was expected"):
        apply(job, e.Record("job", 2, 1, (STARTED,)))
    with pytest.raises(IllegalTransitionError, match="record of job other"):
        apply(job, e.Record("other", 1, 1, (STARTED,)))


def test_a_wait_that_comes_and_goes_in_one_record_is_not_in_its_delta(job):
    delta = apply(job, e.Record("job", 0, 1, (*BEGUN, ASSIGNED)))

    assert {wait.key for wait in delta.added} == {"response:a#1/1", "lease:b#1"}
    assert delta.dropped == ()


def test_a_wait_that_changes_keeps_its_key_and_is_added_alone(job):
    apply(job, e.Record("job", 0, 1, BEGUN))

    delta = evolve(job, opened(1, e.IncidentKind.NO_BOT, visit="a#1"), 2)

    assert {wait.key for wait in delta.added} == {"lease:a#1", "operator:i1"}
    assert delta.dropped == ()
    assert job.waits["lease:a#1"].no_bot


def test_a_wait_that_is_put_again_unchanged_is_no_change(job):
    apply(job, e.Record("job", 0, 1, BEGUN))
    changes = WaitChanges(job)

    changes.put(replace(job.waits["lease:a#1"]))
    changes.drop("lease:b#1")

    assert changes.net() == WaitDelta((), ("lease:b#1",))


def test_an_event_of_another_kind_is_refused(job):
    class Unheard(e.Event, frozen=True, tag="Unheard"):
        """Of a newer engine."""

    with pytest.raises(IllegalTransitionError, match="nothing is known"):
        evolve(job, Unheard(), 1)


def test_a_fork_goes_its_own_way(job):
    apply(job, e.Record("job", 0, 1, (*BEGUN, ASSIGNED)))
    twin = job.fork()
    assert twin == job

    apply(twin, e.Record("job", 1, 2, (DONE, ROUTED, QUEUED)))
    twin_of_twin = twin.fork()
    apply(twin_of_twin, e.Record("job", 2, 3, (FINISHED,)))

    assert (job.next_index, len(job.live), job.queued) == (1, 2, 0)
    assert (twin.next_index, len(twin.live), twin.queued) == (2, 1, 1)
    assert len(twin.queues[3].by_place[0]) == 1
    assert set(twin.waits) == {"lease:b#1"}


def test_a_node_shows_the_worst_of_its_live_visits_else_its_last(job):
    assert job.node_status("a") == "NotProcessed"
    apply(job, e.Record("job", 0, 1, BEGUN))
    assert (job.node_status("a"), job.node_status("p")) == ("Pending", "Success")

    apply(job, e.Record("job", 1, 2, (ASSIGNED, LOST)))
    assert job.node_status("a") == "Lost"

    apply(job, e.Record("job", 2, 3, (FINISHED,)))
    assert job.node_status("a") == "Cancelled"
    assert job.node_status("nobody") == "NotProcessed"
