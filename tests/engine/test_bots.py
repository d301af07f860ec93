"""Bots: who gets one, in which order, and what is said when there is none (R9, R16, section 6)."""

from __future__ import annotations

import asyncio

import pytest

from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_visits_get_a_bot_by_priority_then_by_age_across_jobs(world, flow, work, end):
    async with world() as w:
        definition = flow(only=work(seconds=1), end=end)
        for job, priority in (("old", 0), ("older-but-low", -1), ("young", 0), ("urgent", 9)):
            await w.submit(definition, job, priority=priority)
            await asyncio.sleep(0.01)

        await w.bot()

        for job in ("old", "older-but-low", "young", "urgent"):
            await w.finished(job)
        order = [effect.job for effect in w.effects if effect.what == "start"]
        assert order == ["urgent", "old", "young", "older-but-low"]


@virtual_time
async def test_a_visit_keeps_its_age_when_it_is_tried_again(world, flow, work, end):
    async with world() as w:
        await w.bot()
        once_more = {"retry": {"attempts": 2, "delay": "1ms"}}
        first = await w.submit(flow(only=work(seconds=1, fail=1, node=once_more), end=end), "first")
        await w.until(w.started)
        for job in ("second", "third"):
            await w.submit(flow(only=work(seconds=1), end=end), job)

        await w.finished("third")

        order = [effect.job for effect in w.effects if effect.what == "start"]
        assert order == ["first", "second", "first", "third"]
        await w.finished(first)


@virtual_time
async def test_the_queue_keeps_its_order_over_a_restart(world, flow, work, end):
    async with world() as w:
        for n in range(6):
            await w.submit(flow(only=work(seconds=1), end=end), f"j{n}", priority=n % 2)
            await asyncio.sleep(0.01)
        await w.restart()

        await w.bot()

        for n in range(6):
            await w.finished(f"j{n}")
        order = [effect.job for effect in w.effects if effect.what == "start"]
        assert order == ["j1", "j3", "j5", "j0", "j2", "j4"]


@virtual_time
async def test_of_several_free_bots_the_least_recently_used_gets_the_visit(world, flow, work, end):
    async with world() as w:
        for bot in ("a", "b", "c"):
            await w.bot(bot)
        definition = flow(only=work(seconds=1), end=end)

        for n in range(6):
            await w.submit(definition, f"warm{n}")
            await w.finished(f"warm{n}")
            if n == 2:
                w.effects.clear()

        used = [effect.where for effect in w.effects if effect.what == "start"]
        assert sorted(used) == ["a", "b", "c"]


@virtual_time
async def test_a_hook_chooses_among_the_bots_that_fit(world, flow, work, end):
    async with world() as w:
        seen = []

        def choose(visit, candidates):
            seen.append([candidate.id for candidate in candidates])
            return "b"

        w.hooks["ee_choose_bot"] = choose
        for bot in ("a", "b", "c"):
            await w.bot(bot)
        definition = flow(only=work(), end=end)
        await w.finished(await w.submit(definition))
        await asyncio.sleep(1)

        job = await w.submit(definition)

        await w.finished(job)
        assert seen[-1] and set(seen[-1]) == {"a", "b", "c"}
        assert w.started(job=job)[0].startswith("b:")


@pytest.mark.parametrize(
    ("wants", "gets"),
    [
        ({"labels": {"app": "sap"}}, "sap-1"),
        ({"labels": {"app": "sap", "site": "north"}}, "sap-2"),
        ({"pool": "night"}, "night-1"),
        ({"id": "plain"}, "plain"),
    ],
)
@virtual_time
async def test_labels_pool_and_id_select_a_bot(world, flow, work, end, wants, gets):
    async with world() as w:
        await w.bot("plain")
        await w.bot("sap-1", app="sap")
        await w.bot("sap-2", app="sap", site="north")
        await w.bot("night-1", pool="night")
        if wants == {"labels": {"app": "sap"}}:
            await w.crew["sap-2"].kill()
            await asyncio.sleep(20)

        job = await w.submit(flow(only=work(node={"bot": wants}), end=end))

        await w.finished(job)
        assert w.started() == [f"{gets}:{job}/only#1/1"]


@virtual_time
async def test_a_bot_gets_only_the_types_it_serves(world, flow, work, end):
    async with world() as w:
        await w.bot("writer", "write")
        await w.bot("reader", "read")

        job = await w.submit(flow(a=work("b", kind="read"), b=work(kind="write"), end=end))

        await w.finished(job)
        assert w.started() == [f"reader:{job}/a#1/1", f"writer:{job}/b#1/1"]


@virtual_time
async def test_same_as_waits_for_the_bot_that_did_the_other_node(world, flow, work, end):
    async with world() as w:
        await w.bot("a")
        await w.bot("b")
        definition = flow(
            post=work("rest", output=1),
            rest=work("print", kind="fetch", seconds=5),
            print=work(node={"bot": {"same_as": "post"}}),
            end=end,
        )
        job = await w.submit(definition)
        await w.awaiting(job, "AttemptSucceeded")
        bot = w.find(job, "AttemptAssigned")[0].bot
        blocker = await w.submit(flow(only=work(seconds=30, node={"bot": {"id": bot}}), end=end))

        await w.finished(job)

        assert [effect.where for effect in w.effects if effect.visit == "print#1"] == [bot, bot]
        starts = [effect.job for effect in w.effects if effect.what == "start" and effect.where == bot]
        assert starts == [job, blocker, job]


