"""Calls what may block, a far disk or a keyring, beside the loop.

Each call has a daemon thread of its own. One that never returns costs only its thread: the loop's own threads are few, all
parts of a process share them, and it waits for them when it ends.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


async def call_aside(call: Callable[[], _T], *, name: str) -> _T:
    """Call a function in a thread of this name and return its result; cancelled, the thread is left alone.

    Raises:
        BaseException: What the function raised.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Callable[[], _T]] = loop.create_future()

    def tell(outcome: Callable[[], _T]) -> None:
        if not ended.done():  # else nobody waits any more
            ended.set_result(outcome)

    def work() -> None:
        outcome = _outcome_of(call)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, outcome)

    threading.Thread(target=work, name=name, daemon=True).start()
    outcome = await ended
    return outcome()


def _outcome_of(call: Callable[[], _T]) -> Callable[[], _T]:
    """Call, and return what gives the result or raises the error again, where it is awaited."""
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
        raised = error

        def fail() -> _T:
            raise raised

        return fail
    return lambda: result
