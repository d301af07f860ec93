"""What functions get and give, what their failures become, and that they end when they shall."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import TYPE_CHECKING

import pytest

from ee_core.config import Settings
from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import (
    ActivityError,
    AttemptStoppedError,
    ConfigError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry
from ee_core.testing.activity import new_context
from ee_core.testing.attempts import appear, vanish

pytestmark = pytest.mark.slow  # all of them together

if TYPE_CHECKING:
    from pathlib import Path


async def fail(awaitable) -> tuple[type[ActivityError], str, str]:
    with pytest.raises(ActivityError) as caught:
        await awaitable
    return caught.type, caught.value.error_code, caught.value.text


# -- what comes in -------------------------------------------------------------------------------------------


async def test_arguments_are_given_by_name_with_defaults(call) -> None:
    assert await call("add", a=1, b=2) == 3
    assert await call("add", a=1) == 2


async def test_arguments_are_converted_to_the_types_of_the_parameters(call) -> None:
    assert await call("types", day="2026-11-25", path="/a", colour="red", parts=[1, 2]) == {
        "day": "2026-11-25",
        "path": "/a",
        "colour": "red",
        "parts": [1, 2],
        "kinds": ["date", "Colour", "tuple"],
    }


async def test_a_function_may_take_whatever_comes(call) -> None:
    assert await call("rest", self=1, call="x") == {"self": 1, "call": "x"}


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("add", {}, "a: missing"),
        ("add", {"a": "x"}, "a: input should be a valid integer"),
        ("add", {"a": 1, "c": 2}, "c: unexpected keyword argument"),
        ("who", {"context": {}}, "'context' of module:who is the attempt's context; leave it out"),
        ("later", {"a": "x"}, "a: input should be a valid integer"),
    ],
)
async def test_what_does_not_fit_is_refused_for_good(call, function, arguments, words) -> None:
    kind, code, text = await fail(call(function, **arguments))

    assert (kind, code) == (PermanentActivityError, "bad_input")
    assert words in text


@pytest.mark.parametrize(
    "value",
    [None, {}, {"function": 1}, {"function": "add", "arguments": [1]}, {"function": "add", "module": "os"}],
)
async def test_a_bad_input_is_refused_for_good(make_activity, value: object) -> None:
    kind, code, _ = await fail(make_activity({"add": "module:add"}).run(new_context(), value))
    assert (kind, code) == (PermanentActivityError, "bad_input")


@pytest.mark.parametrize("name", ["sub", "module:add", "os:system", "add.__globals__"])
async def test_only_a_function_that_is_named_can_be_called(make_activity, name: str) -> None:
    activity = make_activity({"add": "module:add", "rest": "module:rest"})

    kind, code, text = await fail(activity.run(new_context(), {"function": name}))

    assert (kind, code) == (PermanentActivityError, "not_found")
    assert text == (
        f"there is no function {name!r} here; there are: add, rest; whoever runs this process, an engine or a bot,"
        f' may name it: {name} = "module:function" under [activities.python.functions] in its ee.toml, then start it again'
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere:f", "No module named 'nowhere'; name the folder of the module in activities.python.path"),
        ("broken:f", "ZeroDivisionError: division by zero"),
        ("module:nothing", "module 'module' has no attribute 'nothing'"),
        ("module:number", "it is int, not a function"),
        ("module:bad_hint", "name 'Nowhere' is not defined"),
    ],
)
async def test_what_is_no_function_is_said(make_activity, target: str, words: str) -> None:
    kind, code, text = await fail(make_activity({"f": target}).run(new_context(), {"function": "f"}))

    assert (kind, code) == (PermanentActivityError, "import_error")
    assert text.startswith(f"the function {target} cannot be used: ")
    assert words in text


async def test_a_function_may_see_its_attempt(call) -> None:
    assert await call("who", in_context=new_context("n#2", attempt=3)) == {
        "job": "job",
        "node": "node",
        "visit": "n#2",
        "attempt": 3,
        "key": "job/n#2",
        "fence": None,
        "cancelled": False,
    }


async def test_progress_and_log_are_those_of_the_attempt(
    call, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    context = new_context()

    assert await call("tell", in_context=context) == ""

    assert context.last_progress is not None
    assert (context.last_progress.fraction, context.last_progress.text) == (0.25, "a quarter")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "job/node#1/1: careful with this")
    ]
    assert capfd.readouterr().out == ""  # what it prints went to standard error


# -- what goes out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("nan", "bad_output", "the result of module:output cannot be made JSON"),
        ("object", "bad_output", "the result of module:output cannot be made JSON"),
        ("large", "output_too_large", "has 200002 bytes, the limit is 131072"),
    ],
)
async def test_a_result_is_plain_json_of_a_bounded_size(call, kind: str, code: str, words: str) -> None:
    got, got_code, text = await fail(call("output", kind=kind))

    assert (got, got_code) == (ActivityError, code)
    assert words in text


async def test_nothing_is_a_result(call) -> None:
    assert await call("output", kind="none") is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("value", (ActivityError, "value_error", "ValueError: no")),
        ("http", (ActivityError, "http_server_error", "HTTPServerError")),
        ("exit", (ActivityError, "system_exit", "SystemExit: 3")),
        ("unreadable", (ActivityError, "odd", "Odd: its text cannot be read")),
        ("permanent", (PermanentActivityError, "mine", "p")),
        ("transient", (TransientActivityError, "transient", "t")),
        ("lost", (LostActivityError, "lost", "l")),
        ("long", (ActivityError, "runtime_error", f"RuntimeError: {'x' * 9986}")),
        ("surrogate", (ActivityError, "runtime_error", "RuntimeError: a?b")),
    ],
)
async def test_what_it_raises_is_told_with_its_type(call, kind: str, expected) -> None:
    assert await fail(call("fail", kind=kind)) == expected


async def test_the_wish_to_wait_is_passed_on(call) -> None:
    with pytest.raises(TransientActivityError) as caught:
        await call("fail", kind="transient")
    assert caught.value.retry_after_s == 2.5


async def test_the_place_of_an_error_is_logged(call, caplog: pytest.LogCaptureFixture) -> None:
    await fail(call("fail", kind="value"))

    assert 'module.py", line' in caplog.text


# -- processes -----------------------------------------------------------------------------------------------


async def test_a_process_is_used_again_and_is_not_this_one(make_activity) -> None:
    activity = make_activity({"pid": "module:pid", "fail": "module:fail"})

    pids = [await activity.run(new_context(), {"function": "pid"}) for _ in range(2)]
    await fail(activity.run(new_context(), {"function": "fail", "arguments": {"kind": "value"}}))
    pids.append(await activity.run(new_context(), {"function": "pid"}))

    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


async def test_not_more_processes_than_allowed_work_at_a_time(make_activity, tmp_path: Path) -> None:
    activity = make_activity({"hold": "module:hold", "pid": "module:pid"}, processes=1)
    hold = {"function": "hold", "arguments": {"file": str(tmp_path / "lock")}}
    first = asyncio.create_task(activity.run(new_context(), hold))
    await appear(tmp_path / "lock")

    second = asyncio.create_task(activity.run(new_context("b#1"), {"function": "pid"}))
    await asyncio.sleep(0.1)
    assert not second.done()

    first.cancel()
    assert isinstance(await second, int)


async def test_a_process_that_dies_leaves_its_attempt_lost_and_the_next_is_new(make_activity) -> None:
    activity = make_activity({"die": "module:die", "pid": "module:pid"})

    assert await fail(activity.run(new_context(), {"function": "die"})) == (
        LostActivityError,
        "process_died",
        "the process of module:die died (exit code -9), and nobody knows what it had done",
    )
    assert isinstance(await activity.run(new_context(), {"function": "pid"}), int)


@pytest.mark.parametrize("function", ["hold", "hold_deaf", "family"])
async def test_a_cancel_ends_the_process_whatever_the_function_does(
    call, tmp_path: Path, function: str
) -> None:
    running = asyncio.create_task(call(function, file=str(tmp_path / "lock"), set_grace_s=0.2))
    await appear(tmp_path / "lock")

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await vanish(tmp_path / "lock")


async def test_a_second_cancel_does_not_leave_the_process_behind(call, tmp_path: Path) -> None:
    running = asyncio.create_task(call("hold_deaf", file=str(tmp_path / "lock"), set_grace_s=1000))
    await appear(tmp_path / "lock")

    running.cancel()
    await asyncio.sleep(0)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await vanish(tmp_path / "lock")


async def test_a_cancel_before_the_process_is_up_starts_nothing(call, tmp_path: Path) -> None:
    for turns in range(6):
        running = asyncio.create_task(call("hold", file=str(tmp_path / "lock")))
        for _ in range(turns):
            await asyncio.sleep(0.01 * turns)
        running.cancel()

        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_function_that_looks_may_end_in_order(call, tmp_path: Path) -> None:
    running = asyncio.create_task(call("obey", file=str(tmp_path / "a"), how="return"))
    await appear(tmp_path / "a")
    running.cancel()
    assert await running == "stopped in order"

    running = asyncio.create_task(call("obey", file=str(tmp_path / "b"), how="progress"))
    await appear(tmp_path / "b")
    running.cancel()
    with pytest.raises(AttemptStoppedError):
        await running


async def test_processes_end_with_the_activity_type(make_activity, tmp_path: Path) -> None:
    activity = make_activity({"pid": "module:pid"})
    pid = await activity.run(new_context(), {"function": "pid"})

    del activity
    gc.collect()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_process_ends_when_the_one_that_started_it_was_killed(folder: Path, tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from ee_activity_python.activity import PythonActivity\n"
        "from ee_activity_python.settings import read_settings\n"
        "from ee_core.testing.activity import new_context\n"
        "settings = {'functions': {'family': 'module:family'}, 'path': [sys.argv[1]]}\n"
        "value = {'function': 'family', 'arguments': {'file': sys.argv[2]}}\n"
        "asyncio.run(PythonActivity(read_settings(settings)).run(new_context(), value))\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(folder), str(tmp_path / "lock")
    )
    await appear(tmp_path / "lock")

    parent.kill()
    await parent.wait()

    await vanish(tmp_path / "lock")


async def test_a_machine_without_processes_may_have_one_later(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    kind, code, _ = await fail(call("add", a=1))

    assert (kind, code) == (TransientActivityError, "scarce")


# -- async functions -----------------------------------------------------------------------------------------


async def test_an_async_function_runs_here(make_activity) -> None:
    activity = make_activity({"later": "module:later"})
    value = {"function": "later", "arguments": {"a": "7"}}

    for _ in range(2):
        assert await activity.run(new_context(), value) == {"a": 7, "visit": "node#1", "pid": os.getpid()}


async def test_what_an_async_function_raises_is_told_with_its_type(
    call, caplog: pytest.LogCaptureFixture
) -> None:
    assert await fail(call("later_fails")) == (ActivityError, "key_error", "KeyError: 'k'")
    assert 'module.py", line' in caplog.text


async def test_an_async_function_is_cancelled_like_any_task(call, tmp_path: Path) -> None:
    running = asyncio.create_task(call("forever", file=str(tmp_path / "file")))
    await appear(tmp_path / "file")

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tmp_path / "file").read_text() == "down\n"


# -- the plugin ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "traits"),
    [
        ({"function": "plain"}, ActivityTraits()),
        ({"function": "free"}, ActivityTraits(stateless=True)),
        ({"function": "many"}, ActivityTraits(stateless=True, idempotent=True)),
        ({"function": "unknown"}, ActivityTraits()),
        ({"function": "${ inputs.f }"}, ActivityTraits()),
        ({"function": ["free"]}, ActivityTraits()),
        ("${ inputs.all }", ActivityTraits()),
    ],
)
def test_the_configuration_says_what_may_be_done_with_a_function(make_activity, template, traits) -> None:
    activity = make_activity(
        {
            "plain": "module:add",
            "free": {"call": "module:add", "stateless": True},
            "many": {"call": "module:add", "stateless": True, "idempotent": True},
        }
    )

    assert activity.traits_for(template) == traits


def test_the_schema_names_the_functions_where_there_are_some(make_activity) -> None:
    some = make_activity({"b": "module:add", "a": "module:add"}).input_schema
    none = make_activity({}).input_schema

    assert some["properties"]["function"]["enum"] == ["a", "b"]
    assert "enum" not in none["properties"]["function"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"function": {}}, r"unknown key 'activities\.python\.function'; known are functions, path"),
        (
            {"functions": {"f": "os.system"}},
            r"activities\.python\.functions\.f\.call: .* write package\.module:fun",
        ),
        ({"functions": {"f": "a:b()"}}, r"'a:b\(\)' is no function"),
        (
            {"functions": {"a b": "a:b"}},
            r"activities\.python\.functions: value error, 'a b' cannot be a name",
        ),
        (
            {"functions": {"f": {"call": "a:b", "idem": 1}}},
            r"unknown key '.*f\.idem'; known are call, stateless",
        ),
        (
            {"processes": 0},
            r"activities\.python\.processes: input should be greater than or equal to 1, got 0",
        ),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], message: str) -> None:
    registry = Registry(Settings.model_validate({"activities": {"python": settings}}), SystemEnv())

    with pytest.raises(ConfigError, match=message):
        registry.open_activity("python")
