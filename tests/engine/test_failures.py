"""Failures by a bot's own word: retries, error pointers, warnings, and how a job fails (R11, R12)."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from ee_core.contracts.hooks import GIVE_UP
from ee_core.errors import WorkflowError
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_r11_a_failed_attempt_is_tried_again_after_its_back_off(world, flow, work, end):
    async with world() as w:
        await w.bot()
        retry = {"retry": {"attempts": 4, "delay": "10s", "backoff": 3}}
        job = await w.submit(flow(only=work(fail=3, output="at last", node=retry), end=end))

        shown = await w.finished(job, within_s=200)

        starts = [effect.at_s for effect in w.effects if effect.what == "start"]
        gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
        assert len(gaps) == 3
        for gap, most in zip(gaps, (10, 30, 90), strict=True):
            assert most / 2 <= gap <= most + 1
        assert shown["visits"][0]["output"] == "at last"
        assert (shown["visits"][0]["attempt"], shown["warnings"]) == (4, 0)


@virtual_time
async def test_r11_all_attempts_of_a_visit_have_one_input_and_one_idempotency_key(world, flow, work, end):
    async with world() as w:
        puppet = await w.puppet()
        retry = {"retry": {"attempts": 2, "delay": "1ms"}}
        job = await w.submit(flow(only=work(text="x", node=retry), end=end))
        first = await puppet.request()

        await puppet.answer(first, "failed", error={"code": "x", "text": "y"})

        second = await puppet.request(2)
        await puppet.answer(second, "succeeded")
        await w.finished(job)
        assert (first.input, first.input_hash) == (second.input, second.input_hash)
        assert first.idempotency_key == second.idempotency_key == f"{job}/only#1"
        assert [bool(each.input_hash) for each in w.find(job, "AttemptAssigned")] == [True, False]


@virtual_time
async def test_r11_a_bot_is_free_for_others_while_a_retry_waits(world, flow, work, end):
    async with world() as w:
        await w.bot()
        retry = {"retry": {"attempts": 2, "delay": "100s"}}
        slow = await w.submit(flow(only=work(fail=1, node=retry), end=end))
        await w.awaiting(slow, "AttemptFailed")

        await w.finished(await w.submit(flow(only=work(), end=end)), within_s=5)

        waits = (await w.job(slow))["waits"]
        assert [wait["kind"] for wait in waits] == ["timer"]
        await w.finished(slow, within_s=150)


@virtual_time
async def test_r11_what_cannot_help_is_not_tried_again(world, flow, work, end):
    async with world() as w:
        await w.bot()
        retry = {"retry": {"attempts": 5}}
        job = await w.submit(flow(only=work(fail=9, advice="permanent", node=retry), end=end))

        assert (await w.finished(job, "failed"))["error"]["code"] == "no_use"
        assert len(w.started()) == 1


@virtual_time
async def test_r11_the_authors_delay_is_kept_if_it_is_longer(world, flow, work, end):
    async with world() as w:
        await w.bot()
        retry = {"retry": {"attempts": 2, "delay": "1s"}}
        job = await w.submit(flow(only=work(fail=1, advice="transient", node=retry), end=end))

        await w.finished(job)

        starts = [effect.at_s for effect in w.effects if effect.what == "start"]
        assert starts[1] - starts[0] >= 7


@virtual_time
async def test_r11_a_hook_chooses_the_delay_or_gives_up(world, flow, work, end):
    async with world() as w:
        await w.bot()
        seen = []

        def choose(visit, attempt, error):
            seen.append((visit.visit, attempt.failures, error.code))
            return 60_000 if attempt.failures == 1 else GIVE_UP

        w.hooks["ee_choose_retry"] = choose
        retry = {"retry": {"attempts": 5, "delay": "1s"}}
        job = await w.submit(flow(only=work(fail=9, node=retry), end=end))

        await w.finished(job, "failed", within_s=100)

        starts = [effect.at_s for effect in w.effects if effect.what == "start"]
        assert starts[1] - starts[0] >= 60
        assert seen == [("only#1", 1, "error"), ("only#1", 2, "error")]


@virtual_time
async def test_r11_an_error_pointer_is_followed_with_the_error_in_the_context(world, flow, work, end):
    async with world() as w:
        await w.bot()
        repair = work("end", text="${nodes.only.error.code}: ${nodes.only.error.text}")
        job = await w.submit(
            flow(only=work(fail=1, node={"on_error": "repair"}, advice="permanent"), repair=repair, end=end)
        )

        shown = await w.finished(job)

        assert shown["visits"][1]["output"]["input"] == {"text": "no_use: try 1 failed"}


@virtual_time
async def test_r12_a_failure_that_does_not_fail_the_job_is_a_warning(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work("next", fail=1, node={"fail_job": False}), next=work(), end=end))

        shown = await w.finished(job)

        assert shown["warnings"] == 1
        assert shown["visits"][0]["status"] == "Failed"
        assert [node["status"] for node in shown["nodes"]][:2] == ["Failed", "Success"]


@virtual_time
async def test_r11_on_failure_finish_lets_the_siblings_go_on_and_the_job_fails_all_the_same(
    world, flow, work, end
):
    async with world() as w:
        await w.bot("a")
        await w.bot("b")
        job = await w.submit(
            flow(
                on_failure="finish",
                fork={"parallel": ["bad", "good"]},
                bad=work(fail=1, advice="permanent"),
                good=work("more", seconds=20),
                more=work(seconds=5),
                end=end,
            )
        )

        shown = await w.finished(job, "failed")

        assert [effect.visit for effect in w.effects if effect.what == "done"] == ["good#1", "more#1"]
        assert shown["error"]["code"] == "no_use"


@pytest.mark.parametrize("bytes_", [300_000, 900_000])
@virtual_time
async def test_r24_an_output_too_large_fails_the_attempt_in_words(world, flow, work, end, bytes_):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(flow(only=work(), end=end))
        request = await puppet.request()

        await puppet.answer(request, "succeeded", output="x" * bytes_)

        shown = await w.finished(job, "failed")
        assert shown["error"]["code"] == "output_too_large"
        await asyncio.sleep(1)
        assert puppet.acks[-1].verdict == "recorded"


@virtual_time
async def test_an_expression_error_opens_an_incident_that_a_retry_answers(world, flow, work, end):
    async with world() as w:
        await w.bot()
        choose = {"exclusive": [{"when": "nodes.only.output.n > 3", "next": "end"}]}
        job = await w.submit(flow(only=work("choose", output={"m": 5}), choose=choose, end=end))

        incident = await w.incident(job, "Expression")

        assert "nodes.only.output.n > 3" in str(incident)
        await w.operate(job, "retry")
        await w.until(lambda: [each.incident for each in w.find(job, "IncidentOpened")] == ["i1", "i2"])
        await w.operate(job, "fail", "i2")
        assert (await w.finished(job, "failed"))["error"]["code"] == "expression"


@virtual_time
async def test_r6_no_branch_that_is_true_opens_an_incident(world, flow, work, end):
    async with world() as w:
        await w.bot()
        choose = {"exclusive": [{"when": "nodes.only.output.n > 3", "next": "end"}]}
        job = await w.submit(flow(only=work("choose", output={"n": 1}), choose=choose, end=end))

        await w.incident(job, "NoBranchTaken")

        await w.operate(job, "fail")
        assert (await w.finished(job, "failed"))["error"]["code"] == "no_branch_taken"


@virtual_time
async def test_an_input_that_cannot_be_rendered_opens_an_incident_before_anything_is_sent(
    world, flow, work, end
):
    async with world() as w:
        await w.bot()
        job = await w.submit(
            flow(first=work("second", output={}), second=work(text="${nodes.first.output.x}"), end=end)
        )

        await w.incident(job, "Expression")

        assert len(w.started()) == 1
        assert await w.bots() == {"pc-1": "Free"}
        await w.operate(job, "skip", output=1)
        await w.finished(job)


@virtual_time
async def test_r23_an_export_id_that_is_bound_to_nothing_opens_an_incident(world):
    async with world() as w:
        nodes = [
            {"id": "1", "type": "Start", "pointers": [{"pointsTo": "2"}]},
            {
                "id": "2",
                "type": "Activity",
                "name": "Paint",
                "activityId": "a-77",
                "pointers": [{"pointsTo": "3"}],
            },
            {"id": "3", "type": "End"},
        ]
        job = await w.submit(nodes)

        incident = await w.incident(job, "PluginMissing")

        assert "a-77" in incident["text"]
        await w.operate(job, "skip", output=1)
        await w.finished(job)


@virtual_time
async def test_r4_a_join_that_cannot_become_ready_asks_a_person_who_may_fire_it(world, flow, work, end):
    async with world() as w:
        await w.bot()
        split = {"exclusive": [{"when": "true", "next": "a"}, {"otherwise": True, "next": "b"}]}
        job = await w.submit(
            flow(split=split, a=work("both"), b=work("both"), both={"join": "all", "next": "end"}, end=end)
        )

        await w.incident(job, "JoinStuck")

        await w.operate(job, "fire_join")
        await w.finished(job)


@virtual_time
async def test_r29_a_job_that_runs_away_asks_a_person(world, flow, work, end, monkeypatch):
    monkeypatch.setattr("ee_core.model.tokens.MAX_VISITS", 50)
    async with world() as w:
        again = {"exclusive": [{"when": "true", "next": "tick"}, {"otherwise": True, "next": "end"}]}
        job = await w.submit(flow(tick=work("again", kind="fetch"), again=again, end=end))

        incident = await w.incident(job, "Runaway")

        assert incident["choices"] == ["fail"]
        assert (await w.cancel(job)).status == "cancelled"
        await w.finished(job, "cancelled")


@pytest.mark.parametrize("name", ["x" * 65, "two words", "_any", "a..b", ".a", "a*", "ä"])
@virtual_time
async def test_a_type_that_no_message_can_name_is_refused_when_its_workflow_is_loaded(
    world, flow, work, end, name
):
    async with world() as w:
        with pytest.raises(WorkflowError, match="EE-W206"):
            await w.submit(flow(only=work(kind=name), end=end))


@virtual_time
async def test_a_job_whose_request_cannot_be_written_parks_alone_also_when_the_engine_starts_again(
    world, flow, work, end, monkeypatch
):
    from ee_core.reactor.requests import Requests

    request, is_bad = Requests._request, True

    def request_or_raise(self, armed):
        if is_bad and armed.job == "bad":
            raise ZeroDivisionError("planted")
        return request(self, armed)

    monkeypatch.setattr(Requests, "_request", request_or_raise)
    async with world() as w:
        for bot in ("a", "b"):
            await w.bot(bot)
        assert await w.submit(flow(only=work(), end=end), "bad")
        await w.until(lambda: w.engine.engine.jobs.parked)

        await w.restart()

        assert list(w.engine.engine.jobs.parked) == ["bad"]
        await w.finished(await w.submit(flow(only=work(), end=end)))
        is_bad = False
        await w.restart()
        await w.finished("bad")
