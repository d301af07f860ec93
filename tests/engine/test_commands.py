"""Commands: each is carried out once, answered when it is durable, and refused in words (R15, R26, R27)."""

from __future__ import annotations

import asyncio
import json

import pytest

from ee_core.errors import (
    ConflictError,
    EngineError,
    InputError,
    NotFoundError,
    PayloadTooLargeError,
    WorkflowError,
)
from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def quick(flow, work, end):
    return flow(only=work(kind="fetch"), end=end)


@virtual_time
async def test_r26_the_same_command_twice_is_one_job(world, quick):
    async with world() as w:
        first = await w.execute(quick, "j1")
        second = await w.execute(quick, "j1")
        await w.finished("j1")
        third = await w.execute(quick, "j1")

        assert [first.status, second.status, third.status] == ["accepted", "known", "known"]
        assert w.events("j1").count("JobAccepted") == 1


@virtual_time
async def test_r26_the_same_command_sent_twice_at_once_is_one_job(world, quick):
    async with world() as w:
        replies = await asyncio.gather(w.execute(quick, "j1"), w.execute(quick, "j1"))

        assert sorted(reply.status for reply in replies) == ["accepted", "known"]
        await w.finished("j1")
        assert w.events("j1").count("JobAccepted") == 1


@virtual_time
async def test_r26_the_same_id_with_other_content_is_a_conflict(world, quick):
    async with world() as w:
        await w.execute(quick, "j1", priority=1)

        with pytest.raises(ConflictError):
            await w.execute(quick, "j1", priority=2)

        await w.finished("j1")
        with pytest.raises(ConflictError):
            await w.execute(quick, "j1", inputs={}, owner="ann", priority=1)


@virtual_time
async def test_r26_a_command_without_id_that_is_delivered_again_is_the_same_job(world, quick):
    async with world(engine=False) as w:
        await w.send("jobs.execute", w.command(quick))
        await w.start()
        await w.until(lambda: w.store.summaries)
        job = next(iter(w.store.summaries))
        await w.restart()

        await w.finished(job)
        assert list(w.store.summaries) == [job]


@virtual_time
async def test_r26_a_command_without_id_whose_acknowledgement_was_lost_is_the_same_job(world, quick):
    async with world(engine=False) as w:

        def cut_after_the_command(subject, body):
            w.net.down = w.net.down or subject.startswith("jobs.command.")
            return 1

        w.net.copies = cut_after_the_command
        await w.send("jobs.execute", w.command(quick))
        await w.start()
        await w.until(lambda: w.net.down)
        w.net.copies = lambda subject, body: 1
        await asyncio.sleep(1)
        w.net.down = False
        await w.restart()

        await w.until(lambda: len(w.published("jobs.command.")) == 2)
        await w.until(lambda: w.store.summaries)
        (job,) = w.store.summaries
        await w.finished(job)
        await asyncio.sleep(5)
        assert list(w.store.summaries) == [job]


@virtual_time
async def test_two_commands_without_ids_are_two_jobs(world, quick):
    async with world() as w:
        for _ in range(2):
            await w.send("jobs.execute", w.command(quick))

        await w.until(lambda: len(w.store.summaries) == 2)
        for job in w.store.summaries:
            await w.finished(job)


@virtual_time
async def test_a_bare_string_is_a_workflow_to_execute_or_a_job_to_cancel(world, flow, work, end):
    async with world() as w:
        w.catalogue.add(flow("patient", only=work(kind="fetch", seconds=100), end=end))
        await w.send("jobs.execute", '"patient"')
        await w.until(lambda: w.store.summaries)
        job = next(iter(w.store.summaries))

        await w.send("jobs.cancel", json.dumps(job))

        await w.finished(job, "cancelled")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ({"workflow": 7}, "workflow"),
        ({"inputs": {}}, "workflow"),
        ({"v": 2, "workflow": "a"}, "version 2"),
        ({"workflow": "a", "id": "not an id"}, "id"),
        ({"workflow": "a", "priority": "high"}, "priority"),
    ],
)
@virtual_time
async def test_r27_a_command_that_cannot_be_read_is_answered_and_set_aside(world, command, says):
    async with world() as w, w.inbox() as replies:
        await w.send("jobs.execute", json.dumps(command | {"reply_to": "_INBOX.test"}))

        await w.until(lambda: replies)
        assert replies[0].error.code == "bad_message"
        assert says in replies[0].error.text
        assert [each.about for each in w.happenings if each.what == "reject"] == ["jobs.execute"]
        assert not w.store.summaries


