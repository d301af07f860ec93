"""A bot over a broker, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.bot.ledger import IN_MEMORY, open_ledger
from ee_core.bot.lifetime import HostSettings
from ee_core.contracts.broker import ChannelKind
from ee_core.errors import BrokerUnavailableError
from ee_core.messages.bots import BotsCall
from ee_core.model.ids import Fence
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_request_is_accepted_then_answered_with_the_result(world, sleeper):
    async with world() as w, w.host():
        await w.send(w.request())
        last = await w.until("accepted", "succeeded")

        assert last.output == {"slept": 10}
        assert (last.job, last.visit, last.attempt, last.fence) == ("j1", "a#1", 1, Fence(100, 1))
        assert (last.ledger, last.highest) == (w.ledger.ledger_id, Fence(100, 1))
        assert sleeper.log == [("start", "a#1"), ("end", "a#1")]


@virtual_time
async def test_running_attempt_gives_signs_of_life_well_within_its_heartbeat_time(world):
    async with world() as w, w.host():
        await w.send(w.request(heartbeat_ms=3000))
        await w.until("accepted", "succeeded")

        signs = [answer for answer in w.answers if answer.kind == "heartbeat"]
        assert len(signs) in {9, 10}  # one a second; the last falls together with the end


@virtual_time
async def test_request_that_comes_twice_is_carried_out_once(world, sleeper):
    async with world() as w, w.host():
        await w.send(w.request())
        await w.send(w.request())
        await w.until("accepted", "accepted", "succeeded")
        await w.send(w.request())
        again = await w.until("accepted", "accepted", "succeeded", "succeeded")

        assert again.output == {"slept": 10}
        assert sleeper.starts == ["a#1"]


@virtual_time
async def test_known_attempt_with_another_input_is_a_conflict(world, sleeper):
    async with world() as w, w.host():
        await w.send(w.request())
        await w.send(w.request(input={"seconds": 11}))
        await w.until("accepted", "conflict", "succeeded")

        assert sleeper.starts == ["a#1"]


@virtual_time
async def test_lower_fence_is_stale_and_the_answer_says_the_highest(world, sleeper):
    async with world() as w, w.host():
        await w.send(w.request("b#1", n=5, input={"seconds": 0}))
        await w.until("accepted", "succeeded")
        await w.send(w.request("a#1", n=4))
        answer = await w.until("accepted", "succeeded", "stale")

        assert answer.highest == Fence(100, 5)
        assert sleeper.starts == ["b#1"]


@virtual_time
async def test_higher_fence_while_one_runs_is_busy_and_starts_when_it_comes_again(world, sleeper):
    async with world() as w, w.host():
        await w.send(w.request("a#1", n=1))
        await w.send(w.request("b#1", n=2))
        answer = await w.until("accepted", "busy")
        assert answer.running is not None
        assert answer.running.visit == "a#1"
        await w.until("accepted", "busy", "succeeded")
        await w.send(w.request("b#1", n=2))
        await w.until("accepted", "busy", "succeeded", "accepted", "succeeded")

        assert sleeper.log == [("start", "a#1"), ("end", "a#1"), ("start", "b#1"), ("end", "b#1")]


@virtual_time
async def test_cancel_stops_the_attempt_and_is_answered_when_it_has_really_stopped(world, sleeper):
    sleeper.stop_s = 7
    async with world() as w, w.host():
        await w.send(w.request())
        await w.until("accepted")
        await w.cancel(w.request())
        await w.cancel(w.request())
        await w.send(w.request("b#1", n=2))
        await w.until("accepted", "busy")
        assert sleeper.log == [("start", "a#1")]
        answer = await w.until("accepted", "busy", "stopped")

        assert answer.error is not None
        assert answer.error.code == "cancelled"
        assert asyncio.get_running_loop().time() == pytest.approx(7, abs=0.1)


@virtual_time
async def test_attempt_that_finishes_although_cancelled_answers_its_result(world, sleeper):
    sleeper.stubborn = True
    async with world() as w, w.host():
        await w.send(w.request())
        await w.until("accepted")
        await w.cancel(w.request())
        await w.until("accepted", "succeeded")


@virtual_time
async def test_cancel_that_overtakes_its_request_keeps_it_from_starting(world, sleeper):
    async with world() as w, w.host():
        await w.cancel(w.request())
        first = await w.until("stopped")
        await w.send(w.request())
        second = await w.until("stopped", "stopped")

        assert first.fence == second.fence == Fence(100, 1)
        assert sleeper.starts == []


@virtual_time
async def test_question_about_an_unknown_attempt_is_answered_idle_and_keeps_it_from_starting(world, sleeper):
    async with world() as w, w.host():
        await w.ask(w.request())
        await w.ask(w.request())
        idle = await w.until("idle", "idle")
        assert (idle.job, idle.visit, idle.attempt, idle.lease) == ("j1", "a#1", 1, 100)
        await w.send(w.request())
        stopped = await w.until("idle", "idle", "stopped")

        assert stopped.fence == Fence(100, 1)
        assert sleeper.starts == []


@virtual_time
async def test_question_about_a_running_attempt_is_answered_accepted_and_about_a_finished_one_its_response(
    world,
):
    async with world() as w, w.host():
        await w.send(w.request())
        await w.until("accepted")
        await w.ask(w.request())
        await w.until("accepted", "accepted", "succeeded")
        await w.ask(w.request())
        await w.until("accepted", "accepted", "succeeded", "succeeded")


@virtual_time
async def test_claim_of_an_idle_bot_is_answered_idle_and_makes_earlier_leases_stale(world, sleeper):
    async with world() as w, w.host():
        await w.claim(200)
        idle = await w.until("idle")
        assert (idle.lease, idle.highest, idle.running) == (200, Fence(200, 0), None)
        await w.send(w.request(n=1000))
        await w.until("idle", "stale")

        assert w.ledger.highest == Fence(200, 0)
        assert sleeper.starts == []


@virtual_time
async def test_claim_of_a_busy_bot_says_what_runs_and_leaves_it_running(world):
    async with world() as w, w.host():
        await w.send(w.request())
        await w.until("accepted")
        await w.claim(200)
        busy = await w.until("accepted", "busy")
        assert busy.running is not None
        assert (busy.lease, busy.running.visit, busy.job) == (200, "a#1", None)
        await w.until("accepted", "busy", "succeeded")


@virtual_time
async def test_claim_with_a_lease_lower_than_the_highest_is_stale(world):
    async with world() as w, w.host():
        await w.claim(200)
        await w.claim(199)
        answer = await w.until("idle", "stale")

        assert answer.highest == Fence(200, 0)


@virtual_time
async def test_request_for_another_ledger_is_refused_by_name(world, sleeper):
    async with world() as w, w.host():
        await w.send(w.request(ledger="lost-disk"))
        answer = await w.until("wrong_ledger")

        assert answer.ledger == w.ledger.ledger_id
        assert sleeper.starts == []


@virtual_time
async def test_response_is_repeated_ever_more_seldom_until_it_is_acknowledged(world):
    async with world() as w, w.host():
        w.acks = False
        await w.send(w.request(input={"seconds": 0}))
        await asyncio.sleep(60)
        unacknowledged = w.kinds.count("succeeded")
        w.acks = True
        await asyncio.sleep(120)
        acknowledged = w.kinds.count("succeeded")
        await asyncio.sleep(3600)

        assert 4 <= unacknowledged <= 7
        assert acknowledged == unacknowledged + 1
        assert w.kinds.count("succeeded") == acknowledged


@virtual_time
async def test_restarted_bot_repeats_a_finished_response_that_was_not_acknowledged(world, sleeper):
    async with world() as w:
        w.acks = False
        async with w.host(settings=HostSettings(ack_grace_s=0)) as first:
            await w.send(w.request(input={"seconds": 0}))
            await w.until("accepted", "succeeded")
            first.stop()
        w.answers.clear()
        w.acks = True
        async with w.host():
            answer = await w.until("succeeded")

        assert answer.output == {"slept": 0}
        assert answer.instance not in {"", None}
        assert sleeper.starts == ["a#1"]


@virtual_time
async def test_attempt_that_was_started_by_a_dead_process_is_answered_lost_and_not_started_again(
    world, sleeper
):
    async with world() as w:
        sleeper.stop_s = 1000
        async with w.host(settings=HostSettings(stop_grace_s=1)) as first:
            await w.send(w.request())
            await w.until("accepted")
            first.stop()
        async with w.host():
            answer = await w.until("accepted", "lost")
            await w.send(w.request())
            await w.until("accepted", "lost", "lost")

        assert answer.fence == Fence(100, 1)
        assert sleeper.starts == ["a#1"]


@virtual_time
async def test_stop_ends_the_attempt_and_says_stopped(world):
    async with world() as w:
        async with w.host() as host:
            await w.send(w.request())
            await w.until("accepted")
            host.stop()
            answer = await w.until("accepted", "stopped")

        assert answer.error is not None
        assert answer.error.code == "bot_stopped"


@virtual_time
async def test_cancelled_host_writes_how_its_attempt_ended(world):
    async with world() as w:
        running = asyncio.create_task(w.host().run())
        await asyncio.sleep(1)
        await w.send(w.request())
        await w.until("accepted")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        [entry] = w.ledger.open_entries()
        assert b'"stopped"' in (entry.response or b"")


@virtual_time
async def test_run_time_that_is_over_stops_the_attempt(world, sleeper):
    async with world() as w, w.host():
        await w.send(w.request(run_ms=2500))
        answer = await w.until("accepted", "stopped")

        assert answer.error is not None
        assert answer.error.code == "run_timeout"
        assert asyncio.get_running_loop().time() == pytest.approx(2.5, abs=0.1)
        assert sleeper.log == [("start", "a#1"), ("end", "a#1")]


@virtual_time
async def test_draining_bot_finishes_its_attempt_and_leaves_new_requests_in_the_inbox(world, sleeper):
    async with world() as w:
        async with w.host() as host:
            await w.send(w.request("a#1", n=1))
            await w.until("accepted")
            host.drain()
            await asyncio.sleep(0.1)
            await w.send(w.request("b#1", n=2, input={"seconds": 1}))
        assert w.kinds == ["accepted", "succeeded"]
        assert [hello.leaving for hello in w.hellos] == [False, True, True]
        async with w.host():
            await w.until("accepted", "succeeded", "accepted", "succeeded")

        assert sleeper.starts == ["a#1", "b#1"]


@virtual_time
async def test_messages_that_are_garbage_are_set_aside_and_the_bot_goes_on(world, caplog):
    async with world() as w, w.host():
        s = w.subjects
        for inbox in (s.execute, s.cancel, s.query_bot, s.ack):
            for body in (b"", b"\xff", b"[]", b'{"v": 2}', b'{"v": 1, "job": 7}'):
                await w.send_bytes(inbox("pc-7"), body)
        await w.send(w.request("x#1", fence=None))
        await w.send(w.request("y#1", reply_to="no subject"))
        await w.send_bytes(s.bots_call, b"{", ChannelKind.BROADCAST)
        await w.send(w.request(input={"seconds": 0}))
        await w.until("accepted", "succeeded")

    rejected = [record for record in caplog.records if record.__dict__.get("action") == "message_rejected"]
    rejected = [record for record in rejected if record.name.startswith("ee_core.bot")]
    assert len(rejected) == 4 * 5 + 2 + 1


@virtual_time
async def test_type_that_is_not_served_fails_for_good_and_names_what_is(world):
    async with world() as w, w.host():
        await w.send(w.request(activity="fly"))
        answer = await w.until("accepted", "failed")

        assert answer.error is not None
        assert answer.error.code == "unknown_activity"
        assert "'fly'" in answer.error.text
        assert "sleep" in answer.error.text
        assert answer.retryable is False


@virtual_time
async def test_bot_says_hello_at_the_start_and_when_called(world):
    async with world() as w, w.host():
        await w.send(w.request())
        await w.until("accepted")
        await w.send_bytes(w.subjects.bots_call, BotsCall().to_bytes(), ChannelKind.BROADCAST)
        await asyncio.sleep(0.1)

        first, second = w.hellos
        assert (first.bot, first.ledger, first.activities, first.labels) == (
            "pc-7",
            w.ledger.ledger_id,
            ("sleep",),
            {"app": "sap"},
        )
        assert first.running is None
        assert second.running is not None
        assert (second.running.visit, second.instance) == ("a#1", first.instance)


@virtual_time
async def test_other_process_with_the_same_id_is_logged_as_an_error(world, caplog):
    async with world() as w, w.host():
        other = open_ledger(IN_MEMORY, bot="pc-7", env=w.env)
        async with w.host(ledger=other):
            await asyncio.sleep(0.1)
        other.close()

    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert {record.__dict__["action"] for record in errors} == {"bot_twice"}
    assert "another ledger" in errors[0].getMessage()
    assert (
        len({record.getMessage() for record in errors}) == len(errors) == 2
    )  # each heard of the other, once


@virtual_time
async def test_host_ends_with_an_error_when_its_broker_is_closed(world):
    async with world() as w:
        running = asyncio.create_task(w.host().run())
        await asyncio.sleep(1)
        await w.broker.close()
        with pytest.raises(BrokerUnavailableError, match="pc-7"):
            await running
