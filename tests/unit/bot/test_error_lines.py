"""What the log says of an error that an activity raised: where in its own code, and nothing of how it was called."""

from __future__ import annotations

import logging

import pytest

from ee_core.bot import Bot, Context
from ee_core.bot.running import Attempt


def divide(n: int) -> int:
    return n // 0


def plain() -> int:
    return divide(1)


async def in_the_loop() -> int:
    return divide(1)


@pytest.mark.parametrize("function", [plain, in_the_loop])
async def test_an_error_is_logged_with_the_lines_of_the_activity_alone(function, caplog):
    bot = Bot("b")
    bot.activity("t")(function)
    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1", activity="t")

    with caplog.at_level(logging.ERROR):
        await Attempt(bot.activities["t"], context, {}).carry_out()

    said = caplog.text
    assert "j/n#1/1: the activity raised ZeroDivisionError" in said
    assert [line.rpartition(" in ")[2] for line in said.splitlines() if line.startswith("  File ")] == [
        function.__name__,
        "divide",
    ]