@pytest.mark.parametrize("subject", ["jobs.execute", "jobs.cancel", "jobs.operate", "jobs.command.0"])
@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"", b"17", b"null", b"[]", b'{"v": 1}', b"[" * 5000])
@virtual_time
async def test_r27_bytes_that_are_no_command_are_set_aside_and_the_next_is_taken(world, quick, subject, body):
    async with world() as w:
        await w.send(subject, body)

        await w.finished(await w.submit(quick))
        assert [each.about for each in w.happenings if each.what == "reject"] == [subject]


@virtual_time
async def test_an_answer_never_goes_to_a_subject_of_the_system(world, quick):
    async with world() as w:
        await w.send("jobs.execute", w.command(quick, "j1", reply_to="jobs.command.0"))

        await w.finished("j1")
        assert len(w.published("jobs.command.0")) == 1  # the command itself on its way


NASTY = [
    b'{"workflow": "\\ud800"}',
    b'{"workflow": {"ee": 1, "name": "\\ud800"}}',
    b'{"workflow": "a", "inputs": {"x": "\\ud800"}, "labels": {"\\ud800": ""}}',
    b'{"workflow": "a", "priority": ' + b"9" * 5000 + b"}",
    b'{"workflow": "a", "inputs": {"x": ' + b"9" * 5000 + b"}}",
    b'{"workflow": "a", "inputs": {"x": NaN}}',
    b'{"workflow": "a", "inputs": {"x": 1e999}}',
    b'{"workflow": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
    b'{"workflow": {"ee": 1, "name": "x", "start": "a", "nodes": {"a": null}}}',
    b'{"workflow": {"ee": 1, "name": 7, "start": [], "nodes": []}}',
    b'{"workflow": [{"id": 1}, null, {"type": "Start", "pointers": {}}]}',
    b'{"workflow": "a@@b@c", "bindings": {"x": null}}',
    b'{"job": "j1", "incident": "i1", "action": "skip", "id": "a", "output": "\\ud800"}',
    b'{"job": "j1", "reason": "\\ud800"}',
]


@pytest.mark.parametrize("subject", ["jobs.execute", "jobs.cancel", "jobs.operate"])
@pytest.mark.parametrize("body", NASTY, ids=range(len(NASTY)))
@virtual_time
async def test_r27_a_nasty_command_costs_nobody_but_its_sender(world, quick, subject, body):
    async with world() as w, w.inbox() as replies:
        await w.send(subject, body[:-1] + b', "reply_to": "_INBOX.test"}')
        await asyncio.sleep(10)

        assert w.engine.life.is_running
        assert not w.engine.engine.jobs.parked
        assert len(replies) <= 1
        await w.finished(await w.submit(quick, "good"))


@pytest.mark.parametrize(
    "reply_to", ["_INBOX.a b", "_INBOX.*", "_INBOX.>", "_INBOX.", "_INBOX.\u00e9", "_INBOX..x"]
)
@virtual_time
async def test_r27_a_reply_subject_that_is_none_costs_the_sender_its_answer_alone(world, quick, reply_to):
    async with world() as w:
        await w.send("jobs.execute", w.command(quick, "j1", reply_to=reply_to))
        await w.send("jobs.execute", json.dumps({"reply_to": reply_to}))

        await w.finished("j1")
        await w.finished(await w.submit(quick, "j2"))


@virtual_time
async def test_r27_a_command_that_crashes_its_handling_is_set_aside_after_three_tries(world, quick, tries):
    async with world() as w, w.inbox() as replies:
        await w.send("jobs.execute", w.command(quick, "j1", owner="bad"))

        await w.until(lambda: replies)
        assert tries == ["j1"] * 3
        assert "planted" in replies[0].error.text
        assert [each.about for each in w.happenings if each.what == "reject"] == ["jobs.command.0"]
        await w.finished(await w.submit(quick, "j2"))