@virtual_time
async def test_same_as_a_bot_that_has_gone_opens_an_incident(world, flow, work, end):
    async with world() as w:
        await w.bot("a")
        definition = flow(
            post=work("rest", output=1),
            rest=work("print", kind="fetch", seconds=40),
            print=work(node={"bot": {"same_as": "post"}}),
            end=end,
        )
        job = await w.submit(definition)
        await w.awaiting(job, "AttemptSucceeded")
        await w.crew["a"].kill()
        await w.bot("b")

        incident = await w.incident(job, "NoBot", within_s=120)

        assert "'a'" in incident["text"]
        await w.crew["a"].start()
        await w.finished(job)


@virtual_time
async def test_no_bot_opens_an_incident_after_a_while_that_closes_itself_when_one_comes(
    world, flow, work, end
):
    async with world() as w:
        await w.bot("other", "paint")
        job = await w.submit(flow(only=work(node={"bot": {"labels": {"app": "sap"}}}), end=end))
        await asyncio.sleep(1)
        assert not (await w.job(job))["incidents"]

        incident = await w.incident(job, "NoBot")
        await w.bot("pc-1", app="sap")
        await w.finished(job)

        assert "'work' with app=sap" in incident["text"]
        assert "other (paint)" in incident["text"]
        assert incident["text"].endswith(
            "; start one with `eectl bot run FILE`, skip the node with an output, or fail it"
        )
        assert incident["text"].count("start ") == 1
        assert sorted(incident["choices"]) == ["fail", "skip"]
        assert w.find(job, "IncidentClosed")[0].by == "gone"
        assert w.events(job).count("IncidentOpened") == 1


@virtual_time
async def test_a_no_bot_incident_closes_itself_when_a_bot_comes_that_is_still_busy(world, flow, work, end):
    async with world() as w:
        job = await w.submit(flow(only=work(), end=end))
        await w.incident(job, "NoBot")
        busy = await w.submit(flow(only=work(seconds=60), end=end), priority=9)

        await w.bot()

        await w.until(lambda: w.started(job=busy))
        await w.awaiting(job, "IncidentClosed", within_s=5)
        assert not w.started(job=job)
        assert (await w.job(job))["visits"][0]["status"] == "BotBusy"
        await w.finished(job, within_s=120)


@virtual_time
async def test_a_no_bot_incident_may_be_answered_by_skipping_or_failing(world, flow, work, end):
    async with world() as w:
        skipped = await w.submit(flow(only=work(), end=end))
        failed = await w.submit(flow(only=work(), end=end))
        await w.incident(skipped, "NoBot")
        await w.incident(failed, "NoBot")

        await w.operate(skipped, "skip", output=7)
        await w.operate(failed, "fail")

        await w.finished(skipped)
        assert (await w.finished(failed, "failed"))["error"]["code"] == "no_bot"


@virtual_time
async def test_an_incident_for_a_missing_bot_stays_one_over_a_restart(world, flow, work, end):
    async with world() as w:
        job = await w.submit(flow(only=work(), end=end))
        await w.incident(job, "NoBot")

        await w.restart()
        await asyncio.sleep(20)

        assert w.events(job).count("IncidentOpened") == 1
        await w.bot()
        await w.finished(job)


@virtual_time
async def test_r21_a_bot_time_out_fails_the_visit_without_retry(world, flow, work, end):
    async with world() as w:
        keys = {"timeout": {"bot": "30s"}, "retry": {"attempts": 5}}
        job = await w.submit(flow(only=work(node=keys), end=end))

        shown = await w.finished(job, "failed", within_s=31)

        assert shown["error"]["code"] == "no_bot"
        assert w.events(job).count("AttemptFailed") == 1


@virtual_time
async def test_r21_a_bot_time_out_takes_the_error_pointer(world, flow, work, end):
    async with world() as w:
        keys = {"timeout": {"bot": "1s"}, "on_error": "other"}
        job = await w.submit(flow(only=work(node=keys), other=work(kind="fetch"), end=end))

        await w.finished(job, within_s=5)


@virtual_time
async def test_r21_a_bot_time_out_does_not_ring_once_a_bot_has_the_visit(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work(seconds=100, node={"timeout": {"bot": "5s"}}), end=end))

        await w.finished(job, within_s=110)


@virtual_time
async def test_a_bot_that_drains_finishes_what_it_does_and_gets_nothing_more(world, flow, work, end):
    async with world() as w:
        await w.bot("a")
        first = await w.submit(flow(only=work(seconds=10), end=end))
        await w.until(w.started)
        second = await w.submit(flow(only=work(), end=end))

        w.crew["a"].host.drain()
        await w.finished(first)
        await asyncio.sleep(30)

        assert not w.started(job=second)
        await w.bot("b")
        await w.finished(second)


