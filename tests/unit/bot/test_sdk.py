"""Functions as activities: how inputs are bound, what is refused, what comes out."""

from __future__ import annotations

import asyncio
import datetime  # noqa: TC003 - read at run time
import enum
import threading
import traceback
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from ee_core.bot import Bot, Context
from ee_core.contracts.activity import ActivityContext, ActivityTraits, ActivityType
from ee_core.errors import (
    ActivityError,
    InputError,
    MessageError,
    NotFoundError,
    PermanentActivityError,
    PluginContractError,
)


class Line(BaseModel):
    text: str
    amount: Decimal


@dataclass
class Posted:
    on: datetime.date
    lines: list[Line]


class Colour(enum.Enum):
    RED = "red"


@pytest.fixture
def bot() -> Bot:
    return Bot("pc-7")


def test_inputs_are_bound_by_name_and_converted_to_their_types(bot):
    @bot.activity("invoice.post")
    def post(day: datetime.date, lines: list[Line], colour: Colour = Colour.RED):
        return Posted(day, lines), colour

    output = bot.call("invoice.post", lines=[{"text": "a", "amount": "1.50"}], day="2026-01-31")

    assert output == [{"on": "2026-01-31", "lines": [{"text": "a", "amount": "1.50"}]}, "red"]


def test_default_is_used_for_what_is_left_out(bot):
    @bot.activity("a")
    def act(pages: int = 3):
        return pages

    assert bot.call("a") == 3
    assert bot.call("a", pages="4") == 4


def test_context_is_given_to_the_parameter_of_its_type_whatever_its_name(bot):
    @bot.activity("a")
    async def act(x: int, me: Context):
        return [x, me.job, me.attempt]

    @bot.activity("b")
    async def other(me: ActivityContext):
        return me.idempotency_key

    assert bot.call("a", x=1) == [1, "call", 1]
    assert bot.call("b") == "call/call#1"


def test_rest_takes_what_has_no_parameter(bot):
    @bot.activity("a")
    def act(x: int, **rest):
        return rest

    assert bot.call("a", x=1, y=2) == {"y": 2}


def test_parameter_may_have_the_name_of_a_model_method_or_of_our_own_argument(bot):
    @bot.activity("a")
    def act(copy: int, json: str, name: str, model_config: str, _private: int):
        return [copy, json, name, model_config, _private]

    assert bot.call("a", copy=1, json="j", name="n", model_config="m", _private=2) == [1, "j", "n", "m", 2]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "path: field required"),
        ({"path": "x", "pages": "many"}, "pages: input should be a valid integer"),
        ({"path": "x", "pages": 0}, "pages: input should be greater than or equal to 1"),
        ({"path": "x", "pags": 1}, "pags: extra inputs are not permitted"),
    ],
)
def test_input_that_does_not_fit_fails_for_good_and_names_the_field(bot, inputs, said):
    @bot.activity("invoice.read")
    def read(path: str, pages: Annotated[int, Field(ge=1)] = 1):
        raise AssertionError("must not be called")

    with pytest.raises(PermanentActivityError, match=said) as caught:
        bot.call("invoice.read", **inputs)
    assert caught.value.error_code == "bad_input"


def test_input_that_is_no_object_does_not_fit_and_none_is_an_empty_one(bot):
    @bot.activity("a")
    async def act(x: int = 1):
        return x

    activity = bot.activities["a"]
    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1")

    assert asyncio.run(activity.run(context, None)) == 1
    with pytest.raises(PermanentActivityError, match="input"):
        asyncio.run(activity.run(context, [1]))


def test_ordinary_function_runs_in_a_thread_and_an_async_one_on_the_loop(bot):
    @bot.activity("sync")
    def ordinary():
        return threading.current_thread() is threading.main_thread()

    @bot.activity("async")
    async def coroutine():
        return threading.current_thread() is threading.main_thread()

    assert bot.call("sync") is False
    assert bot.call("async") is True


def test_schema_is_made_of_the_signature(bot):
    @bot.activity("a")
    def act(
        ctx: Context, path: str, pages: Annotated[int, Field(ge=1, description="how many")] = 3
    ) -> list[int]:
        return [pages]

    activity = bot.activities["a"]

    assert activity.input_schema == {
        "title": "a",
        "type": "object",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {
            "path": {"title": "Path", "type": "string"},
            "pages": {
                "title": "Pages",
                "type": "integer",
                "minimum": 1,
                "default": 3,
                "description": "how many",
            },
        },
    }
    assert activity.output_schema == {"type": "array", "items": {"type": "integer"}}


