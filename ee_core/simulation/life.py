"""Processes of a simulation: what each runs, and whether it lives, stands still or is dead.

All of them share one loop. Which process a callback belongs to is in its context, so a process can be stopped between
any two of its steps: `pause` keeps its callbacks and timers back, as SIGSTOP would, and `resume` lets them go on as if
nothing had been. `kill` shuts every gate first and only then cancels what runs: a dying process leaves nothing behind
that a power cut would not.

The rule for an editor: a process reaches the outside only through something that calls `Life.check`.
"""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ee_core.simulation.loop import VirtualLoop, VirtualLoopError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from ee_core.errors import EngineError

_T = TypeVar("_T")
_LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("ee_core.simulation.life", default=None)
_MOST_AT_ONCE: Final = 20_000  # callbacks in one instant: nobody needs so many
_MOST_IN_ALL: Final = 200_000  # in one run: most need less than 10,000
_TURNS_TO_DIE: Final = 500  # far more than any part needs once its gates are shut


class Life:
    """One process, from its start to its death; another start is another life.

    Args:
        name: For traces; the same for all lives of one bot.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.main: asyncio.Task[Any] | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._context = contextvars.copy_context()
        self._context.run(_LIFE.set, self)

    @property
    def is_running(self) -> bool:
        """Whether what `start` was given is not done."""
        return self.main is not None and not self.main.done()

    def start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run a coroutine as this process; the first is its main one."""
        # not by an argument: what the coroutine starts must find the life in its own context
        task: asyncio.Task[_T] = self._context.copy().run(asyncio.get_running_loop().create_task, work)
        if self.main is None:
            self.main = task
        return task

    def check(self, error: type[EngineError]) -> None:
        """Pass the gate; raises `error` once the process is dead."""
        if self.is_dead:
            raise error(f"process {self.name} is dead")

    async def kill(self) -> None:
        """Let it die now; returns when nothing of it runs any more.

        Raises:
            VirtualLoopError: Something of it does not end although it is cancelled again and again.
        """
        self.is_dead = True
        _loop().resume(self)
        turns = 0
        while alive := [task for task in self._tasks if not task.done()]:
            if turns == _TURNS_TO_DIE:
                raise VirtualLoopError(f"process {self.name} does not die: {alive}")
            turns += 1
            for task in alive:
                task.cancel()
            await asyncio.sleep(0)
        for task in self._tasks:
            if not task.cancelled():
                task.exception()  # whatever it died of
        self._tasks.clear()
        _loop().forget(self)

    def pause(self) -> None:
        """Let it stand still: nothing of it runs until `resume`, however much time passes."""
        _loop().pause(self)

    def resume(self) -> None:
        """Let it go on where it stood."""
        _loop().resume(self)

    def owns(self, task: asyncio.Task[Any]) -> None:
        """Count a task as this process's."""
        self._tasks.append(task)


def current_life() -> Life | None:
    """Return the process that runs now; None for what belongs to none, such as the network."""
    return _LIFE.get()


@contextmanager
def outside() -> Iterator[None]:
    """Let what is done inside belong to no process: a broker's timer goes on when its client stands still."""
    token = _LIFE.set(None)
    try:
        yield
    finally:
        _LIFE.reset(token)


class ProcessLoop(VirtualLoop):
    """A virtual loop that knows whose each callback is.

    Attributes:
        steps: How many callbacks of the watched processes were begun since `strike_at`.
        on_standstill: Told when time stands still; raises unless it is replaced, and is told again if nothing changes.
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(seed)
        self.steps = 0
        self.on_standstill: Callable[[str], object] = _raise
        self._paused: dict[Life, list[asyncio.Handle]] = {}
        self._gone: set[Life] = set()  # whose timers may still come
        self._watched: Callable[[Life], bool] | None = None
        self._strike_step = 0
        self._strike: Callable[[], object] | None = None
        self._instant_s = 0.0
        self._at_once = 0  # callbacks in this instant
        self._callbacks = 0

    def create_task(self, coro: Any, *, name: object = None, **options: Any) -> asyncio.Task[Any]:
        task = super().create_task(coro, name=name, **options)
        life = _LIFE.get()
        if life is not None:
            life.owns(task)
        return task

    def pause(self, life: Life) -> None:
        """Keep back whatever of a process becomes ready."""
        self._paused.setdefault(life, [])

    def resume(self, life: Life) -> None:
        """Let go what was kept back, in its order."""
        self._ready.extend(self._paused.pop(life, ()))

    def forget(self, life: Life) -> None:
        """Drop what still comes of a process that is dead."""
        self._gone.add(life)

    def strike_at(self, step: int, watched: Callable[[Life], bool], strike: Callable[[], object]) -> None:
        """Call `strike` right before the n-th callback, from 1, of processes that are watched."""
        self.steps, self._strike_step, self._watched, self._strike = 0, step, watched, strike

    def _process_events(self, event_list: Sequence[object]) -> None:
        super()._process_events(event_list)
        self._check_progress()
        if self._paused or self._gone:
            self._keep_back()
        if self._watched is not None:
            self._count(self._watched)

    def _check_progress(self) -> None:
        self._callbacks += len(self._ready)
        if self._now_s != self._instant_s:
            self._instant_s, self._at_once = self._now_s, 0
        self._at_once += len(self._ready)
        if self._at_once > _MOST_AT_ONCE:
            self._at_once = 0
            self.on_standstill(f"time stands still at {self._now_s} s; what runs is {self._who_runs()}")
        elif self._callbacks > _MOST_IN_ALL:
            self._callbacks = 0
            self.on_standstill(f"there is no end at {self._now_s} s; what runs is {self._who_runs()}")

    def _who_runs(self) -> str:
        lives = {life.name for handle in self._ready if (life := _life_of(handle)) is not None}
        return ", ".join(sorted(lives))

    def _keep_back(self) -> None:
        handles = list(self._ready)
        self._ready.clear()
        for handle in handles:
            life = _life_of(handle)
            if life is None:
                self._ready.append(handle)
            elif life not in self._gone:
                self._paused.get(life, self._ready).append(handle)

    def _count(self, watched: Callable[[Life], bool]) -> None:
        for place, handle in enumerate(self._ready):
            life = _life_of(handle)
            if life is None or not watched(life):
                continue
            self.steps += 1
            if self.steps == self._strike_step and self._strike is not None:
                self._ready.insert(place, asyncio.Handle(self._strike, (), self))
                return


def _life_of(handle: asyncio.Handle) -> Life | None:
    context: contextvars.Context = handle._context  # type: ignore[attr-defined]  # typeshed leaves it out
    return context.get(_LIFE)


def _raise(text: str) -> None:
    raise VirtualLoopError(text)


def _loop() -> ProcessLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ProcessLoop), "processes live on a ProcessLoop"
    return loop
