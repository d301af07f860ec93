"""What people are shown beside the rows of the index: why a job ended so, and which name was probably meant."""

import asyncio

import pytest

from ee_core.cli.listing import explain_none, with_reasons
from ee_core.client import Client
from ee_core.errors import NotFoundError
from ee_core.local.broker import MemoryBroker
from ee_core.messages.jobs import QueryJobs, QueryReply
from ee_core.messages.subjects import Subjects
from ee_core.messages.wire import to_error_body
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.pytest import virtual_time

ROWS = [{"workflow": "archive", "owner": "ann"}, {"workflow": "pack", "owner": ""}]
JOBS = {
    "ended": {"reason": "it came to end 'refused'", "error": None},
    "broke": {"reason": "", "error": {"code": "bad_input", "text": "no folder"}},
    "called-off": {"reason": "not today", "error": None},
}


async def ask(rows, work):
    env, subjects = VirtualEnv(asyncio.get_running_loop(), seed=1), Subjects("")

    async def answer(body):
        question = QueryJobs.from_bytes(body)
        if question.what == "list":
            return QueryReply(result=rows).to_bytes()
        if question.job not in JOBS:
            return QueryReply(error=to_error_body(NotFoundError("no such job"))).to_bytes()
        return QueryReply(result=JOBS[question.job]).to_bytes()

    async with MemoryBroker(env) as broker, broker.respond(subjects.query_jobs, answer):
        return await work(Client(broker, subjects, env=env))


@pytest.mark.parametrize(
    ("rows", "wanted", "said"),
    [
        (ROWS, {"workflow": "archiv"}, "no job has workflow 'archiv'; did you mean 'archive'?"),
        (ROWS, {"workflow": "zzz"}, "no job has workflow 'zzz'; there are: archive, pack"),
        (ROWS, {"workflow": "pack", "owner": "an"}, "no job has owner 'an'; did you mean 'ann'?"),
        ([], {"owner": "ann"}, "no job has owner 'ann'; there is none yet"),
        (ROWS, {"workflow": "pack", "outcome": "failed"}, ""),
        (ROWS, {"outcome": "failed"}, ""),
    ],
)
@virtual_time
async def test_a_name_that_no_job_has_is_told_the_nearest_one(rows, wanted, said):
    assert await ask(rows, lambda client: explain_none(client, wanted)) == said


@virtual_time
async def test_a_job_that_did_not_succeed_says_why():
    rows = [
        {"job": "fine", "outcome": "succeeded"},
        {"job": "parked", "outcome": "", "reason": "damaged"},
        {"job": "forgotten", "outcome": "failed"},
        {"job": "ended", "outcome": "failed"},
        {"job": "broke", "outcome": "failed"},
        {"job": "called-off", "outcome": "cancelled"},
    ]

    shown = await ask(rows, lambda client: with_reasons(client, rows))

    assert [row["reason"] for row in shown] == [
        "",
        "damaged",
        "",
        "it came to end 'refused'",
        "bad_input: no folder",
        "not today",
    ]