def test_function_without_types_takes_anything_and_says_nothing_of_its_output(bot):
    @bot.activity("a")
    def act(x, y=None):
        return {"x": x, "y": y}

    assert bot.call("a", x=[1, {"k": None}]) == {"x": [1, {"k": None}], "y": None}
    assert bot.activities["a"].output_schema is None


def test_decorated_function_is_returned_unchanged_and_the_type_keeps_the_contract(bot):
    def act() -> None: ...

    assert bot.activity("a", stateless=True, idempotent=True)(act) is act
    activity = bot.activities["a"]
    assert isinstance(activity, ActivityType)
    assert activity.traits_for({"x": 1}) == ActivityTraits(stateless=True, idempotent=True)


@pytest.mark.parametrize("output", [object(), {1, float("nan")}, float("inf"), {"a": [float("nan")]}])
def test_output_that_cannot_be_json_is_named(bot, output):
    @bot.activity("a")
    def act() -> Any:
        return output

    with pytest.raises((ActivityError, ValueError), match=r"JSON|nan|inf"):
        bot.call("a")


def test_call_raises_what_the_function_raises(bot):
    @bot.activity("a")
    def act():
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        bot.call("a")


async def test_call_in_a_running_loop_says_what_to_write_instead(bot):
    @bot.activity("a")
    async def act(x: int):
        return x

    with pytest.raises(InputError, match="call_async"):
        bot.call("a", x=1)
    assert await bot.call_async("a", x=1) == 1


def test_unknown_activity_lists_what_there_is(bot):
    @bot.activity("a.b")
    def act(): ...

    with pytest.raises(NotFoundError, match=r"'x'.*a\.b"):
        bot.call("x")


@pytest.mark.parametrize("is_named", [True, False], ids=["bad input", "no such activity"])
def test_a_mistake_in_a_call_is_told_at_its_line_without_a_wall_of_the_librarys_own(bot, is_named):
    @bot.activity("a.b")
    async def act(n: int): ...

    with pytest.raises((NotFoundError, PermanentActivityError)) as caught:
        bot.call("a.b" if is_named else "x", n="many")

    said = "".join(traceback.format_exception(caught.value))
    assert [said.count("Traceback"), said.count("  File ")] == [1, 2]


def test_an_activity_without_its_name_is_told_how_it_is_written(bot):
    with pytest.raises(PluginContractError, match=r'write @bot\.activity\("seal"\) above it'):

        @bot.activity
        def seal(): ...


def test_pool_is_a_label():
    assert Bot("b", labels={"app": "sap"}, pool="desk").profile().labels == {"app": "sap", "pool": "desk"}


def test_profile_may_have_another_id():
    assert Bot("b").profile(bot="c").id == "c"


@pytest.mark.parametrize("name", ["", "a b", "_x", "a.b", "x" * 65])
def test_unusable_bot_id_is_refused(name):
    with pytest.raises(MessageError, match="bot id"):
        Bot(name)


def test_unusable_or_taken_activity_name_is_refused(bot):
    with pytest.raises(MessageError):
        bot.activity("a..b")

    @bot.activity("a")
    def act(): ...

    with pytest.raises(PluginContractError, match="'a' already"):
        bot.activity("a")


def test_signature_that_json_cannot_fill_is_refused_when_it_is_written(bot):
    def positional(x, /): ...

    def many(*xs): ...

    def odd(x: threading.Thread): ...

    for function, said in ((positional, "'x'"), (many, "'xs'"), (odd, "Thread")):
        with pytest.raises(PluginContractError, match=said):
            bot.activity("a")(function)
    assert bot.activities == {}


def test_type_that_is_not_imported_at_run_time_is_named(bot):
    def act(x: Missing): ...  # noqa: F821 - the point of the test

    with pytest.raises(PluginContractError, match="Missing"):
        bot.activity("a")(act)


def test_example_bot_reads_posts_and_counts_its_effects(repository, tmp_path):
    scope: dict[str, Any] = {"__name__": "invoice_bot"}
    source = repository / "docs/examples/bots/invoice_bot.py"
    exec(compile(source.read_text(encoding="utf-8"), source, "exec"), scope)
    bot = scope["bot"]
    invoice = tmp_path / "invoice.txt"
    invoice.write_text("a\nb\n", encoding="utf-8")
    journal = tmp_path / "journal.txt"

    assert bot.call("invoice.read", path=str(invoice)) == {"lines": 2}
    assert bot.call("invoice.post", journal=str(journal), seconds=0.2) == "call/call#1"
    assert Path(journal).read_text(encoding="utf-8") == "start call/call#1\nend call/call#1\n"
