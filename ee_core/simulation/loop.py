"""An event loop that waits for nothing: its clock jumps to the next timer, and a seed may choose the order.

Time passes only while nothing is ready, so code takes no virtual time. There are no threads, sockets, processes or
signals: what asks for them gets a `VirtualLoopError`.

The same code with the same seed on the same Python gives the same run, in any process. What stands in the way:

* iterating a set of objects that hash by address. Tasks and futures made by this loop hash by their number instead,
  since the standard library keeps sets of them (a TaskGroup cancels its tasks in the order of a set);
* `asyncio.as_completed` given coroutines, which it puts into a set: give it tasks;
* an async generator dropped before its end, which the garbage collector ends at a moment of its own: close it.

The rule for an editor: `asyncio.BaseEventLoop` stays in charge of each turn. Only the private names pinned by
`tests/unit/simulation/test_virtual_loop.py` are used, and they are looked at again for each Python version.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import os
import random
import threading
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Coroutine, Sequence
    from contextvars import Context

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class VirtualLoopError(RuntimeError):
    """Something was asked of the virtual loop that it cannot give.

    No `EngineError`, like all errors here: the fault is in the test or the code under it, and no engine handles it.
    """


class DeadlockError(VirtualLoopError):
    """Nothing is ready and no timer is set, but there are those who wait.

    Attributes:
        at_s: The loop's time.
        tasks: Who waits, and where; oldest first.
    """

    def __init__(self, *, at_s: float, tasks: Sequence[str]) -> None:
        super().__init__(f"nothing is ready and no timer is set at {at_s} s; {_listed('waiting', tasks)}")
        self.at_s = at_s
        self.tasks = tuple(tasks)


class LeftoverTasksError(VirtualLoopError):
    """The coroutine returned before tasks that it had started; they were cancelled.

    Attributes:
        tasks: Which, and where they were; oldest first.
    """

    def __init__(self, *, tasks: Sequence[str]) -> None:
        super().__init__(
            f"tasks were left running; {_listed('await or cancel them, or use a TaskGroup', tasks)}"
        )
        self.tasks = tuple(tasks)


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop with virtual time, from 0.0.

    With a seed, what is ready in a turn of the loop runs in an order that the seed chooses; without, in the order in
    which it became ready, as asyncio does. A callback scheduled in one turn runs in the next, in both.

    It belongs to the thread that made it, and runs a deadlock into a `DeadlockError`, raised by `run_until_complete`.
    A run that goes on for ever, because some timer is always set, is no deadlock: put it under an `asyncio.timeout`.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self.seed = seed
        self._selector = _JumpingSelector(self)
        self._now_s = 0.0
        self._chance = None if seed is None else random.Random(seed)  # noqa: S311 - must repeat, not be unguessable
        self._task_numbers = itertools.count(1)
        self._future_numbers = itertools.count(1)
        self._owner = threading.get_ident()

    def time(self) -> float:
        return self._now_s

    def pending_tasks(self) -> list[asyncio.Task[Any]]:
        """List the tasks that are not done, oldest first."""
        return sorted(asyncio.all_tasks(self), key=hash)

    def fork(self) -> int:
        """Fork the process while this loop runs, and go on in both; returns what `os.fork` does.

        Nothing but memory is shared: the loop has no file that a child could read from its parent's.
        """
        child = os.fork()
        if not child:
            asyncio._set_running_loop(self)  # it runs in the process that has started it, asyncio thinks
        return child

    def create_future(self) -> asyncio.Future[Any]:
        return _NumberedFuture(loop=self, number=next(self._future_numbers))

    def create_task(self, coro: Any, *, name: object = None, **options: Any) -> asyncio.Task[Any]:
        if self.get_task_factory() is not None:
            return super().create_task(coro, name=name, **options)
        number = next(self._task_numbers)
        # named here: asyncio counts for the whole process, so the names of a run would depend on earlier runs
        return _NumberedTask(coro, loop=self, name=name or f"Task-{number}", number=number, **options)

    def call_soon_threadsafe(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._owner:
            raise VirtualLoopError(
                f"{callback!r} came from another thread; the virtual loop takes calls only from the one that made it"
            )
        return self.call_soon(callback, *args, context=context)

    def _jump(self) -> None:
        # to the timer itself: the time-out that asyncio works out is cut to a day and has a rounding error
        next_s = self._scheduled[0].when() if self._scheduled else math.inf
        if next_s == math.inf:
            raise DeadlockError(at_s=self._now_s, tasks=[_describe(task) for task in self.pending_tasks()])
        self._now_s = next_s

    def _process_events(self, event_list: Sequence[object]) -> None:
        # asyncio calls this when the clock has moved, before it runs what is ready: the last moment to choose an order.
        # What is due is taken here, since asyncio takes what is due before now + 1 ns: after some months of virtual
        # time a float of seconds is too coarse for a nanosecond, and nothing would ever be due.
        while self._scheduled and self._scheduled[0].when() <= self._now_s:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]  # typeshed leaves it out
            self._ready.append(timer)
        if self._chance is not None and len(self._ready) > 1:
            handles = list(self._ready)
            self._chance.shuffle(handles)
            self._ready.clear()
            self._ready.extend(handles)


class _JumpingSelector:
    """Stands where asyncio waits for sockets, and moves the clock instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout != 0:
            self._loop._jump()
        return []


