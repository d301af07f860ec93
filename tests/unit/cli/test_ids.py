"""A job's id is made by the command that submits it, so that it is known also when no engine answers."""

import asyncio
import json

import pytest

from ee_core.cli.ids import make_job_id, naming_id
from ee_core.cli.problem import of_error
from ee_core.client import Client
from ee_core.errors import BrokerUnavailableError
from ee_core.local.broker import MemoryBroker
from ee_core.messages.jobs import ExecuteJob
from ee_core.messages.subjects import Subjects
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_without_an_answer_the_id_is_said_and_how_to_ask_again():
    env = VirtualEnv(asyncio.get_running_loop(), seed=1)
    job = make_job_id(env)
    async with MemoryBroker(env) as broker:
        with pytest.raises(BrokerUnavailableError) as caught, naming_id(job):
            await Client(broker, Subjects(""), env=env).execute(ExecuteJob(id=job, workflow="w"))

    said = of_error(caught.value)

    assert said.message == "the command is in the broker, but no engine answered within 10 s"
    assert said.hint == (
        "start one with `eectl up` or `eectl engine run`: it will take the command up;"
        f" the job's id is {job}: the same command with --id {job} makes no second one"
    )
    assert json.loads(said.to_json())["job"] == job


@virtual_time
async def test_each_job_has_an_id_of_its_own_that_looks_like_an_engines():
    env = VirtualEnv(asyncio.get_running_loop(), seed=1)

    made = {make_job_id(env) for _ in range(3)}

    assert len(made) == 3
    assert all(len(job) == 24 and job[0] == "j" and int(job[1:], 16) for job in made)
