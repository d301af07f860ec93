"""What an attempt gets and what leaves it when its input refers to secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import logging

import pytest

from ee_core.bot import Bot, Context
from ee_core.bot.running import Attempt
from ee_core.bot.secrets import Secrets, remembering
from ee_core.errors import ActivityError, LostActivityError, PermanentActivityError, TransientActivityError
from ee_core.simulation.pytest import virtual_time

VALUE = "canary-0815-of-attempts"
CUT = 1_000_000


class Kept:
    def __init__(self, values=None):
        self.values = {"KEY": VALUE} if values is None else values

    async def find(self, name):
        return self.values.get(name)

    def describe(self, name):
        return f"the drawer {name}"


class Slow(Kept):
    async def find(self, name):
        await asyncio.sleep(5)
        return VALUE


def attempt_of(act, value="secret:KEY", references=(("key",),), provider=None, secrets=None, **options):
    class Plugin:
        name = "t"
        input_schema = output_schema = None

        async def run(self, context, given):
            return await act(context, given)

    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1", activity="t")
    secrets = secrets or Secrets({"kept": provider or Kept()})
    return Attempt(Plugin(), context, {"key": value}, references=references, secrets=secrets, **options)


async def give_back(context, given):
    return given


async def test_the_code_gets_the_value_and_what_it_returns_has_none():
    seen = []

    async def act(context, given):
        seen.append(given)
        return {
            "as it is": given["key"],
            "within": [f"({given['key']})", {given["key"]: 1}],
            "coded": base64.b64encode(f"user:{given['key']}".encode()).decode(),
            "other": "text",
        }

    outcome = await attempt_of(act).carry_out()

    assert seen == [{"key": VALUE}]
    assert outcome.kind == "succeeded"
    assert VALUE not in repr(outcome)
    assert outcome.output["within"] == ["([secret:KEY])", {"[secret:KEY]": 1}]
    assert outcome.output["other"] == "text"
    assert "[secret:KEY]" in outcome.output["coded"]


async def test_a_text_that_reads_like_a_reference_and_is_none_stays_a_text():
    outcome = await attempt_of(give_back, references=()).carry_out()

    assert outcome.output == {"key": "secret:KEY"}


@pytest.mark.parametrize(
    ("kind", "outcome_kind", "retryable"),
    [
        (ActivityError, "failed", None),
        (PermanentActivityError, "failed", False),
        (TransientActivityError, "failed", True),
        (LostActivityError, "lost", None),
        (ValueError, "failed", None),
    ],
)
async def test_errors_keep_their_kind_and_lose_the_value(kind, outcome_kind, retryable, caplog):
    caplog.set_level(logging.DEBUG)

    async def act(context, given):
        raise kind(f"{'x' * 9990} {given['key']}")

    outcome = await attempt_of(act).carry_out()

    assert (outcome.kind, outcome.retryable) == (outcome_kind, retryable)
    assert "canary" not in outcome.error.text  # nor the half of it that stands before the cut
    assert VALUE not in caplog.text


async def test_a_code_made_of_the_value_loses_it_too():
    async def act(context, given):
        raise ActivityError("no", code=given["key"])

    assert (await attempt_of(act).carry_out()).error.code == "[secret:KEY]"


async def test_progress_and_log_lines_lose_the_value(caplog):
    caplog.set_level(logging.DEBUG)

    async def act(context, given):
        context.progress(0.5, f"{'x' * 990} {given['key']}")
        context.log.info("now %s", given["key"], extra={"token": given["key"]})
        logging.getLogger("httpcore").debug("header %r", (b"authorization", given["key"].encode()))
        await asyncio.sleep(0)

    attempt = attempt_of(act)
    await attempt.carry_out()

    assert attempt.context.last_progress.text.endswith("[secret:K")
    assert [record.token for record in caplog.records if hasattr(record, "token")] == ["[secret:KEY]"]
    assert VALUE not in caplog.text
    assert caplog.text.count("[secret:KEY]") >= 2


async def test_an_output_that_is_no_json_or_too_large_is_told_without_the_value():
    async def odd(context, given):
        return {given["key"]: {given["key"]}}

    async def large(context, given):
        return given["key"] * 100

    for act, code in ((odd, "bad_output"), (large, "output_too_large")):
        outcome = await attempt_of(act, max_output_bytes=500).carry_out()
        assert outcome.error.code == code
        assert VALUE not in outcome.error.text


async def test_the_limit_counts_the_output_as_it_leaves():
    async def act(context, given):
        return [given["key"]] * 10  # one mark is shorter than one value

    size = len(json.dumps(["[secret:KEY]"] * 10, separators=(",", ":")))
    limit = len(json.dumps([VALUE] * 10, separators=(",", ":")))

    assert size < limit
    assert (await attempt_of(act, max_output_bytes=limit).carry_out()).kind == "succeeded"


async def test_without_the_value_the_code_is_not_called_and_the_attempt_is_not_tried_again():
    called = []

    async def act(context, given):
        called.append(given)

    outcome = await attempt_of(act, provider=Kept({})).carry_out()

    assert (outcome.kind, outcome.error.code, outcome.retryable) == ("failed", "secret_missing", False)
    assert "the drawer KEY" in outcome.error.text
    assert called == []


async def test_a_host_that_was_given_no_providers_refuses_references():
    bot = Bot("b")
    called = []

    @bot.activity("t")
    def act(key: str) -> None:
        called.append(key)

    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1", activity="t")
    attempt = Attempt(bot.activities["t"], context, {"key": "secret:KEY"}, references=[("key",)])

    assert (await attempt.carry_out()).error.code == "secret_missing"
    assert called == []


@virtual_time
async def test_looking_up_counts_as_running_and_can_be_stopped():
    called = []

    async def act(context, given):
        called.append(given)

    late = await attempt_of(act, provider=Slow(), run_ms=1000).carry_out()
    stopped = attempt_of(act, provider=Slow())
    carrying = asyncio.create_task(stopped.carry_out())
    await asyncio.sleep(1)
    stopped.stop("enough", code="cancelled")

    assert late.error.code == "run_timeout"
    assert (await carrying).error.code == "cancelled"
    await asyncio.sleep(10)
    assert called == []


async def test_bots_functions_are_told_of_bad_input_without_the_value():
    bot = Bot("b")

    @bot.activity("t")
    def act(key: int) -> None: ...

    context = Context(job="j", node="n", visit="n#1", attempt=1, idempotency_key="j/n#1", activity="t")
    attempt = Attempt(
        bot.activities["t"],
        context,
        {"key": "secret:KEY"},
        references=[("key",)],
        secrets=Secrets({"kept": Kept()}),
    )

    outcome = await attempt.carry_out()

    assert outcome.error.code == "bad_input"
    assert VALUE not in outcome.error.text


async def test_a_value_that_code_has_kept_is_taken_out_of_later_attempts_too(caplog):
    kept = []
    secrets = remembering(Secrets({"kept": Kept({"KEY": VALUE, "PIN": "4711"})}))

    async def login(context, given):
        kept.append(given["key"])

    async def use(context, given):
        context.progress(0.1, f"as {kept[0]}")
        return {"as": kept[0], "order": 4711}

    async def fail(context, given):
        raise ConnectionError(f"cannot log in as {kept[0]}")

    await attempt_of(login, secrets=secrets).carry_out()
    await attempt_of(login, value="secret:PIN", secrets=secrets).carry_out()
    used = attempt_of(use, references=(), secrets=secrets)

    assert (await used.carry_out()).output == {
        "as": "[secret:KEY]",
        "order": 4711,
    }  # that one is too short to be meant
    assert used.context.last_progress.text == "as [secret:KEY]"
    failed = await attempt_of(fail, references=(), secrets=secrets).carry_out()
    assert failed.error.text == "cannot log in as [secret:KEY]"


async def test_what_remembers_is_made_once():
    secrets = remembering(None)

    assert remembering(secrets) is secrets
