"""One attempt of the activity, with programs of the tests' own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from ee_activity_shell.activity import ShellActivity
from ee_activity_shell.settings import read_settings

from ee_core.testing.activity import new_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.fixture
def make_activity() -> Callable[..., ShellActivity]:
    def make(**settings: object) -> ShellActivity:
        return ShellActivity(read_settings({"allow": [sys.executable, "sh"], **settings}))

    return make


@pytest.fixture
def run(make_activity: Callable[..., ShellActivity]) -> Callable[..., Awaitable[Any]]:
    """Carry out one attempt: keywords beginning with ``set_`` are settings, the others the input."""

    async def run(*command: str, context: Any = None, **more: object) -> Any:
        settings = {
            name.removeprefix("set_"): value for name, value in more.items() if name.startswith("set_")
        }
        value: dict[str, object] = {"command": list(command)}
        value |= {name: item for name, item in more.items() if not name.startswith("set_")}
        return await make_activity(**settings).run(context or new_context(), value)

    return run


@pytest.fixture
def python(run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Run a Python program in an attempt."""

    async def python(program: str, *arguments: str, **more: object) -> Any:
        return await run(sys.executable, "-c", program, *arguments, **more)

    return python