@virtual_time
async def test_a_workflow_that_is_not_known_is_refused_by_name(world):
    async with world() as w:
        with pytest.raises(NotFoundError, match="'absent'"):
            await w.submit("absent")
        assert not w.store.summaries


@virtual_time
async def test_a_workflow_that_does_not_load_is_refused_and_its_id_stays_usable(
    world, flow, work, quick, end
):
    async with world() as w:
        with pytest.raises(WorkflowError, match="nowhere"):
            await w.submit(flow(only=work("nowhere"), end=end), "j1")

        assert await w.submit(quick, "j1") == "j1"
        await w.finished("j1")


@virtual_time
async def test_inputs_that_do_not_fit_are_refused(world, flow, work, end):
    async with world() as w:
        wants = flow(inputs={"n": {"type": "integer"}}, only=work(kind="fetch"), end=end)

        with pytest.raises(InputError, match="n"):
            await w.submit(wants, inputs={"n": "seven"})
        with pytest.raises(InputError, match="n"):
            await w.submit(wants)


@virtual_time
async def test_r24_a_command_too_large_for_a_record_is_refused_and_its_id_stays_usable(
    world, flow, work, end
):
    async with world() as w:
        wants = flow(inputs={"text": {"type": "string"}}, only=work(kind="fetch"), end=end)

        with pytest.raises(InputError, match="bytes"):
            await w.submit(wants, "j1", inputs={"text": "x" * 300_000})

        assert not w.store.summaries
        assert not w.engine.engine.jobs.parked
        await w.submit(wants, "j1", inputs={"text": "x"})
        await w.finished("j1")


@virtual_time
async def test_r24_labels_too_large_for_a_record_are_refused_and_the_id_stays_usable(world, quick):
    async with world() as w:
        with pytest.raises(EngineError, match="bytes"):
            await w.submit(quick, "j1", labels={"text": "x" * 300_000})

        assert not w.store.summaries
        assert not w.engine.engine.jobs.parked
        await w.submit(quick, "j1")
        await w.finished("j1")


@virtual_time
async def test_a_message_larger_than_the_broker_takes_is_refused_where_it_is_sent(world, quick):
    async with world() as w:
        with pytest.raises(PayloadTooLargeError, match="bytes"):
            await w.submit(quick, inputs={"text": "x" * 1_100_000})


# -- cancel --------------------------------------------------------------------------------------------------


@virtual_time
async def test_r15_a_cancel_that_comes_first_leaves_a_tombstone(world, quick):
    async with world() as w:
        reply = await w.cancel("j1", reason="changed my mind")
        late = await w.execute(quick, "j1")
        other = await w.execute(quick, "j1", priority=7)

        assert [reply.status, late.status, other.status] == ["unknown", "cancelled", "cancelled"]
        assert w.events("j1") == ["TombstoneLaid"]
        assert (await w.job("j1"))["outcome"] == "cancelled"
        assert not len(w.engine.engine.jobs)


@virtual_time
async def test_r15_a_tombstone_outlives_the_engine(world, quick):
    async with world() as w:
        await w.cancel("j1")
        await w.restart()

        assert (await w.execute(quick, "j1")).status == "cancelled"


@virtual_time
async def test_r15_a_cancel_of_a_finished_job_is_answered_and_not_recorded(world, quick):
    async with world() as w:
        job = await w.submit(quick)
        await w.finished(job)
        before = w.events(job)

        assert (await w.cancel(job)).status == "finished"
        assert w.events(job) == before


@virtual_time
async def test_r15_a_cancel_while_the_job_waits_for_a_bot_withdraws_it(world, flow, work, end):
    async with world() as w:
        job = await w.submit(flow(only=work(), end=end))

        assert (await w.cancel(job, reason="no need")).status == "cancelled"

        assert (await w.finished(job, "cancelled"))["reason"] == "no need"
        assert w.engine.engine.fleet.waiting == 0
        await w.bot()
        await asyncio.sleep(10)
        assert not w.started()


