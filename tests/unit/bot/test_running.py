"""How an attempt's end becomes words of the wire."""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc

import pytest

from ee_core.bot import Bot, Context
from ee_core.bot.running import Attempt, Outcome
from ee_core.errors import (
    ActivityError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.simulation.loop import VirtualLoopError
from ee_core.simulation.pytest import virtual_time


def attempt_of(function, **options) -> Attempt:
    bot = Bot("b")
    bot.activity("t")(function)
    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1", activity="t")
    return Attempt(bot.activities["t"], context, {}, **options)


def raising(error):
    async def act():
        raise error

    return act


def returning(value, limit=100):
    class Plugin:
        name = "t"
        input_schema = output_schema = None

        async def run(self, context, given):
            return value

    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1")
    return Attempt(Plugin(), context, None, max_output_bytes=limit)


@pytest.mark.parametrize(
    ("error", "code", "text", "retryable", "after_ms"),
    [
        (ActivityError("no paper", code="paper"), "paper", "no paper", None, None),
        (PermanentActivityError("no such invoice"), "failed", "no such invoice", False, None),
        (TransientActivityError("busy"), "transient", "busy", True, None),
        (TransientActivityError("busy", retry_after_s=1.5), "transient", "busy", True, 1500),
        (ZeroDivisionError("division by zero"), "error", "division by zero", None, None),
        (ValueError(), "error", "the activity raised ValueError without a text", None, None),
        (KeyError("k"), "error", "KeyError: 'k'", None, None),
        (KeyError("no customer of that name"), "error", "KeyError: 'no customer of that name'", None, None),
        (ValueError(7), "error", "ValueError: 7", None, None),
        (OSError(2, "No such file"), "error", "[Errno 2] No such file", None, None),
        (ActivityError("x" * 20_000, code="y" * 200), "y" * 100, "x" * 10_000, None, None),
    ],
)
@virtual_time
async def test_error_becomes_code_and_text_and_the_author_s_advice(error, code, text, retryable, after_ms):
    outcome = await attempt_of(raising(error)).carry_out()

    assert outcome.error is not None
    assert (outcome.kind, outcome.error.code, outcome.error.text) == ("failed", code, text)
    assert (outcome.retryable, outcome.retry_after_ms) == (retryable, after_ms)


class UnreadableError(Exception):
    def __str__(self):
        raise LookupError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SystemExit("no more"), "the activity wanted to end its process: no more"),
        (SystemExit(3), "the activity wanted to end its process: 3"),
        (KeyboardInterrupt("^C"), "KeyboardInterrupt was raised: ^C"),
        (StopIteration("over"), "StopIteration was raised: over"),
        (UnreadableError(), "the activity raised UnreadableError, whose text cannot be read"),
    ],
)
async def test_what_would_end_more_than_the_attempt_fails_it(error, text):
    def act():
        raise error

    outcome = await attempt_of(act).carry_out()

    assert (outcome.kind, outcome.error.code, outcome.error.text) == ("failed", "error", text)


async def test_an_async_function_cannot_end_the_process_either():
    outcome = await attempt_of(raising(SystemExit("no more"))).carry_out()

    assert outcome.error.text == "the activity wanted to end its process: no more"


@virtual_time
async def test_activity_that_cannot_tell_what_happened_is_lost():
    outcome = await attempt_of(raising(LostActivityError("no answer"))).carry_out()

    assert outcome.error is not None
    assert (outcome.kind, outcome.error.text) == ("lost", "no answer")


@pytest.mark.parametrize(
    "value", [object(), (1, 2), {1: 2}, {"a": {2}}, float("nan"), [float("inf")], "\ud800", b"x"]
)
@virtual_time
async def test_output_that_is_no_plain_json_fails(value):
    outcome = await returning(value).carry_out()

    assert outcome.error is not None
    assert (outcome.kind, outcome.error.code) == ("failed", "bad_output")


@virtual_time
async def test_output_nested_too_deeply_fails():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    outcome = await returning(value, limit=10**6).carry_out()

    assert outcome.error is not None
    assert outcome.error.code == "bad_output"


@virtual_time
async def test_output_over_the_limit_fails_and_names_the_bytes():
    fits = await returning("é" * 49).carry_out()
    outcome = await returning("é" * 50).carry_out()

    assert fits == Outcome("succeeded", output="é" * 49)
    assert outcome.error is not None
    assert outcome.error.code == "output_too_large"
    assert "102 bytes, the limit is 100" in outcome.error.text


@pytest.mark.parametrize(
    "wrap", [lambda text: text, lambda text: {"lines": [text, 1]}, lambda text: {text: None}]
)
@virtual_time
async def test_a_huge_output_is_refused_before_it_is_copied(wrap):
    huge = wrap("x" * 200_000_000)
    tracemalloc.start()
    outcome = await returning(huge).carry_out()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert outcome.error is not None
    assert outcome.error.code == "output_too_large"
    assert "at least 2000000" in outcome.error.text
    assert "the limit is 100; send large values by reference" in outcome.error.text
    assert peak < 10_000_000


