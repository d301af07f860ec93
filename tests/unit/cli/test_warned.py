"""Whoever submits a file is told its warnings, and of the activity types that nobody serves by the engine's bots."""

import asyncio

import pytest

from ee_core.cli.warned import find_warnings
from ee_core.client import Client
from ee_core.definitions import load
from ee_core.local.broker import MemoryBroker
from ee_core.messages.jobs import QueryJobs, QueryReply
from ee_core.messages.subjects import Subjects
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.pytest import virtual_time

TEXT = b"""
ee: 1
name: pack
start: b
nodes:
  b: {activity: files.pak, next: c}
  c: {activity: files.count, on_lost: retry, next: d}
  d: {end: succeeded}
"""
OTHERWISE = "start a bot that serves it with `eectl bot run FILE`, unless the engine has the plugin"


async def find(*served):
    env, subjects = VirtualEnv(asyncio.get_running_loop(), seed=1), Subjects("")

    async def answer(body):
        assert QueryJobs.from_bytes(body).what == "bots"
        return QueryReply(result=[{"bot": "clerk", "activities": list(served)}]).to_bytes()

    definition = load(TEXT, place="a.ee.yaml", activities={}, language=lambda name: None)
    async with MemoryBroker(env) as broker, broker.respond(subjects.query_jobs, answer):
        found = await find_warnings(Client(broker, subjects, env=env), definition)
    return [(each.line, each.hint) for each in found if each.code == "EE-W401"], [each.code for each in found]


@pytest.mark.parametrize(
    ("served", "told"),
    [
        ((), [(6, OTHERWISE), (7, OTHERWISE)]),
        (("files.pack", "files.count"), [(6, "did you mean 'files.pack'?")]),
        (("files.pak", "files.count"), []),
    ],
)
@virtual_time
async def test_an_activity_type_that_no_bot_serves_is_told_the_nearest_one(served, told):
    assert (await find(*served))[0] == told


@virtual_time
async def test_other_warnings_are_told_whatever_the_bots_serve():
    _, codes = await find("files.pak", "files.count")

    assert codes == ["EE-W403"]
