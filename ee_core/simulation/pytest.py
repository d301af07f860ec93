"""Async tests in virtual time: an hour's sleep costs nothing, and a seed chooses the order of callbacks.

It needs no plugin and hides the test's being async, so pytest-asyncio leaves the test alone. An async fixture would be
run by pytest-asyncio on a loop of its own, and what it gives belongs to that loop: such fixtures cannot be used here.
Make async things inside the test.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, overload

from ee_core.simulation.loop import run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_P = ParamSpec("_P")


@overload
def virtual_time(test: Callable[_P, Coroutine[Any, Any, None]], /) -> Callable[_P, None]: ...


@overload
def virtual_time(
    *, seed: int | None = None, allow_leftovers: bool = False
) -> Callable[[Callable[_P, Coroutine[Any, Any, None]]], Callable[_P, None]]: ...


def virtual_time(
    test: Callable[..., Coroutine[Any, Any, None]] | None = None,
    /,
    *,
    seed: int | None = None,
    allow_leftovers: bool = False,
) -> Callable[..., Any]:
    """Turn an async test into a sync one that runs on a fresh `VirtualLoop`; with or without arguments in brackets.

    Fixtures and parameters reach the test as usual, so a parameter can be used for an env's seed::

        @virtual_time(seed=7)
        async def test_job_waits_a_day(tmp_path): ...

    Args:
        seed: As for `run`.
        allow_leftovers: As for `run`.

    Raises:
        TypeError: The test is not an ``async def``.
    """
    if test is None:
        return functools.partial(_wrap, seed=seed, allow_leftovers=allow_leftovers)
    return _wrap(test, seed=seed, allow_leftovers=allow_leftovers)


def _wrap(
    test: Callable[..., Coroutine[Any, Any, None]], *, seed: int | None, allow_leftovers: bool
) -> Callable[..., None]:
    if not inspect.iscoroutinefunction(test):
        raise TypeError(f"virtual_time needs an async def, not {test!r}")

    @functools.wraps(test)
    def run_test(*args: object, **fixtures: object) -> None:
        run(test(*args, **fixtures), seed=seed, allow_leftovers=allow_leftovers)

    return run_test
