"""What follows when nobody knows what became of an attempt: repeated, asked about, or a person is asked (R20)."""

from __future__ import annotations

import asyncio
import json

import pytest

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def one(flow, work, end):
    def make(*, kind="work", node=None, **script):
        return flow(only=work(kind=kind, node=node, **script), end=end)

    return make


@pytest.fixture
def asked(one):
    """A workflow whose bot is asked when it falls silent."""

    def make(*, timeout=None, **script):
        return one(
            node={"on_lost": "ask", "timeout": {"heartbeat": "6s", "ask": "20s"} | (timeout or {})}, **script
        )

    return make


def without(*kinds, while_=lambda: True):
    """Drop what bots say of these kinds."""

    def copies(subject, body):
        if not subject.startswith("activity.response."):
            return 1
        return 0 if while_() and json.loads(body)["kind"] in kinds else 1

    return copies


def questions(w):
    """Return the attempts that bots were asked about, in order."""
    bodies = [json.loads(each.body) for each in w.published("activity.query.")]
    return [(body["visit"], body["attempt"]) for body in bodies if body.get("attempt")]


# -- retry -----------------------------------------------------------------------------------------------------


@virtual_time
async def test_idempotent_work_is_repeated_on_another_bot_while_the_first_drains(world, one):
    async with world() as w:
        await w.bot("a", "fetch", pool="p")
        job = await w.submit(one(kind="fetch", node={"bot": {"pool": "p"}}, seconds=30, output=3))
        await w.until(w.started)
        await w.crew["a"].kill()
        await w.bot("b", "fetch", pool="p")

        shown = await w.finished(job, within_s=120)

        assert shown["visits"][0]["output"] == 3
        assert [start[0] for start in w.started()] == ["a", "b"]
        first, second = w.find(job, "AttemptAssigned")
        assert (first.attempt, second.attempt) == (1, 2)
        assert w.events(job).count("AttemptLost") == 1
        assert "IncidentOpened" not in w.events(job)
        assert w.summary(job).open
        await w.crew["a"].start()
        await w.over(job)


@virtual_time
async def test_so_many_lost_attempts_ask_a_person(world, one):
    async with world() as w:
        await w.worker("w", "spare")
        job = await w.submit(one(kind="spare", node={"lost_attempts": 2}, hang=True))
        w.net.copies = without("heartbeat", "succeeded")

        incident = await w.incident(job, "Lost", within_s=200)

        assert incident["detail"]["attempt"] == 2
        assert len(w.find(job, "AttemptLost")) == 2
        await w.cancel(job)


@virtual_time
async def test_work_that_is_not_idempotent_is_repeated_where_the_workflow_says_so(world, one):
    async with world() as w:
        bot = await w.bot("a")
        job = await w.submit(one(node={"on_lost": "retry"}, seconds=30))
        await w.until(w.started)
        await bot.kill()

        await bot.start()

        await w.finished(job, within_s=200)
        assert w.started() == [f"a:{job}/only#1/1", f"a:{job}/only#1/2"]
        assert w.find(job, "AttemptLost")[0].why == "lost"


@virtual_time
async def test_local_work_that_died_with_the_engine_is_repeated_only_where_the_workflow_says_so(world, one):
    async with world() as w:
        careful = await w.submit(one(kind="post", seconds=5))
        bold = await w.submit(one(kind="post", node={"on_lost": "retry"}, seconds=5))
        await w.until(lambda: len(w.started()) == 2)

        await w.restart()

        await w.finished(bold)
        await w.incident(careful, "Lost")
        assert len(w.started(job=careful)) == 1
        await w.cancel(careful)


# -- which errors are retried ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codes", "attempts"), [(["no_use"], 3), (["soon"], 1), (None, 1)])
@virtual_time
async def test_codes_that_the_workflow_names_are_retried_whatever_the_author_says(
    world, one, codes, attempts
):
    async with world() as w:
        await w.bot()
        retry = {"attempts": 3, "delay": "1ms"} | ({"on": codes} if codes else {})

        job = await w.submit(one(node={"retry": retry}, fail=9, advice="permanent"))

        await w.finished(job, "failed")
        assert len(w.started()) == attempts


# -- ask ---------------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_result_that_the_ledger_has_is_taken_as_if_it_had_come_in_time(world, asked):
    async with world() as w:
        await w.bot()
        job = await w.submit(asked(seconds=3, output=5))
        w.net.copies = without("heartbeat", "succeeded", while_=lambda: not questions(w))

        shown = await w.finished(job)

        assert shown["visits"][0]["output"] == 5
        assert w.find(job, "AttemptQuestioned")[0].why == "heartbeat"
        assert "AttemptLost" not in w.events(job)
        assert len(w.started()) == 1


@virtual_time
async def test_a_bot_that_says_it_works_goes_on(world, asked):
    async with world() as w:
        await w.bot()
        job = await w.submit(asked(seconds=60, output=5))
        w.net.copies = without("heartbeat", while_=lambda: not questions(w))

        await w.finished(job, within_s=100)

        assert w.events(job).count("AttemptQuestioned") == 1
        assert "AttemptLost" not in w.events(job)


