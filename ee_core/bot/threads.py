"""Runs an ordinary function in a thread of its own, for code that knows no event loop.

A thread cannot be cancelled. So the caller that is cancelled waits on until the function ends, which it does when it
looks at `Context.is_cancelled` or reports progress; a caller that is cancelled twice lets go of it. The threads are
daemons: one that was let go does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class DaemonThreads(Executor):
    """Starts one daemon thread per call; `concurrent.futures` itself has only threads that a process waits for."""

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        future: Future[_T] = Future()
        name = getattr(fn, "__qualname__", "call")
        threading.Thread(target=_fulfil, args=(future, fn, args, kwargs), name=name, daemon=True).start()
        return future


async def call_in_thread(function: Callable[[], _T]) -> _T:
    """Call a function in a thread, with the caller's context variables.

    When it is cancelled it waits for the function, and returns or raises what that does. Cancelled a second time it
    raises at once, and the function may still run.
    """
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(DaemonThreads(), context.run, function)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        if ended.done():
            raise  # the function's own
        return await asyncio.shield(ended)


def _fulfil(future: Future[_T], fn: Callable[..., _T], args: Any, kwargs: Any) -> None:
    future.set_running_or_notify_cancel()
    try:
        result = fn(*args, **kwargs)
    except (KeyboardInterrupt, StopIteration) as error:
        # its own, for signals come to the main thread; on the loop the one would end it, the other never arrive
        raised = RuntimeError(f"{type(error).__name__} was raised: {error}")
        raised.__cause__ = error
        future.set_exception(raised)
    except BaseException as error:  # noqa: BLE001 - whatever it raises belongs to the one who waits
        future.set_exception(error)
    else:
        future.set_result(result)
