"""What the core answers when no plugin has an opinion."""

from __future__ import annotations

import pytest

from ee_core.contracts.hooks import (
    GIVE_UP,
    AdmissionRequest,
    BotView,
    Direction,
    EngineLoad,
    FailedAttempt,
    Hold,
    MessageOutcome,
    VisitView,
)
from ee_core.local.policies import CorePolicies
from ee_core.model.events import Error
from ee_core.model.ids import BotId, JobId, NodeId, VisitId
from ee_core.model.workflow import Retry
from ee_core.registry import HookCalls, add_headers, admit_job, choose_bot, choose_retry
from ee_core.registry.calls import CORE
from ee_core.simulation import VirtualEnv, VirtualLoop

ERROR = Error("e", "t")


@pytest.fixture
def env():
    loop = VirtualLoop(seed=1)
    yield VirtualEnv(loop, seed=1)
    loop.close()


def hooks(env, **settings: object) -> HookCalls:
    return HookCalls(env, {CORE: CorePolicies(env, **settings)})


def visit(**retry: object) -> VisitView:
    return VisitView(JobId("j"), VisitId("a#1"), NodeId("a"), "w", "noop", retry=Retry(**retry))


def test_delays_grow_with_each_failure_and_are_spread_over_their_upper_half(env) -> None:
    view = visit(attempts=10, delay_ms=1000, backoff=3.0, max_delay_ms=5000)

    for failures, longest in ((1, 1000), (2, 3000), (3, 5000), (9, 5000)):
        delays = {choose_retry(hooks(env), view, FailedAttempt(5, failures), ERROR) for _ in range(50)}
        assert len(delays) > 10
        assert longest / 2 <= min(delays) < max(delays) <= longest


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [
        (FailedAttempt(1, 1, retryable=False), GIVE_UP),
        (FailedAttempt(3, 3, retryable=True), GIVE_UP),
        (FailedAttempt(1, 1, retry_after_ms=60_000), 60_000),
        (FailedAttempt(1, 1, retryable=True, retry_after_ms=60_000), 60_000),
    ],
)
def test_the_authors_advice_is_followed_within_the_nodes_attempts(
    env, attempt: FailedAttempt, answer: object
) -> None:
    assert choose_retry(hooks(env), visit(attempts=3), attempt, ERROR) == answer


def test_the_least_recently_used_bot_is_taken(env) -> None:
    assert choose_bot(hooks(env), visit(), [BotView(BotId("old")), BotView(BotId("new"))]) == "old"


def test_jobs_beyond_the_bound_are_held_with_the_numbers(env) -> None:
    request = AdmissionRequest(JobId("j"), "w")

    assert admit_job(hooks(env), request, EngineLoad(10_000)) is None
    assert admit_job(hooks(env, max_open_jobs=2), request, EngineLoad(1)) is None
    assert admit_job(hooks(env, max_open_jobs=2), request, EngineLoad(2)) == Hold(
        "2 jobs are open, engine.max_open_jobs is 2"
    )


def test_messages_about_a_job_say_so_in_their_headers(env) -> None:
    calls = hooks(env)

    assert add_headers(calls, "bots.call") == {}
    assert add_headers(calls, "jobs.events.j", JobId("j")) == {"x-ee-job": "j"}
    assert add_headers(calls, "activity.execute.b", JobId("j"), VisitId("a#1")) == {
        "x-ee-job": "j",
        "x-ee-visit": "a#1",
    }


def test_messages_are_counted_by_what_they_are_not_by_whom_they_name(env) -> None:
    core = CorePolicies(env)
    calls = HookCalls(env, {CORE: core})

    for subject, size in (("activity.execute.a", 10), ("activity.execute.b", 5), ("bots.hello", 1)):
        calls.tell_all(
            "ee_on_message",
            direction=Direction.OUT,
            subject=subject,
            size=size,
            headers={},
            outcome=MessageOutcome.PUBLISHED,
        )

    key = (Direction.OUT, MessageOutcome.PUBLISHED, "activity.execute")
    assert (core.messages[key], core.message_bytes[key], len(core.messages)) == (2, 15, 2)


@pytest.mark.parametrize("retryable", [None, True, False])
@pytest.mark.parametrize(("code", "is_retried"), [("busy", True), ("broken", False)])
def test_where_the_workflow_names_codes_they_alone_count(env, retryable, code, is_retried) -> None:
    view = visit(attempts=3, on=("busy",))

    answer = choose_retry(hooks(env), view, FailedAttempt(1, 1, retryable=retryable), Error(code, "t"))

    assert (answer is not GIVE_UP) is is_retried