@virtual_time
async def test_a_bot_that_falls_silent_a_second_time_is_asked_a_second_time(world, asked):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(asked())
        request = await puppet.request()
        await puppet.answer(request, "accepted")
        await w.until(lambda: questions(w))
        await puppet.answer(request, "accepted")
        await asyncio.sleep(4)
        asked_before = len(questions(w))

        await w.incident(job, "Lost", within_s=30)

        assert len(questions(w)) > asked_before
        assert w.events(job).count("AttemptQuestioned") == 1
        assert w.find(job, "AttemptLost")[0].drains
        await puppet.answer(request, "stopped")
        await w.cancel(job)


@virtual_time
async def test_a_bot_that_answers_nothing_makes_it_lost_after_the_ask_time_out(world, asked):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(asked(seconds=100))
        await w.until(w.started)
        await bot.kill()
        await w.awaiting(job, "AttemptQuestioned")
        started = w.loop.time()
        await asyncio.sleep(18)
        assert "AttemptLost" not in w.events(job)
        shown = await w.job(job)
        assert "fell silent" in shown["waits"][0]["text"]

        await w.incident(job, "Lost")

        assert w.loop.time() - started == pytest.approx(20, abs=1)
        (lost,) = w.find(job, "AttemptLost")
        assert (lost.why, lost.drains) == ("heartbeat", True)
        await bot.start()
        await w.awaiting(job, "LateResponse")
        await w.cancel(job)


@virtual_time
async def test_a_bot_that_comes_back_and_has_no_result_makes_it_lost_without_a_drain(world, asked):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(asked(seconds=100))
        await w.until(w.started)
        await bot.kill()
        await w.awaiting(job, "AttemptQuestioned")

        await bot.start()

        await w.incident(job, "Lost")
        (lost,) = w.find(job, "AttemptLost")
        assert (lost.why, lost.drains) == ("lost", False)
        await w.cancel(job)


@virtual_time
async def test_a_bot_that_does_not_know_the_attempt_makes_it_lost_and_never_begins_it(world, asked):
    async with world() as w:
        bot = await w.bot()
        await w.finished(await w.submit(asked()))
        requests = []

        def no_requests(subject, body):
            if subject.startswith("activity.execute."):
                requests.append((subject, body))
                return 0
            return 1

        w.net.copies = no_requests
        job = await w.submit(asked(timeout={"accept": "5s"}))

        await w.incident(job, "Lost")

        (lost,) = w.find(job, "AttemptLost")
        assert (lost.why, lost.drains) == ("stopped", False)
        w.net.copies = lambda subject, body: 1
        await _late(w, *requests[0])
        await asyncio.sleep(5)
        assert not w.started(job=job)
        assert bot.life.is_running
        await w.cancel(job)


@virtual_time
async def test_a_bot_that_lost_its_memory_makes_it_lost(world, asked):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(asked(seconds=100))
        await w.until(w.started)
        await bot.lose_disk()
        await w.awaiting(job, "AttemptQuestioned")

        await bot.start()

        await w.incident(job, "Lost")
        assert not w.find(job, "AttemptLost")[0].drains
        await w.cancel(job)


@virtual_time
async def test_an_attempt_that_is_over_its_time_is_lost_though_the_bot_says_it_works(world, asked):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(asked(timeout={"run": "10s", "accept": "5s", "heartbeat": "60s"}))
        request = await puppet.request()
        await puppet.answer(request, "accepted")
        await w.until(lambda: questions(w))
        await puppet.answer(request, "accepted")

        await w.incident(job, "Lost", within_s=25)

        (lost,) = w.find(job, "AttemptLost")
        assert (lost.why, lost.drains) == ("run", True)
        await puppet.answer(request, "stopped")
        await w.cancel(job)


@pytest.mark.parametrize("answer", ["succeeded", "lost", None])
@virtual_time
async def test_a_restart_while_a_ledger_is_asked_asks_again_and_sends_no_request(world, asked, answer):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(asked())
        request = await puppet.request()
        await puppet.answer(request, "accepted")
        await w.awaiting(job, "AttemptQuestioned")
        sent, asked_before = len(w.published("activity.execute.")), len(questions(w))

        await w.restart()

        await w.until(lambda: len(questions(w)) > asked_before)
        if answer is not None:
            await puppet.answer(request, answer, output=9)
        if answer == "succeeded":
            await w.finished(job)
        else:
            await w.incident(job, "Lost", within_s=30)
            assert w.find(job, "AttemptLost")[0].drains is (answer is None)
        assert len(w.published("activity.execute.")) == sent
        assert w.events(job).count("AttemptQuestioned") == 1
        await puppet.answer(request, "stopped")
        await w.cancel(job)


@virtual_time
async def test_nothing_is_asked_before_it_is_recorded(world, asked):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(asked())
        await puppet.answer(await puppet.request(), "accepted")
        await asyncio.sleep(5)
        w.disk.full = True
        await asyncio.sleep(30)
        assert not questions(w)

        w.disk.full = False

        await w.until(lambda: questions(w), within_s=60)
        assert "AttemptQuestioned" in w.events(job)
        await puppet.answer(await puppet.request(), "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_cancel_while_a_ledger_is_asked_drains_the_bot(world, asked):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(asked())
        request = await puppet.request()
        await puppet.answer(request, "accepted")
        await w.awaiting(job, "AttemptQuestioned")

        await w.cancel(job)

        asked_before = len(questions(w))
        await asyncio.sleep(10)
        assert len(questions(w)) == asked_before
        await puppet.answer(request, "stopped")
        await w.over(job)


async def _late(w, subject, body):
    """Let a request come that was held up."""
    await w.broker.publish(Channel(ChannelKind.INBOX, subject), body)
