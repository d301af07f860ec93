"""Runs a process's coroutine to its end, whatever that leaves behind.

`asyncio.run` waits without end for tasks that do not end when they are cancelled. The code of an activity may be such a
one; it is then left where it stands, named, and the process ends all the same: a ledger or journal says what became of it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")
_LOG: Final = logging.getLogger(__name__)
_GRACE_S: Final = 2.0  # for tasks that are left
_left: list[asyncio.Task[Any]] = []  # kept, so that nothing takes their code apart before the process ends


def run_to_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in a loop of its own, as `asyncio.run`; what it left and does not end is left alone."""
    runner = asyncio.Runner()
    left: list[asyncio.Task[Any]] = []
    try:
        return runner.run(work)
    finally:
        left += runner.run(_end_tasks())
        if left:
            _left.extend(left)  # and the runner is not closed: it would wait for them
        else:
            runner.close()


async def _end_tasks() -> list[asyncio.Task[Any]]:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_GRACE_S)
    left = [task for task in tasks if not task.done()]
    for task in left:
        _LOG.warning(
            "%s does not end when it is cancelled, and is left; mend its code: it must let CancelledError pass",
            task.get_name(),
            extra={"action": "task_left"},
        )
        # said just now; Python would say it again, in the middle of its own end
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # as asyncio.gather does
    return left
