import asyncio
import inspect

import pytest

from ee_core.simulation import LeftoverTasksError, VirtualLoop
from ee_core.simulation.pytest import virtual_time


@pytest.fixture
def greeting() -> str:
    return "hello"


@virtual_time
async def test_bare_decorator_runs_on_the_virtual_loop():
    await asyncio.sleep(3600)

    assert isinstance(asyncio.get_running_loop(), VirtualLoop)
    assert asyncio.get_running_loop().time() == 3600.0


@virtual_time(seed=7)
async def test_seed_reaches_the_loop():
    assert asyncio.get_running_loop().seed == 7


@pytest.mark.parametrize("number", [1, 2])
@virtual_time(seed=7)
async def test_fixtures_and_parameters_reach_the_test(greeting, number, tmp_path):
    assert greeting == "hello"
    assert number in {1, 2}
    assert tmp_path.is_dir()


class TestInClass:
    @virtual_time
    async def test_method(self, greeting):
        assert greeting == "hello"


def test_failure_reaches_the_caller():
    @virtual_time(seed=2)
    async def fail() -> None:
        await asyncio.sleep(1)
        raise AssertionError("not so")

    with pytest.raises(AssertionError, match="not so") as error:
        fail()

    assert error.value.__notes__ == ["on the virtual loop with seed 2"]


def test_left_over_tasks_fail_the_test_unless_allowed():
    async def leave() -> None:
        asyncio.get_running_loop().lingering = asyncio.create_task(asyncio.sleep(9))

    with pytest.raises(LeftoverTasksError):
        virtual_time(leave)()
    virtual_time(allow_leftovers=True)(leave)()


def test_name_document_and_signature_are_kept():
    async def original(greeting: str, *, number: int = 3) -> None:
        """Say why."""

    wrapped = virtual_time(original)

    assert (wrapped.__name__, wrapped.__doc__) == ("original", "Say why.")
    assert inspect.signature(wrapped) == inspect.signature(original)
    assert not inspect.iscoroutinefunction(wrapped)


def test_plain_function_is_refused():
    with pytest.raises(TypeError, match="needs an async def"):
        virtual_time(lambda: None)
