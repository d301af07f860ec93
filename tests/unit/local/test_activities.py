"""The built-in activity types."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ee_core.bot.context import Context
from ee_core.contracts.activity import ActivityTraits, ActivityType
from ee_core.definitions.fitting import find_misfits
from ee_core.errors import PermanentActivityError
from ee_core.local.activities import MAX_DELAY_S, DelayActivity, ee_open_activity, read_duration_s
from ee_core.simulation.pytest import virtual_time


def context() -> Context:
    return Context(job="j", node="a", visit="a#1", attempt=1, idempotency_key="j/a#1")


@pytest.mark.parametrize("name", ["noop", "delay", "log"])
def test_each_needs_no_bot_and_may_be_repeated(name: str) -> None:
    activity = ee_open_activity(name)

    assert isinstance(activity, ActivityType)
    assert activity.name == name
    assert activity.traits_for({"any": "${ thing }"}) == ActivityTraits(stateless=True, idempotent=True)


def test_another_name_is_not_made() -> None:
    assert ee_open_activity("shell") is None


@pytest.mark.parametrize(
    ("value", "output"), [(None, {}), ({}, {}), ({"output": [1, None]}, [1, None]), ({"output": None}, None)]
)
@virtual_time
async def test_noop_gives_what_it_is_told(value: object, output: object) -> None:
    assert await ee_open_activity("noop").run(context(), value) == output


@pytest.mark.parametrize(
    ("value", "duration_s"),
    [
        ({"seconds": 0}, 0),
        ({"seconds": 2.5}, 2.5),
        ({"for": "1m30s"}, 90),
        ({"for": "1d 2h"}, 93_600),
        ({"for": "1.5s500ms"}, 2.0),
        ({"seconds": int(MAX_DELAY_S)}, MAX_DELAY_S),
    ],
)
@virtual_time
async def test_delay_takes_as_long_as_it_says(value: object, duration_s: float) -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()

    assert await ee_open_activity("delay").run(context(), value) == {"seconds": duration_s}
    assert loop.time() - before == pytest.approx(duration_s)


@given(st.text("059. smhdx", max_size=12))
@example("1d 2h")
@example("1 . 5 m s")
@example("999d")
def test_a_delay_is_refused_before_the_job_where_it_would_be_refused_in_it(text: str) -> None:
    try:
        read_duration_s({"for": text})
        is_taken = True
    except PermanentActivityError as error:
        is_taken = "lasts 0 to" in str(error)  # how much it is, no pattern says

    assert (find_misfits({"for": text}, DelayActivity.input_schema) == []) is is_taken


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "delay needs either seconds or for"),
        ({"seconds": 1, "for": "1s"}, "delay needs either seconds or for"),
        ({"seconds": "1"}, "seconds must be a number, got '1'"),
        ({"seconds": True}, "seconds must be a number, got True"),
        ({"seconds": -1}, "delay lasts 0 to"),
        ({"seconds": 10**400}, "delay lasts 0 to"),
        ({"for": "9" * 400 + "d"}, "delay lasts 0 to"),
        ({"for": "soon"}, "for must be a duration as 1m30s"),
        ({"for": ""}, "for must be a duration as 1m30s"),
        ({"for": 5}, "for must be a duration as 1m30s"),
        ([1], "delay takes an object, got list"),
    ],
)
@virtual_time
async def test_delay_refuses_what_is_no_duration(value: object, message: str) -> None:
    with pytest.raises(PermanentActivityError) as caught:
        await ee_open_activity("delay").run(context(), value)

    assert message in str(caught.value)
    assert caught.value.error_code == "bad_input"


@virtual_time
async def test_delay_ends_at_once_when_it_is_cancelled() -> None:
    loop = asyncio.get_running_loop()
    waiting = asyncio.ensure_future(ee_open_activity("delay").run(context(), {"for": "1h"}))
    await asyncio.sleep(60)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert loop.time() == pytest.approx(60)


@virtual_time
async def test_log_writes_one_line_that_names_the_attempt(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        output = await ee_open_activity("log").run(context(), {"text": "100 % done", "level": "warning"})
        other = await ee_open_activity("log").run(context(), {"text": {"a": 1}})

    assert [output, other] == [{"text": "100 % done"}, {"text": "{'a': 1}"}]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "j/a#1/1: 100 % done"),
        ("INFO", "j/a#1/1: {'a': 1}"),
    ]


@virtual_time
async def test_log_gives_no_more_of_a_long_text_than_a_person_reads(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        output = await ee_open_activity("log").run(context(), {"text": "x" * 2000})

    assert output == {"text": "x" * 1000}
    assert "x" * 2000 in caplog.text


@pytest.mark.parametrize(
    "value", [None, {"level": "info"}, {"text": "a", "level": "loud"}, {"text": "a", "level": []}]
)
@virtual_time
async def test_log_refuses_other_levels_and_nothing(value: object) -> None:
    with pytest.raises(PermanentActivityError):
        await ee_open_activity("log").run(context(), value)
