"""The conformance kit of activity types: tests for each sentence of `ee_core.contracts.activity`.

An author derives from `ActivityConformance` and overrides two fixtures: ``activity``, and ``cases``, which says what
the activity may be given and how the outside can see what it did::

    class TestMine(ActivityConformance):
        @pytest.fixture
        def activity(self): return MyActivity()

        @pytest.fixture
        def cases(self): return ActivityCases(good={"path": "a"}, other={"path": "b"})

What a case is missing for is skipped, and the skip names it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest

from ee_core.bot.context import Context
from ee_core.contracts import activity as contract
from ee_core.contracts.activity import ActivityTraits, ActivityType
from ee_core.errors import ActivityError
from ee_core.testing.conformance import Conformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

STOP_S: Final = 5.0  # in which a cancelled attempt must have stopped, and a slow one begun

_MOMENT_S: Final = 0.2
_NOT_GIVEN: Final[Any] = object()
_LOOKED_AT: Final = ("open", "socket.", "subprocess.", "os.", "shutil.", "sqlite3.", "urllib.")
_IMPORT_PROGRAM: Final = """
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[1])
seen = []
def look(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        seen.append(f"{event} {arguments[0]!r}")
sys.dont_write_bytecode = True
sys.addaudithook(look)
importlib.import_module(sys.argv[2])
print(json.dumps(seen))
"""


def _as_it_is(output: Any) -> Any:
    return output


@dataclass(frozen=True, slots=True)
class ActivityCases:
    """What an activity may be given in a test, and what can be seen of it from outside."""

    good: Any  # an input that succeeds
    other: Any = _NOT_GIVEN  # a good input with another output
    failing: Any = _NOT_GIVEN  # an input that fails
    slow: Any = _NOT_GIVEN  # an input that takes a minute or more, unless it is stopped
    templates: tuple[Any, ...] = ()  # further inputs as written, with ``${ }``
    count_effects: Callable[[], int] | None = None  # how often it did something outside, so far
    is_working: Callable[[], bool] | None = None  # whether it does something outside, now
    comparable: Callable[[Any], Any] = _as_it_is  # an output without what always differs


class ActivityConformance(Conformance):
    """One activity type against its contract."""

    contract: ClassVar[ModuleType] = contract

    @pytest.fixture
    def activity(self) -> ActivityType:
        """The activity type."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture `activity`")

    @pytest.fixture
    def cases(self) -> ActivityCases:
        """What it may be given."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture `cases`")

    def test_it_has_the_members_of_the_contract(self, activity: ActivityType) -> None:
        assert isinstance(activity, ActivityType)
        assert activity.name == activity.name.lower()

    async def test_a1_traits_depend_on_the_argument_only(
        self, activity: ActivityType, cases: ActivityCases
    ) -> None:
        templates = [cases.good, None, {}, [], "${ inputs.all }", *cases.templates]
        before = [activity.traits_for(copy.deepcopy(template)) for template in templates]
        for template in templates:
            given = copy.deepcopy(template)
            activity.traits_for(given)
            assert given == template, "traits_for changed its argument"

        await activity.run(new_context(), copy.deepcopy(cases.good))

        assert all(isinstance(traits, ActivityTraits) for traits in before)
        assert [activity.traits_for(copy.deepcopy(template)) for template in templates] == before

    async def test_a2_an_output_is_plain_json(self, activity: ActivityType, cases: ActivityCases) -> None:
        given = copy.deepcopy(cases.good)

        output = await activity.run(new_context(), given)

        assert _is_plain(output), f"not plain JSON: {output!r}"
        assert given == cases.good, "run changed its input"

    async def test_a2_a_failure_is_an_activity_error(
        self, activity: ActivityType, cases: ActivityCases
    ) -> None:
        with pytest.raises(ActivityError) as caught:
            await activity.run(new_context(), _need(cases, "failing"))
        assert caught.value.error_code
        assert caught.value.error_code == caught.value.error_code.lower()

    async def test_a3_one_attempt_has_one_effect_at_most(
        self, activity: ActivityType, cases: ActivityCases
    ) -> None:
        count = _need(cases, "count_effects")
        for value in (cases.good, cases.failing):
            before = count()
            if value is not _NOT_GIVEN:
                with contextlib.suppress(Exception):  # how it fails is another sentence
                    await activity.run(new_context(), copy.deepcopy(value))
            assert count() - before <= 1, "one attempt did its effect again"

    async def test_a4_a_cancelled_attempt_stops_before_it_returns(
        self, activity: ActivityType, cases: ActivityCases
    ) -> None:
        slow = copy.deepcopy(_need(cases, "slow"))
        running = asyncio.get_running_loop().create_task(activity.run(new_context(), slow), name="attempt")
        await _begin(running, cases.is_working)
        assert not running.done(), "the slow case ended by itself"

        running.cancel()
        await asyncio.wait({running}, timeout=STOP_S)

        assert running.done(), f"it went on for {STOP_S} s after it was cancelled"
        if cases.is_working is not None:
            await _end(cases.is_working)
            assert not cases.is_working(), "it returned, and goes on outside"

    async def test_a5_attempts_do_not_see_each_other(
        self, activity: ActivityType, cases: ActivityCases
    ) -> None:
        other = _need(cases, "other")

        async def run(value: Any, visit: str) -> Any:
            return cases.comparable(await activity.run(new_context(visit), copy.deepcopy(value)))

        alone = [await run(cases.good, "a#1"), await run(other, "b#1")]
        assert alone[0] != alone[1], "the case `other` must have another output than `good`"

        assert [await run(cases.good, "a#2"), await run(other, "b#2")] == alone
        assert list(await asyncio.gather(run(cases.good, "a#3"), run(other, "b#3"))) == alone

    def test_a6_nothing_outside_is_used_at_import(self, activity: ActivityType) -> None:
        command = [sys.executable, "-c", _IMPORT_PROGRAM, json.dumps(sys.path), type(activity).__module__]

        done = subprocess.run(command, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == []

    def test_a6_nothing_outside_is_used_for_traits(
        self, activity: ActivityType, cases: ActivityCases
    ) -> None:
        with _AUDIT.look() as seen:
            for template in (cases.good, *cases.templates):
                activity.traits_for(copy.deepcopy(template))
        assert seen == []


def new_context(visit: str = "node#1", *, attempt: int = 1) -> Context:
    """Make the context of an attempt that belongs to no engine."""
    return Context(job="job", node="node", visit=visit, attempt=attempt, idempotency_key=f"job/{visit}")


def _need(cases: ActivityCases, name: str) -> Any:
    value = getattr(cases, name)
    if value is _NOT_GIVEN or value is None:
        pytest.skip(f"ActivityCases.{name} is not given")
    return copy.deepcopy(value) if not callable(value) else value


async def _begin(running: asyncio.Task[Any], is_working: Callable[[], bool] | None) -> None:
    """Wait until an attempt works; where nobody can see that, a moment in which it may begin."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MOMENT_S if is_working is None else STOP_S):
            while not running.done() and not (is_working and is_working()):  # noqa: ASYNC110 - one can only ask
                await asyncio.sleep(0.01)


async def _end(is_working: Callable[[], bool]) -> None:
    """Wait until the outside has noticed: another process needs a moment for that."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MOMENT_S):
            while is_working():  # noqa: ASYNC110 - one can only ask
                await asyncio.sleep(0.01)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")  # noqa: PLR0124 - NaN is the one that is not
    return value is None or type(value) in (bool, int, str)


class _Audit:
    """Notes what is done with files, network and processes. An audit hook cannot be removed, so there is one for all."""

    def __init__(self) -> None:
        self._seen: list[str] | None = None
        self._is_added = False

    @contextlib.contextmanager
    def look(self) -> Iterator[list[str]]:
        if not self._is_added:
            sys.addaudithook(self._note)
            self._is_added = True
        seen: list[str] = []
        self._seen = seen
        try:
            yield seen
        finally:
            self._seen = None

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._seen is not None and event.startswith(_LOOKED_AT):
            self._seen.append(f"{event} {arguments!r:.200}")


_AUDIT: Final = _Audit()
