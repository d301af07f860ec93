"""Whoever gives the id of a job again with other content is told what differs."""

import asyncio

import pytest

from ee_core.cli.taken import Content, naming_differences
from ee_core.client import Client
from ee_core.definitions import load
from ee_core.errors import ConflictError
from ee_core.local.broker import MemoryBroker
from ee_core.messages.jobs import ExecuteJob, QueryJobs, QueryReply
from ee_core.messages.subjects import Subjects
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.pytest import virtual_time

TEXT = b"""
ee: 1
name: archive
version: '1'
inputs: {folder: {type: string}, depth: {type: integer, default: 3}}
start: done
nodes:
  done: {end: succeeded}
"""
SAID = {"workflow": "archive", "version": "1", "owner": "", "labels": {}, "priority": 0}


def load_text(text=TEXT):
    return load(text, place="a.ee.yaml", activities={}, language=lambda name: None)


def shown(**others):
    return SAID | {"hash": load_text().hash, "inputs": {"folder": "out", "depth": 3}} | others


def command(**others):
    return ExecuteJob.model_validate({"id": "x1", "workflow": {}, "inputs": {"folder": "out"}} | others)


@pytest.mark.parametrize(
    ("there", "differences"),
    [
        (shown(), []),
        (shown(workflow="pack", priority=3), ["workflow 'pack' there, 'archive' here"]),
        (shown(version="0", hash="0" * 64), ["version '0' of the workflow there, '1' here"]),
        (shown(inputs={"folder": "in", "depth": 3}), ['input \'folder\' "in" there, "out" here']),
        (shown(inputs={"folder": "out", "depth": 4}), ["input 'depth' 4 there, 3 here"]),
        (shown(inputs={"folder": "out"}), ["input 'depth' none there, 3 here"]),
        (
            shown(owner="ann", labels={"a": "b"}),
            ['owner "ann" there, "" here', 'labels {"a": "b"} there, {} here'],
        ),
        (shown(inputs={}, pruned=True, priority=1), ["priority 1 there, 0 here"]),
    ],
)
def test_what_is_another_thing_in_the_job_is_named(there, differences):
    assert Content.of(command(), load_text()).list_differences(there) == differences


def test_another_file_of_the_same_name_is_told_by_its_hash():
    other = load_text(TEXT.replace(b"succeeded", b"failed"))

    (said,) = Content.of(command(), other).list_differences(shown())

    assert (
        said == f"what is in workflow 'archive' (hash {shown()['hash'][:12]} there, {other.hash[:12]} here)"
    )


def test_a_name_of_the_catalogue_is_no_other_workflow_for_its_version_and_its_defaults():
    assert Content.of(command(workflow="archive"), None).list_differences(shown()) == []
    assert Content.of(command(workflow="archive@2"), None).list_differences(shown()) == [
        "version '1' of the workflow there, '2' here"
    ]


@pytest.mark.parametrize(
    ("there", "what"),
    [
        (shown(inputs={"folder": "in", "depth": 3}), 'input \'folder\' "in" there, "out" here'),
        (shown(), "how it is asked for, as by a file or a name, and with an input or its default"),
    ],
)
@virtual_time
async def test_a_conflict_names_the_id_what_differs_and_the_cure(there, what):
    env, subjects = VirtualEnv(asyncio.get_running_loop(), seed=1), Subjects("")

    async def answer(body):
        assert QueryJobs.from_bytes(body).job == "x1"
        return QueryReply(result=there).to_bytes()

    async with MemoryBroker(env) as broker, broker.respond(subjects.query_jobs, answer):
        with pytest.raises(ConflictError) as caught:
            async with naming_differences(Client(broker, subjects, env=env), command(), load_text()):
                raise ConflictError("not done: conflict")

    assert str(caught.value) == (
        f"job 'x1' is there already, and not the same: {what}; choose another --id for a new job"
    )
