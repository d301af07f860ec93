"""Fixtures of the engine tests: a world (`tests/shared/engine_world`), and words to write its workflows with."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ee_core.registry.listing import list_entries
from ee_core.workflows import Workflows

# Before it is imported, so that what it asserts explains itself when it fails.
pytest.register_assert_rewrite("engine_world")

from engine_world.site import write_site  # noqa: E402 - see above
from engine_world.world import World  # noqa: E402 - see above

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder with one distribution: stateless activity types, and hooks that a test can listen at."""
    folder = tmp_path_factory.mktemp("site")
    write_site(folder)
    return folder


@pytest.fixture(scope="session")
def installed(site):
    """Every entry point that is installed, the site's too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(site), *sys.path])
        return list_entries()


@pytest.fixture
def world(site, installed, monkeypatch) -> Iterator[Callable[..., Any]]:
    """Make the world inside the test: ``async with world() as w``; an engine runs, unless ``engine=False``."""
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    import ee_world_hooks  # the test's own distribution

    # what is installed does not change while tests run, and reading it takes longer than most of them
    monkeypatch.setattr("ee_core.registry.plugins.list_entries", lambda: installed)
    ee_world_hooks.ears.clear()

    @asynccontextmanager
    async def make(*, engine: bool = True, seed: int = 1, **settings: Any) -> AsyncIterator[World]:
        async with World(ee_world_hooks.ears, seed) as made:
            if engine:
                await made.start(**settings)
            yield made

    yield make
    ee_world_hooks.ears.clear()


@pytest.fixture
def flow():
    """Write a workflow: nodes by name, the first is the start."""

    def make(name: str = "flow", /, **nodes: Any) -> dict[str, Any]:
        head = {key: nodes.pop(key) for key in ("inputs", "on_failure", "start") if key in nodes}
        return {"ee": 1, "name": name, "start": next(iter(nodes)), "nodes": nodes} | head

    return make


@pytest.fixture
def work():
    """Write a node: an activity, by default of the type ``work`` that a bot must do; keywords are its script."""

    def make(
        to: str = "end", *, kind: str = "work", node: dict[str, Any] | None = None, **script: Any
    ) -> Any:
        return {"activity": kind, "with": script, "next": to} | (node or {})

    return make


@pytest.fixture
def one(flow, work, end):
    """Write a workflow of one step for a bot; keywords are its node's keys."""

    def make(*, script: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
        return flow(only=work(node=keys, **(script or {})), end=end)

    return make


END = {"end": "succeeded"}


@pytest.fixture
def end() -> dict[str, Any]:
    return END


@pytest.fixture
def tries(monkeypatch):
    """Let the handling of each command of the owner `bad` crash; the ids of those that were tried are in the list."""
    resolve, tried = Workflows.resolve, []

    async def resolve_or_crash(self, command):
        if command.owner == "bad":
            tried.append(command.id)
            raise ZeroDivisionError("planted")
        return await resolve(self, command)

    monkeypatch.setattr(Workflows, "resolve", resolve_or_crash)
    return tried