@virtual_time
async def test_the_list_of_bots_tells_free_held_draining_and_unknown(world, flow, work, end):
    async with world() as w:
        await w.bot("a")
        await w.until(w.engine.engine.fleet.rows)
        assert await w.bots() == {"a": "Free"}
        job = await w.submit(flow(only=work(seconds=1000, stubborn=30), end=end))
        await w.until(w.started)
        rows = [row for row in await w.ask("bots") if row["bot"] == "a"]
        assert (rows[0]["state"], rows[0]["job"], rows[0]["visit"]) == ("Held", job, "only#1")

        await w.cancel(job)
        await asyncio.sleep(0.1)
        assert await w.bots() == {"a": "Draining"}
        await w.over(job)
        assert await w.bots() == {"a": "Free"}

        shy = await w.puppet("b", "paint")
        shy.answers_claims = False
        other = await w.submit(flow(only=work(kind="paint"), end=end))
        await w.until(lambda: shy.claims)
        assert (await w.bots())["b"] == "Unknown"
        shy.answers_claims = True
        request = await shy.request()
        await shy.answer(request, "succeeded", output=1)
        await w.finished(other)


@virtual_time
async def test_a_bot_that_works_for_nobody_known_is_unknown_until_it_has_stopped(world, flow, work, end):
    async with world(engine=False) as w:
        puppet = await w.puppet()
        puppet.answers_claims = False
        await w.start()
        job = await w.submit(flow(only=work(), end=end))
        await w.until(lambda: puppet.claims)
        claim = puppet.claims[-1]
        strange = {"job": "gone", "visit": "x#1", "attempt": 1}

        await puppet._send(claim.reply_to, kind="busy", lease=claim.lease, running=strange)

        await w.until(lambda: puppet.cancels)
        assert (puppet.cancels[0].job, puppet.cancels[0].visit) == ("gone", "x#1")
        assert await w.bots() == {"pc-1": "Unknown"}
        assert not puppet.requests
        puppet.answers_claims = True
        request = await puppet.request()
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_bot_whose_fences_are_far_ahead_of_the_clock_is_not_used(world, flow, work, end):
    async with world() as w:
        puppet = await w.puppet()
        puppet.highest = puppet.highest._replace(lease=w.env.now() + 3 * 86_400_000_000)
        job = await w.submit(flow(only=work(), end=end))

        await asyncio.sleep(30)

        assert not puppet.requests
        await w.cancel(job)


@virtual_time
async def test_a_bot_that_answers_a_claim_with_a_higher_lease_is_taken_with_a_higher_one(
    world, flow, work, end
):
    async with world() as w:
        puppet = await w.puppet()
        puppet.highest = puppet.highest._replace(lease=w.env.now() + 3_600_000_000)
        job = await w.submit(flow(only=work(), end=end))

        request = await puppet.request()

        assert request.fence.lease > w.env.now() + 3_500_000_000
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_a_fence_rises_with_every_assignment_of_a_bot(world, flow, work, end):
    async with world() as w:
        await w.bot()
        definition = flow(a=work("b"), b=work(), end=end)
        for n in range(3):
            await w.finished(await w.submit(definition, f"j{n}"))
        await w.restart()
        await w.finished(await w.submit(definition, "j3"))

        fences = [each.fence for n in range(4) for each in w.find(f"j{n}", "AttemptAssigned")]

        assert fences == sorted(set(fences))
        assert fences[-1].lease > fences[0].lease


@virtual_time
async def test_a_parked_job_that_waits_for_a_bot_does_not_keep_others_from_theirs(
    world, flow, work, end, monkeypatch
):
    import ee_core.executor

    decide = ee_core.executor.decide
    is_bad = True

    def decide_or_raise(job, fact):
        if is_bad and job.id == "bad" and type(fact).__name__ == "BotMissing":
            raise ZeroDivisionError("planted")
        return decide(job, fact)

    monkeypatch.setattr(ee_core.executor, "decide", decide_or_raise)
    async with world() as w:
        await w.submit(flow(only=work(), end=end), "bad", priority=9)
        await w.until(lambda: w.engine.engine.jobs.parked)
        await w.bot("a")
        await w.bot("b")

        await w.finished(await w.submit(flow(only=work(), end=end)))
        await w.finished(await w.submit(flow(only=work(), end=end)))

        is_bad = False
        await w.restart()
        await w.finished("bad")


@virtual_time
async def test_an_idle_bot_is_given_back_after_a_while_and_taken_again_when_needed(world, flow, work, end):
    async with world() as w:
        await w.bot()
        await w.finished(await w.submit(flow(only=work(), end=end)))
        assert [record.holder for record in w.table.records()] == [w.engine.engine.id]

        await asyncio.sleep(70)

        assert [record.holder for record in w.table.records()] == [None]
        await w.finished(await w.submit(flow(only=work(), end=end)))
