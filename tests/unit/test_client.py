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
        "no engine answered within 10 s in namespace 'prod'; start one with `eectl engine run --namespace prod`"
        in said
    )
    assert said.endswith(", or name another namespace" if how == "query" else ": it will take the command up")


@pytest.mark.parametrize("how", ["query", "command"])
@virtual_time
async def test_the_usual_namespace_needs_no_name(how):
    said = await ask("", how)

    assert "no engine answered within 10 s; start one with `eectl up` or `eectl engine run`" in said
    assert "namespace" not in said