@virtual_time
async def test_r15_a_cancel_while_a_bot_works_drains_it_and_the_next_visit_gets_it_only_then(
    world, flow, work, end
):
    async with world() as w:
        await w.bot()
        first = await w.submit(flow(only=work(seconds=500, stubborn=20, output="done all the same"), end=end))
        await w.until(w.started)
        second = await w.submit(flow(only=work(), end=end))

        await w.cancel(first)

        await w.until(lambda: w.events(first)[-1] == "JobFinished")
        assert await w.bots() == {"pc-1": "Draining"}
        await asyncio.sleep(10)
        assert await w.bots() == {"pc-1": "Draining"}
        assert w.summary(first).open
        await w.finished(second)
        assert w.events(first)[-1] == "LateResponse"
        assert [(e.job, e.what) for e in w.effects] == [
            (first, "start"),
            (first, "done"),
            (second, "start"),
            (second, "done"),
        ]
        await w.until(lambda: not w.summary(first).open)
        assert await w.bots() == {"pc-1": "Free"}


@virtual_time
async def test_r15_a_cancel_during_a_back_off_ends_the_job_and_its_timer(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work(fail=9, node={"retry": {"attempts": 9, "delay": "1h"}}), end=end))
        await w.awaiting(job, "AttemptFailed")

        await w.cancel(job)

        await w.finished(job, "cancelled")
        await asyncio.sleep(2 * 3600)
        assert len(w.started()) == 1


@virtual_time
async def test_r15_a_cancel_reaches_work_for_any_worker(world, flow, work, end):
    async with world() as w:
        job = await w.submit(flow(only=work(kind="fetch", seconds=500), end=end))
        await w.until(w.started)

        await w.cancel(job)

        await w.until(lambda: w.effects[-1].what == "stopped")
        await w.over(job)


@virtual_time
async def test_r15_a_cancel_reaches_work_of_the_engines_own_process(world, flow, work, end):
    async with world() as w:
        job = await w.submit(flow(only=work(kind="post", seconds=500), end=end))
        await w.until(w.started)

        await w.cancel(job)

        await w.until(lambda: w.effects[-1].what == "stopped")
        await w.over(job)


# -- operators -----------------------------------------------------------------------------------------------


@virtual_time
async def test_r28_an_action_is_applied_once_and_one_for_a_closed_incident_is_refused(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work(fail=1, advice="lost"), end=end))
        await w.incident(job, "Lost")

        first = await w.operate(job, "retry", id="a1")
        again = await w.operate(job, "retry", id="a1")
        await w.finished(job)
        job2 = await w.submit(flow(only=work(fail=1, advice="lost"), end=end))
        await w.incident(job2, "Lost")
        with pytest.raises(NotFoundError, match=f"job '{job2}' has no incident 'i7'; open are: i1"):
            await w.operate(job2, "retry", "i7")
        job3 = await w.submit(flow(only=work(fail=2, advice="lost"), end=end))
        await w.incident(job3, "Lost")
        await w.operate(job3, "retry")
        await w.awaiting(job3, "IncidentOpened", times=2)
        with pytest.raises(ConflictError, match=f"'i1' of job '{job3}' is closed already; open are: i2"):
            await w.operate(job3, "retry")
        late = await w.operate(job, "retry", id="a2")

        assert [first.status, again.status, late.status] == ["applied", "applied", "finished"]
        assert w.events(job).count("OperatorActed") == 1
        await w.cancel(job2)
        await w.cancel(job3)


@virtual_time
async def test_r28_an_action_for_a_job_that_is_not_known_is_refused(world):
    async with world() as w:
        with pytest.raises(NotFoundError, match="'j9'"):
            await w.operate("j9", "retry")


@virtual_time
async def test_r28_a_choice_that_is_not_offered_is_refused(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work(fail=1, advice="lost"), end=end))
        await w.incident(job, "Lost")

        with pytest.raises(
            ConflictError, match="cannot be answered with 'fire_join'; its answers are: retry, skip, fail"
        ):
            await w.operate(job, "fire_join")

        await w.operate(job, "skip", output={"by": "hand"})
        shown = await w.finished(job)
        assert shown["visits"][0]["output"] == {"by": "hand"}
