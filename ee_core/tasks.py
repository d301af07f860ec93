"""Work that is begun beside what runs: in a task group, which may be ending already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine


def begin(
    tasks: asyncio.TaskGroup | None, work: Coroutine[Any, Any, None], *, name: str
) -> asyncio.Task[None] | None:
    """Begin work as a task of a group.

    Returns:
        None when the group is not open (``tasks`` is None), or ends already: one of its tasks has failed, and who asks
        may be told in the same turn of the loop. Then the work is dropped; nothing of it has run.
    """
    if tasks is None:
        work.close()
        return None
    try:
        return tasks.create_task(work, name=name)
    except RuntimeError:  # it ends, which a group does not say otherwise
        work.close()
        return None
