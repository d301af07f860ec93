"""References to secrets travel beside an input: from the definition, over restarts and rests, to who does the work."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.bot.secrets import Secrets
from ee_core.simulation.pytest import virtual_time

VALUE = "canary-of-the-engine"


class Kept:
    async def find(self, name):
        return VALUE if name == "KEY" else None

    def describe(self, name):
        return f"the drawer {name}"


@pytest.fixture
def flow_of(flow, work, end):
    def make(kind, **script):
        return flow(
            only=work(kind=kind, node={"retry": {"attempts": 2, "delay": "5m"}}, **script), end=end
        ) | {"inputs": {"given": {"type": "any", "default": None}}}

    return make


@pytest.mark.parametrize("way", ["at once", "after a restart", "after a rest"])
@virtual_time
async def test_a_bot_is_told_where_the_definition_refers_to_secrets(world, flow_of, way):
    async with world(passivate_after_s=10.0) as w:
        puppet = await w.puppet()
        job = await w.submit(
            flow_of("work", a=["x", "secret:KEY"], b={"c": "secret:KEY", "d": "${inputs.given}"})
        )
        request = await puppet.request()
        if way == "after a restart":
            puppet.requests.clear()
            await w.restart()
            request = await puppet.request()
        elif way == "after a rest":
            await puppet.answer(request, "failed")
            await asyncio.sleep(100)
            assert w.live(job) is None
            await asyncio.sleep(210)
            request = await puppet.request(2)
            assert request.attempt == 2

        assert request.secrets == [["a", 1], ["b", "c"]]
        assert request.input["a"] == ["x", "secret:KEY"]
        await puppet.answer(request, "succeeded")


@virtual_time
async def test_a_request_without_references_says_nothing_of_them(world, flow_of):
    async with world() as w:
        puppet = await w.puppet()
        await w.submit(flow_of("work", a="${inputs.given}"), inputs={"given": "secret:KEY"})

        request = await puppet.request()

        assert request.input == {"a": "secret:KEY"}
        assert request.secrets is None
        assert b"secrets" not in request.to_bytes()
        await puppet.answer(request, "succeeded")


@pytest.mark.parametrize("kind", ["fetch", "post"])
@virtual_time
async def test_the_engines_own_process_puts_values_in_and_takes_them_out(world, flow_of, kind):
    async with world() as w:
        w.secrets._providers["kept"] = Kept()

        job = await w.submit(
            flow_of(kind, output={"a": "secret:KEY", "b": "${inputs.given}"}), inputs={"given": VALUE}
        )
        shown = await w.finished(job)

        # what the input itself holds goes the same way: the attempt has the value, so nothing that leaves it may
        assert shown["visits"][0]["output"] == {"a": "[secret:KEY]", "b": "[secret:KEY]"}
        assert w.find(job, "AttemptAssigned")[0].input["output"]["a"] == "secret:KEY"


@pytest.mark.parametrize(("first", "later"), [("fetch", "post"), ("post", "fetch"), ("post", "post")])
@virtual_time
async def test_a_value_that_code_of_the_engines_process_has_kept_is_taken_out_of_later_work(
    world, flow_of, first, later
):
    async with world() as w:
        w.secrets._providers["kept"] = Kept()
        await w.finished(await w.submit(flow_of(first, output="secret:KEY")))

        shown = await w.finished(await w.submit(flow_of(later, output=f"as {VALUE}")))

        assert shown["visits"][0]["output"] == "as [secret:KEY]"


@pytest.mark.parametrize("kind", ["fetch", "post"])
@virtual_time
async def test_a_missing_secret_fails_the_attempt_for_good_before_anything_is_done(world, flow_of, kind):
    async with world() as w:
        w.secrets = Secrets({"kept": Kept()})
        await w.restart()
        job = await w.submit(flow_of(kind, output="secret:OTHER"))

        await w.over(job)

        [failed] = w.find(job, "AttemptFailed")
        assert failed.error.code == "secret_missing"
        assert "the drawer OTHER" in failed.error.text
        assert w.effects == []


@virtual_time
async def test_a_retry_after_a_restart_still_gets_the_value(world, flow_of):
    async with world() as w:
        w.secrets = Secrets({"kept": Kept()})
        await w.restart()
        job = await w.submit(flow_of("post", fail=1, output="secret:KEY"))
        await w.until(lambda: w.find(job, "AttemptFailed"))
        await w.restart()

        shown = await w.finished(job, within_s=400)

        assert shown["visits"][0]["output"] == "[secret:KEY]"
        assert len(w.find(job, "AttemptAssigned")) == 2
