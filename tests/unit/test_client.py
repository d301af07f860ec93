"""What a client says when no engine answers: where it asked, and how to start one there."""

import asyncio

import pytest

from ee_core.client import Client
from ee_core.errors import BrokerUnavailableError
from ee_core.local.broker import MemoryBroker
from ee_core.messages.jobs import ExecuteJob, QueryJobs
from ee_core.messages.subjects import Subjects
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.pytest import virtual_time

AFTER = {
    "query": "",
    "command": " within 10 s",
}  # a broker knows that nobody is there to be asked; a command waits


async def ask(namespace: str, how: str) -> str:
    env = VirtualEnv(asyncio.get_running_loop(), seed=1)
    async with MemoryBroker(env) as broker:
        client = Client(broker, Subjects(namespace), env=env)
        asked = (
            client.query(QueryJobs(what="list"))
            if how == "query"
            else client.execute(ExecuteJob(workflow="w"))
        )
        with pytest.raises(BrokerUnavailableError) as caught:
            await asked
    return str(caught.value)


@pytest.mark.parametrize("how", ["query", "command"])
@virtual_time
async def test_a_namespace_without_an_engine_is_named(how):
    said = await ask("prod", how)

    assert (
        f"no engine answered{AFTER[how]} in namespace 'prod'; start one with `eectl engine run --namespace prod`"
        in said
    )
    assert said.endswith(", or name another namespace" if how == "query" else ": it will take the command up")


@pytest.mark.parametrize("how", ["query", "command"])
@virtual_time
async def test_the_usual_namespace_needs_no_name(how):
    said = await ask("", how)

    assert f"no engine answered{AFTER[how]}; start one with `eectl up` or `eectl engine run`" in said
    assert "namespace" not in said


@virtual_time
async def test_an_engine_that_takes_too_long_is_told_with_the_time():
    env, subjects = VirtualEnv(asyncio.get_running_loop(), seed=1), Subjects("")

    async def hang(body):
        await asyncio.sleep(3600)
        return body

    async with MemoryBroker(env) as broker, broker.respond(subjects.query_jobs, hang):
        with pytest.raises(BrokerUnavailableError, match="no engine answered within 10 s; start one"):
            await Client(broker, subjects, env=env).query(QueryJobs(what="list"))
