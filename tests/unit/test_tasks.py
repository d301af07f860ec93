"""Work begins in an open group, and is dropped by one that is not open or ends."""

import asyncio

import pytest

from ee_core.tasks import begin

began = []


@pytest.fixture(autouse=True)
def _empty():
    began.clear()


async def work():
    began.append("work")


async def test_work_begins_in_an_open_group():
    async with asyncio.TaskGroup() as tasks:
        task = begin(tasks, work(), name="it")
        assert task.get_name() == "it"

    assert began == ["work"]


async def test_without_a_group_nothing_begins():
    assert begin(None, work(), name="it") is None

    assert began == []


async def test_a_group_that_ends_begins_nothing_and_loses_no_error():
    told = []

    async def fail():
        raise ValueError("the first error")

    async def wait(tasks):
        try:
            await asyncio.sleep(60)
        finally:
            told.append(begin(tasks, work(), name="too late"))

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait(tasks))
            await asyncio.sleep(0)
            tasks.create_task(fail())

    assert [str(error) for error in caught.value.exceptions] == ["the first error"]
    assert told == [None]
    assert began == []