@virtual_time
async def test_an_output_that_holds_itself_is_no_json():
    circle: list[object] = []
    circle.append(circle)

    outcome = await returning(circle).carry_out()

    assert outcome.error is not None
    assert outcome.error.code == "bad_output"


@virtual_time
async def test_attempt_stopped_before_it_began_never_begins():
    begun = []

    async def act():
        begun.append(1)

    attempt = attempt_of(act)
    attempt.stop("no")
    outcome = await attempt.carry_out()

    assert outcome.kind == "stopped"
    assert begun == []


@virtual_time
async def test_second_stop_does_not_disturb_the_cleaning_up():
    async def act():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(5)

    attempt = attempt_of(act)
    running = asyncio.create_task(attempt.carry_out())
    await asyncio.sleep(1)
    attempt.stop("first", code="one")
    await asyncio.sleep(1)
    attempt.stop("second", code="two")
    outcome = await running

    assert outcome.error is not None
    assert outcome.error.code == "one"
    assert asyncio.get_running_loop().time() == pytest.approx(6)


@virtual_time
async def test_activity_that_fails_while_it_stops_failed():
    async def act():
        try:
            await asyncio.sleep(100)
        finally:
            raise ActivityError("half done", code="half")

    outcome = await attempt_of(act, run_ms=1000).carry_out()

    assert outcome.error is not None
    assert (outcome.kind, outcome.error.code) == ("failed", "half")


@virtual_time
async def test_activity_that_cancels_itself_failed():
    async def act():
        raise asyncio.CancelledError

    outcome = await attempt_of(act).carry_out()

    assert outcome.kind == "failed"


@virtual_time
async def test_activity_that_does_not_stop_is_let_go_after_the_grace():
    async def act():
        while True:
            try:
                await asyncio.sleep(3)
            except asyncio.CancelledError:
                if asyncio.get_running_loop().time() > 2:
                    raise

    running = asyncio.create_task(attempt_of(act).carry_out(grace_s=2))
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.get_running_loop().time() == pytest.approx(3)


@virtual_time
async def test_ordinary_function_cannot_run_on_the_virtual_loop_and_says_so():
    def act(): ...

    outcome = await attempt_of(act).carry_out()

    assert outcome.error is not None
    assert (outcome.kind, "no threads" in outcome.error.text) == ("failed", True)
    assert VirtualLoopError.__name__ not in outcome.error.text


async def test_function_in_a_thread_learns_of_the_stop_when_it_reports_progress():
    begun = threading.Event()

    def act(ctx: Context):
        begun.set()
        while True:
            ctx.progress(0.5, "half")
            ctx.wait_for_cancel(10)

    attempt = attempt_of(act)
    running = asyncio.create_task(attempt.carry_out())
    await asyncio.to_thread(begun.wait, 10)
    attempt.stop("enough", code="cancelled")
    outcome = await running

    assert outcome.error is not None
    assert (outcome.kind, outcome.error.code) == ("stopped", "cancelled")
    assert attempt.context.last_progress is not None
    assert attempt.context.last_progress.text == "half"


async def test_function_in_a_thread_that_looks_and_returns_has_its_result():
    begun = threading.Event()

    def act(ctx: Context):
        begun.set()
        while not ctx.is_cancelled:
            time.sleep(0.001)
        return "as far as I came"

    attempt = attempt_of(act)
    running = asyncio.create_task(attempt.carry_out())
    await asyncio.to_thread(begun.wait, 10)
    attempt.stop("enough")

    assert await running == Outcome("succeeded", output="as far as I came")


async def test_function_in_a_thread_that_does_not_look_runs_to_its_end_before_the_attempt_ends():
    begun, go_on = threading.Event(), threading.Event()

    def act():
        begun.set()
        assert go_on.wait(10)
        return "done"

    attempt = attempt_of(act)
    running = asyncio.create_task(attempt.carry_out())
    await asyncio.to_thread(begun.wait, 10)
    attempt.stop("enough")
    done, _ = await asyncio.wait({running}, timeout=0.05)
    assert not done
    go_on.set()

    assert (await running).output == "done"


async def test_function_in_a_thread_is_let_go_when_the_process_cannot_wait():
    begun, go_on = threading.Event(), threading.Event()

    def act():
        begun.set()
        go_on.wait(10)

    running = asyncio.create_task(attempt_of(act).carry_out(grace_s=0.01))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go_on.set()


def test_progress_outside_its_range_is_refused():
    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1")
    for fraction in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="0 to 1"):
            context.progress(fraction)


def test_log_of_an_attempt_carries_its_name(caplog):
    context = Context(job="j", node="n", visit="n#1", attempt=2, idempotency_key="j/n#1")
    context.log.warning("page %s", 4, extra={"page": 4})

    [record] = caplog.records
    assert record.getMessage() == "j/n#1/2: page 4"
    assert (record.__dict__["job"], record.__dict__["attempt"], record.__dict__["page"]) == ("j", 2, 4)
