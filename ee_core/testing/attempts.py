"""What tests of activity types share: how an attempt failed, and what the program that does its work is doing.

A program tells of itself by a file: it writes a line when it has begun, and holds a lock (``flock``) for as long as it
lives. Unlike a process id, a lock goes with its process at once, and means nobody else afterwards. No function here has a
time limit: the test's own ends it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from ee_core.errors import ActivityError

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path


async def failure_of(attempt: Awaitable[Any]) -> tuple[type[ActivityError], str]:
    """Wait for an attempt that must fail; returns the error's class and code."""
    with pytest.raises(ActivityError) as caught:
        await attempt
    return caught.type, caught.value.error_code


async def appear(file: Path) -> None:
    """Wait until a program has written a line into a file."""
    while not _has_line(file):  # noqa: ASYNC110 - the other side is a program
        await asyncio.sleep(0.01)


async def vanish(file: Path) -> None:
    """Wait until no program holds the lock on a file."""
    while is_locked(file):  # noqa: ASYNC110 - the other side is a program
        await asyncio.sleep(0.01)


def _has_line(file: Path) -> bool:
    return file.exists() and file.read_text(encoding="utf-8").endswith("\n")


def is_locked(file: Path) -> bool:
    """Say whether a program holds the lock on a file, which is made if it is not there."""
    import fcntl  # noqa: PLC0415 - not on Windows, where such programs are not tested

    with file.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
