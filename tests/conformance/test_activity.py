"""The built-in activity types keep their contract, and the kit notices each way to break it."""

from __future__ import annotations

import asyncio
import copy
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from ee_core.contracts import activity as contract
from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import TransientActivityError
from ee_core.local.activities import DelayActivity, LogActivity, NoopActivity
from ee_core.testing.activity import ActivityCases, ActivityConformance
from ee_core.testing.conformance import clauses_in, clauses_tested

if TYPE_CHECKING:
    from pathlib import Path


def test_every_clause_has_a_test() -> None:
    assert clauses_tested(vars(ActivityConformance)) == clauses_in(contract)


class TestNoop(ActivityConformance):
    @pytest.fixture
    def activity(self):
        return NoopActivity()

    @pytest.fixture
    def cases(self):
        return ActivityCases(good={"output": {"a": [1, None]}}, other={"output": 2}, failing=[])


class TestDelay(ActivityConformance):
    @pytest.fixture
    def activity(self):
        return DelayActivity()

    @pytest.fixture
    def cases(self):
        return ActivityCases(
            good={"seconds": 0},
            other={"for": "10ms"},
            failing={"seconds": -1},
            slow={"for": "1h"},
            templates=({"seconds": "${ inputs.n }"},),
        )


class TestLog(ActivityConformance):
    @pytest.fixture
    def activity(self):
        return LogActivity()

    @pytest.fixture
    def cases(self):
        return ActivityCases(good={"text": "a", "level": "debug"}, failing={})


# -- the kit bites -------------------------------------------------------------------------------------------


class Good:
    """An activity type with an effect that can be counted; the mutants below each break one sentence."""

    name = "good"
    input_schema = None
    output_schema = None

    def __init__(self) -> None:
        self.effects = 0
        self.working = 0
        self.kept = None

    def traits_for(self, template):
        return ActivityTraits()

    async def run(self, context, value):
        self.effects += 1
        if value == "fail":
            raise TransientActivityError("on purpose")
        self.working += 1
        try:
            await asyncio.sleep(3600 if value == "slow" else 0.001)
        finally:
            self.working -= 1
        return {"value": value}


class ForgetfulTraits(Good):
    def traits_for(self, template):
        return ActivityTraits(idempotent=self.effects > 0)


class ChangingTraits(Good):
    def traits_for(self, template):
        if isinstance(template, dict):
            template.clear()
        return ActivityTraits()


class NotPlain(Good):
    async def run(self, context, value):
        return {"value": (await super().run(context, value))["value"], "set": (1, 2)}


class ForeignError(Good):
    async def run(self, context, value):
        try:
            return await super().run(context, value)
        except TransientActivityError as error:
            raise RuntimeError(str(error)) from error


class Repeating(Good):
    async def run(self, context, value):
        try:
            return await super().run(context, value)
        except TransientActivityError:
            return await super().run(context, value)


class Stubborn(Good):
    async def run(self, context, value):
        inner = asyncio.ensure_future(super().run(context, value))
        self.inner = inner
        return await asyncio.shield(inner)


class Remembering(Good):
    async def run(self, context, value):
        self.kept = self.kept or value
        await super().run(context, value)
        return {"value": self.kept}


class Mixing(Good):
    async def run(self, context, value):
        self.kept = value
        await super().run(context, value)
        return {"value": self.kept}


class Reading(Good):
    def traits_for(self, template):
        with open(__file__, encoding="utf-8"):  # noqa: PTH123 - any way to open a file
            return ActivityTraits()


TESTS = {name: test for name, test in vars(ActivityConformance).items() if name.startswith("test_a")}
IN_PROCESS = [name for name in TESTS if name != "test_a6_nothing_outside_is_used_at_import"]


async def find_failing(activity: Good) -> list[str]:
    """Name the kit's tests that an activity type fails; leaves no task."""
    kit = ActivityConformance()
    failing = []
    for name in IN_PROCESS:
        cases = ActivityCases(
            good={"n": 1},
            other={"n": 2},
            failing="fail",
            slow="slow",
            count_effects=lambda: activity.effects,
            is_working=lambda: activity.working > 0,
        )
        arguments = {"activity": activity, "cases": copy.copy(cases)}
        activity.__init__()
        try:
            result = TESTS[name](kit, **arguments)
            if asyncio.iscoroutine(result):
                await result
        except (AssertionError, RuntimeError, pytest.fail.Exception):
            failing.append(name.split("_")[1])
        inner = getattr(activity, "inner", None)
        if inner is not None:
            inner.cancel()
            await asyncio.gather(inner, return_exceptions=True)
    return failing


@pytest.mark.parametrize(
    ("mutant", "clauses"),
    [
        (Good, []),
        (ForgetfulTraits, ["a1"]),
        (ChangingTraits, ["a1"]),
        (NotPlain, ["a2"]),
        (ForeignError, ["a2"]),
        (Repeating, ["a3"]),
        (Stubborn, ["a4"]),
        (Remembering, ["a5"]),
        (Mixing, ["a5"]),
        (Reading, ["a6"]),
    ],
)
async def test_each_mutant_fails_its_clause(mutant: type[Good], clauses: list[str]) -> None:
    assert await find_failing(mutant()) == clauses


@pytest.mark.parametrize(
    ("line", "fails"),
    [("pass", False), ("socket.create_connection", True), ("open(sys.argv[0] + 'x', 'w')", True)],
)
def test_a_module_that_acts_at_import_fails_its_clause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, fails: bool
) -> None:
    if line.startswith("socket"):
        line = "\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass"
    if line.startswith("open"):
        line = f"open({str(tmp_path / 'left')!r}, 'w').close()"
    source = f"import socket, sys\nclass Activity: name = 'a'\n{textwrap.dedent(line)}\n"
    (tmp_path / "acting_activity.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    activity = type("Activity", (Good,), {"__module__": "acting_activity"})()
    test = ActivityConformance().test_a6_nothing_outside_is_used_at_import

    if fails:
        with pytest.raises(AssertionError):
            test(activity)
    else:
        test(activity)