class _NumberedTask(asyncio.Task[Any]):
    """Hashes by its number, so that a set of them is iterated in the same order in every run."""

    __slots__ = ("_number",)

    def __init__(self, coro: Any, *, number: int, **options: Any) -> None:
        self._number = number  # first: a task enters a set of all tasks while it is made
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class _NumberedFuture(asyncio.Future[Any]):
    """Hashes by its number, likewise."""

    __slots__ = ("_number",)

    def __init__(self, *, number: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._number = number

    def __hash__(self) -> int:
        return self._number


def run(coro: Coroutine[Any, Any, _T], *, seed: int | None = None, allow_leftovers: bool = False) -> _T:
    """Run a coroutine on a fresh loop, cancel what it left running, close the loop.

    Args:
        seed: Chooses the order of what is ready; None for asyncio's own order. An error that leaves here bears it as
            a note.
        allow_leftovers: Whether tasks may be left when the coroutine returns.

    Raises:
        LeftoverTasksError: Tasks were left, and `coro` itself did not fail.
        DeadlockError: `coro` waits for what cannot come.
    """
    try:
        loop = VirtualLoop(seed)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            result = runner.run(coro)
            leftovers = [_describe(task) for task in loop.pending_tasks()]
        if leftovers and not allow_leftovers:
            raise LeftoverTasksError(tasks=leftovers)
    except Exception as error:
        if seed is not None:
            error.add_note(f"on the virtual loop with seed {seed}")
        raise
    return result


def _listed(label: str, tasks: Sequence[str]) -> str:
    return f"{label}: {'; '.join(tasks) or 'no task'}"


def _describe(task: asyncio.Task[Any]) -> str:
    """Name a task, its coroutine, and the innermost place where that waits."""
    outer = inner = task.get_coro()
    while isinstance(inner, CoroutineType) and isinstance(inner.cr_await, CoroutineType):
        inner = inner.cr_await
    name = f"{task.get_name()!r} ({getattr(outer, '__qualname__', outer)})"
    if not isinstance(inner, CoroutineType) or inner.cr_frame is None:
        return name
    return f"{name} in {inner.__qualname__}, line {inner.cr_frame.f_lineno}"


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(_loop: VirtualLoop, *_args: object, **_options: object) -> NoReturn:
        raise VirtualLoopError(
            f"{name} was called on the virtual loop, which has no threads, sockets, processes or signals; "
            "put a simulated part in the place of the one that called, or use a real loop"
        )

    return refuse


_REFUSED = """
    add_reader add_signal_handler add_writer connect_accepted_socket connect_read_pipe connect_write_pipe
    create_connection create_datagram_endpoint create_server create_unix_connection create_unix_server getaddrinfo
    getnameinfo remove_reader remove_signal_handler remove_writer run_in_executor sendfile sock_accept sock_connect
    sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall sock_sendfile sock_sendto start_tls
    subprocess_exec subprocess_shell
"""
for _name in _REFUSED.split():
    setattr(VirtualLoop, _name, _refusal(_name))
