"""Hooks see what is durable, may be wrong, and cost nothing when they are (section 12)."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.simulation.pytest import virtual_time

ALL = [
    "ee_choose_retry",
    "ee_on_event",
    "ee_choose_bot",
    "ee_on_wait",
    "ee_on_incident",
    "ee_admit_job",
    "ee_add_headers",
    "ee_on_message",
]


@pytest.fixture
def busy(flow, work, end):
    """A workflow that gives every hook something to say."""
    return flow(
        fork={"parallel": ["a", "b"]},
        a=work("both", fail=1, node={"retry": {"attempts": 2, "delay": "1s"}}),
        b=work("both", kind="fetch"),
        both={"join": "all", "next": "last"},
        last=work("end", fail=1, advice="lost"),
        end=end,
    )


def _raise(**arguments):
    raise RuntimeError("a bad plugin")


@pytest.mark.parametrize(
    "bad", [_raise, lambda **arguments: object(), lambda **arguments: -7], ids=["raises", "object", "-7"]
)
@virtual_time
async def test_a_plugin_that_raises_or_answers_nonsense_costs_nothing(world, busy, bad):
    async with world() as w:
        w.hooks.update(dict.fromkeys(ALL, bad))
        await w.bot("x")
        await w.bot("y")

        job = await w.submit(busy)

        await w.incident(job, "Lost")
        await w.operate(job, "skip", output=1)
        await w.finished(job)
        await w.until(lambda: len(w.seen[job]) == len(w.events(job)))


@virtual_time
async def test_events_are_told_in_journal_order_when_they_are_durable(world, busy):
    async with world() as w:
        told = []

        def hear(job_id, event, summary):
            assert event in w.recorded(job_id)
            told.append(type(event).__name__)

        w.hooks["ee_on_event"] = hear
        await w.bot()
        job = await w.submit(busy)
        await w.incident(job, "Lost")
        await w.operate(job, "skip", output=1)
        await w.finished(job)

        assert told == w.events(job)


@virtual_time
async def test_an_incident_is_told_when_it_is_durable(world, flow, work, end):
    async with world() as w:
        told = []
        w.hooks["ee_on_incident"] = lambda job, incident: told.append(
            (job, incident.incident, len(w.events(job)))
        )
        job = await w.submit(flow(only=work(), end=end))
        await w.incident(job, "NoBot")

        assert told == [(job, "i1", len(w.events(job)))]
        await w.cancel(job)


@virtual_time
async def test_waits_are_told_when_they_are_armed_and_dropped(world, flow, work, end):
    async with world() as w:
        told = []
        w.hooks["ee_on_wait"] = lambda job, wait, armed, reason: told.append(
            (type(wait).__name__, "armed" if armed else "dropped", reason)
        )
        await w.bot()

        job = await w.submit(flow(only=work(), end=end))
        await w.finished(job)

        assert told == [
            ("LeaseWait", "armed", "new"),
            ("ResponseWait", "armed", "new"),
            ("LeaseWait", "dropped", "over"),
            ("ResponseWait", "dropped", "over"),
        ]


@virtual_time
async def test_every_wait_is_told_again_after_a_restart(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work(seconds=30), end=end))
        await w.until(w.started)
        told = []
        w.hooks["ee_on_wait"] = lambda job, wait, armed, reason: told.append((wait.key, reason))

        await w.restart()

        assert told == [("response:only#1/1", "adopted")]
        await w.finished(job)


@virtual_time
async def test_headers_of_plugins_travel_with_a_request(world, flow, work, end):
    async with world() as w:
        w.hooks["ee_add_headers"] = lambda subject, job, visit: {"x-trace": f"{job}/{visit}"}
        seen = {}
        publish = w.broker.publish

        async def look(channel, body, *, headers=None, dedupe=None):
            if channel.subject.startswith("activity.execute."):
                seen.update(headers or {})
            await publish(channel, body, headers=headers, dedupe=dedupe)

        w.broker.publish = look
        await w.bot()
        job = await w.submit(flow(only=work(), end=end))
        await w.finished(job)

        assert seen["x-trace"] == f"{job}/only#1"
        assert (seen["x-ee-job"], seen["x-ee-visit"]) == (job, "only#1")


@pytest.mark.parametrize(
    "headers",
    [{"x-note": " "}, {"x-note": "\u00fcmlaut"}, {f"x-{n}": "y" for n in range(500)}, {"x-note": "z" * 256}],
    ids=["blank", "umlaut", "many", "long"],
)
@virtual_time
async def test_headers_that_the_broker_cannot_take_are_left_out(world, flow, work, end, headers):
    async with world() as w:
        w.hooks["ee_add_headers"] = lambda subject, job, visit: headers
        await w.bot()

        await w.finished(await w.submit(flow(only=work(), end=end)))


@virtual_time
async def test_messages_are_told_with_what_became_of_them(world, flow, work, end):
    async with world() as w:
        told = []
        w.hooks["ee_on_message"] = lambda direction, subject, size, headers, outcome: told.append(
            (direction.value, subject.split(".")[0] + "." + subject.split(".")[1], outcome.value)
        )
        await w.bot()
        await w.send("jobs.execute", b"{")
        job = await w.submit(flow(only=work(), end=end))
        await w.finished(job)

        kinds = set(told)
        assert ("in", "jobs.execute", "received") in kinds
        assert ("in", "jobs.execute", "poison") in kinds
        assert ("out", "activity.execute", "published") in kinds
        assert ("in", "activity.response", "received") in kinds


@virtual_time
async def test_a_bot_that_a_hook_invents_is_not_used(world, flow, work, end):
    async with world() as w:
        w.hooks["ee_choose_bot"] = lambda visit, candidates: "invented"
        await w.bot("a")
        await w.bot("b")
        await w.finished(await w.submit(flow(only=work(), end=end)))
        await asyncio.sleep(1)

        job = await w.submit(flow(only=work(), end=end))

        await w.finished(job)
        assert w.find(job, "AttemptAssigned")[0].bot in ("a", "b")
