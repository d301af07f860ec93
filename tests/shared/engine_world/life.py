"""A process of an engine test: its tasks, and gates around what it can touch.

Everything a process can reach is handed to it behind a gate, and `Life.kill` shuts the gates before it cancels its tasks,
so a dying process leaves nothing behind that a power cut would not.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)  # whose work runs


class Life:
    """A process: its tasks, and whether what it does still reaches anybody."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.tasks: list[asyncio.Task[Any]] = []
        self.main: asyncio.Task[Any] | None = None

    def start(self, work: Any) -> asyncio.Task[Any]:
        context = contextvars.copy_context()
        context.run(LIFE.set, self)
        self.main = context.run(asyncio.get_running_loop().create_task, work)
        return self.main

    async def kill(self) -> None:
        """Let it die: what it does from now on reaches nobody, and it does nothing for long."""
        self.is_dead = True
        for _ in range(300):
            alive = [task for task in self.tasks if not task.done()]
            if not alive:
                break
            for task in alive:
                task.cancel()
            await asyncio.sleep(0)
        else:
            raise AssertionError(f"{self.name} does not die: {alive}")
        if self.main is not None and not self.main.cancelled():
            self.main.exception()  # whatever it died of

    @property
    def is_running(self) -> bool:
        return self.main is not None and not self.main.done()


class Gate:
    """Something that a process touches; after its death, or while it is down, every call raises."""

    def __init__(
        self, part: Any, life: Life, error: type[Exception], is_down: Callable[[str], bool] | None = None
    ) -> None:
        self._part = part
        self._life = life
        self._error = error
        self._is_down = is_down or (lambda name: False)

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        if not callable(member):
            return member

        def call(*args: Any, **named: Any) -> Any:
            if self._life.is_dead or self._is_down(name):
                raise self._error(f"{name} does not get through")
            return member(*args, **named)

        return call
