"""What bots and strangers may send: nothing of it ends an engine, parks a job or is done."""

from __future__ import annotations

import asyncio
import json

import pytest

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.simulation.pytest import virtual_time

HUGE = b"9" * 5000


@pytest.fixture
def one(flow, work, end):
    return flow(only=work(), end=end)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (b'"kind": "succeeded", "output": 123456789012345678901234567890', ""),
        (b'"kind": "succeeded", "output": 1e308', ""),
        (b'"kind": "succeeded", "output": ' + b"[" * 150 + b"]" * 150, ""),
        (b'"kind": "failed"', "failed"),
        (b'"kind": "failed", "error": {"code": "", "text": ""}', ""),
        (
            b'"kind": "failed", "error": {"code": "x", "text": "' + b"t" * 9000 + b'"}, "retry_after_ms": 1',
            "x",
        ),
    ],
)
@virtual_time
async def test_whatever_a_terminal_answer_holds_the_attempt_ends_and_the_bot_hears_so(
    world, one, changes, code
):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one)
        request = await puppet.request()
        about = {"job": job, "visit": request.visit, "attempt": 1, "fence": list(request.fence)}
        common = {"ledger": puppet.ledger, "instance": "i", "highest": list(request.fence)}
        body = json.dumps(about | common).encode()[:-1] + b", " + changes + b"}"

        await puppet.send_bytes(request.reply_to, body)

        await w.until(lambda: puppet.acks, within_s=10)
        assert puppet.acks[0].verdict == "recorded"
        await w.until(lambda: w.summary(job).outcome)
        assert ((await w.job(job))["error"] or {"code": ""})["code"] == code
        assert not w.engine.engine.jobs.parked


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"kind": "succeeded"}',
        b'{"kind": "succeeded", "job": "x"}',
        b'{"kind": "idle", "lease": ' + HUGE + b"}",
        b'{"kind": "succeeded", "job": "\\ud800", "visit": "a#1", "attempt": 1}',
        b'{"kind": "accepted", "attempt": -1}',
        b'{"kind": "succeeded", "output": "\\ud800"}',
        b'{"kind": "busy", "ledger": "", "instance": "", "highest": [0, 0], "running": {"job": 1}}',
    ],
)
@virtual_time
async def test_an_answer_that_makes_no_sense_is_set_aside(world, one, body):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(one)
        request = await puppet.request()

        await puppet.send_bytes(request.reply_to, body)
        await asyncio.sleep(1)

        assert w.engine.life.is_running
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"bot": "_any", "instance": "", "ledger": "", "activities": [], "highest": [0, 0]}',
        b'{"bot": "b", "instance": "", "ledger": "", "activities": ["work"], "highest": [' + HUGE + b", 0]}",
        b'{"bot": "b", "instance": "", "ledger": "", "activities": ["work"], "highest": [-1, 0]}',
        b'{"bot": "b", "instance": "", "ledger": "", "activities": ["\\ud800"], "highest": [0, 0]}',
        b'{"bot": "b", "instance": "", "ledger": "", "activities": ["work"], "highest": [9007199254740991, 0]}',
        b'{"bot": "b", "instance": "", "ledger": "", "activities": ["work"], "highest": [0, 0], "labels": {"a": 1}}',
        b'{"bot": "b", "instance": "", "ledger": "", "activities": ["work"], "highest": [0, 0], "interval_ms": -5}',
        b'{"bot": "b", "instance": "", "ledger": "", "activities": ["work"], "highest": [0, 0], "interval_ms": 0}',
        b'{"v": 2, "bot": "b", "instance": "", "ledger": "", "activities": ["work"], "highest": [0, 0]}',
    ],
)
@pytest.mark.parametrize("subject", ["bots.hello", "bots.heartbeat.b"])
@virtual_time
async def test_a_hello_that_makes_no_sense_costs_nobody_but_its_sender(world, one, body, subject):
    async with world() as w:
        job = await w.submit(one)
        await w.broker.publish(Channel(ChannelKind.BROADCAST, subject), body)
        await asyncio.sleep(20)

        assert w.engine.life.is_running
        await w.bot("good")
        await w.finished(job)


@virtual_time
async def test_a_bot_is_who_its_subject_says_not_who_its_heartbeat_says(world, one):
    async with world() as w:
        await w.bot("real", "paint")
        job = await w.submit(one)
        liar = {
            "bot": "real",
            "instance": "i",
            "ledger": "l",
            "activities": ["work"],
            "highest": [0, 0],
            "interval_ms": 60_000,
        }
        await w.broker.publish(
            Channel(ChannelKind.BROADCAST, "bots.heartbeat.other"), json.dumps(liar).encode()
        )
        await asyncio.sleep(1)

        rows = {row["bot"]: row["activities"] for row in await w.ask("bots") if row["kind"] == "bot"}

        assert rows == {"real": ["paint"]}
        await w.cancel(job)


@virtual_time
async def test_a_call_for_bots_and_strange_broadcasts_change_nothing(world, one):
    async with world() as w:
        await w.bot()
        for subject in ("bots.call", "jobs.events.j1", "activity.cancel._any.fetch"):
            await w.broker.publish(Channel(ChannelKind.BROADCAST, subject), b"nonsense")

        await w.finished(await w.submit(one))
