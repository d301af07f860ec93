from __future__ import annotations

import asyncio
import threading

import pytest

from ee_core.contracts.aside import call_aside


async def test_what_the_function_returns_is_returned_and_the_loop_goes_on_meanwhile():
    go_on = threading.Event()
    calling = asyncio.create_task(
        call_aside(lambda: (go_on.wait(60), threading.current_thread().name), name="x")
    )
    await asyncio.sleep(0)

    go_on.set()

    assert await calling == (True, "x")


@pytest.mark.parametrize("error", [LookupError("no"), SystemExit("no")])
async def test_what_it_raises_is_raised(error):
    def call():
        raise error

    with pytest.raises(type(error), match="no"):
        await call_aside(call, name="x")


async def test_an_error_that_no_future_takes_does_not_hang():
    def call():
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await call_aside(call, name="x")


def test_calls_that_never_return_keep_neither_others_nor_the_loop_s_end_waiting():
    never = threading.Event()

    async def main():
        hung = [asyncio.create_task(call_aside(never.wait, name="hung")) for _ in range(100)]
        await asyncio.sleep(0)
        assert await asyncio.to_thread(lambda: "served") == "served"
        for each in hung:
            each.cancel()
        await asyncio.wait(hung)

    asyncio.run(main())
    never.set()
