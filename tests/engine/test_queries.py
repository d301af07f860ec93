"""Queries: what is durable, what a job waits for in words, and who is there."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from ee_core.errors import InputError, MessageError, NotFoundError
from ee_core.messages.instants import from_text
from ee_core.messages.jobs import QueryJobs
from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_a_job_that_waits_for_a_bot_says_for_which_and_who_could_be_it(world, flow, work, end):
    async with world() as w:
        await w.bot("sap-1", app="sap")
        busy = await w.submit(flow(only=work(seconds=100), end=end))
        await w.until(w.started)
        job = await w.submit(flow(only=work(node={"bot": {"labels": {"app": "sap"}}}), end=end))
        await asyncio.sleep(1)

        shown = await w.job(job)

        assert shown["status"] == "Processing"
        assert shown["visits"][0]["status"] == "BotBusy"
        assert shown["waits"] == [
            {
                "wait": "lease:only#1",
                "kind": "lease",
                "text": "only#1 waits for a bot that serves 'work' with app=sap: sap-1 (Held)",
                "moves": True,
            }
        ]
        await w.finished(busy, within_s=200)
        await w.finished(job)


@virtual_time
async def test_every_kind_of_wait_is_told_in_words(world, flow, work, end):
    async with world(max_open_jobs=5) as w:
        puppet = await w.puppet()
        texts = {}

        async def why(job):
            for wait in (await w.job(job))["waits"]:
                texts[wait["kind"], wait["moves"]] = wait["text"]

        attempt = await w.submit(flow(only=work(), end=end), "attempt")
        await puppet.request()
        await why(attempt)
        local = await w.submit(flow(only=work(kind="post", seconds=50), end=end), "local")
        await why(local)
        assert texts["response", True] == "only#1: the engine carries out attempt 1 itself"
        anybody = await w.submit(flow(only=work(kind="fetch", seconds=50), end=end), "anybody")
        await why(anybody)
        assert texts["response", True] == "only#1: attempt 1 is for any worker that serves 'fetch'"
        retry = {"retry": {"attempts": 2, "delay": "100s"}}
        timer = await w.submit(flow(only=work(kind="post", fail=1, node=retry), end=end), "timer")
        await w.awaiting(timer, "AttemptFailed")
        await why(timer)
        asks = await w.submit(flow(only=work(kind="paint"), end=end), "asks")
        await w.incident(asks, "NoBot")
        await why(asks)
        held = await w.submit(flow(only=work(), end=end), "held")
        await why(held)
        await w.cancel(attempt)
        await why(attempt)

        assert texts["timer", True].startswith("only#1 tries again at 2026-01-01T00:0")
        assert texts["operator", False] == "incident i1 waits for an answer: `eectl job resolve`"
        assert texts["lease", False].startswith("only#1 waits for a bot that serves 'paint': none is there")
        assert texts["admission", True] == "the job is held: it starts when another one is over"
        assert re.fullmatch(
            r"bot 'pc-1' may still work on attempt 1 of only#1, which has ended; it is asked to stop, and quarantined at"
            r" 2026-01-01T00:0\S+ if it has no word for it",
            texts["drain", False],
        )
        for job in (held, local, anybody, timer, asks):
            await w.cancel(job)
        await puppet.answer(puppet.requests[0], "stopped")
        await w.over()


@virtual_time
async def test_a_finished_job_is_shown_with_its_nodes_visits_and_outputs(world, flow, work, end):
    async with world() as w:
        await w.bot()
        choose = {"exclusive": [{"when": "false", "next": "never"}, {"otherwise": True, "next": "end"}]}
        nodes = flow(only=work("choose", output=5), choose=choose, never=work(), end=end)
        job = await w.submit(nodes, "j1", owner="ann", labels={"a": "b"}, priority=3)

        shown = await w.finished(job)

        assert (shown["owner"], shown["labels"], shown["priority"]) == ("ann", {"a": "b"}, 3)
        assert (shown["status"], shown["outcome"], shown["ended_by"]) == ("Finished", "succeeded", "end")
        assert {node["node"]: node["status"] for node in shown["nodes"]} == {
            "only": "Success",
            "choose": "Success",
            "never": "NotProcessed",
            "end": "Success",
        }
        assert shown["waits"] == shown["incidents"] == []
        assert shown["accepted"] <= shown["finished"]


@virtual_time
async def test_a_job_that_an_end_lets_fail_says_which_now_and_of_its_past(world, flow):
    async with world() as w:
        choose = {"exclusive": [{"when": "false", "next": "good"}, {"otherwise": True, "next": "refused"}]}
        nodes = flow(choose=choose, good={"end": "succeeded"}, refused={"end": "failed"})
        job = await w.submit(nodes)

        shown = await w.finished(job, "failed")

        assert (shown["error"], shown["reason"]) == (None, "it came to end 'refused'")
        last = len(await w.ask("history", job=job)) - 1
        assert (await w.ask("job", job=job, at_record=last))["reason"] == "it came to end 'refused'"


@virtual_time
async def test_a_node_shows_of_its_visits_the_one_that_has_come_least_far(world, flow, work, end):
    async with world() as w:
        puppets = [await w.puppet("pc-1"), await w.puppet("pc-2")]
        fork = {"parallel": ["one", "two"]}
        nodes = flow(
            fork=fork, one=work("both", kind="fetch"), two=work("both", kind="fetch"), both=work(), end=end
        )
        job = await w.submit(nodes)

        async def shown():
            await asyncio.sleep(1)
            shown = await w.job(job)
            node = next(node["status"] for node in shown["nodes"] if node["node"] == "both")
            return sorted(visit["status"] for visit in shown["visits"] if "both" in visit["visit"]), node

        requests = [await puppet.request() for puppet in puppets]
        assert await shown() == (["AwaitingBotResponse", "AwaitingBotResponse"], "AwaitingBotResponse")
        await puppets[0].answer(requests[0], "accepted")
        assert await shown() == (["AwaitingBotResponse", "Processing"], "AwaitingBotResponse")
        await puppets[1].answer(requests[1], "accepted")
        assert await shown() == (["Processing", "Processing"], "Processing")

        await w.cancel(job)
        for puppet, request in zip(puppets, requests, strict=True):
            await puppet.answer(request, "stopped")


@virtual_time
async def test_an_incident_names_the_nodes_that_read_what_a_skip_would_give(world, flow, work, end):
    async with world() as w:
        choose = {
            "exclusive": [
                {"when": "nodes.scan.output.n > 1", "next": "count"},
                {"otherwise": True, "next": "end"},
            ]
        }
        count = work(n="${nodes.scan.output.n}", other="${inputs.n}")
        nodes = flow(inputs={"n": {"default": 1}}, scan=work("choose"), choose=choose, count=count, end=end)
        job = await w.submit(nodes)
        await w.incident(job, "NoBot")

        assert (await w.job(job))["incidents"][0]["readers"] == ["choose", "count"]
        await w.operate(job, "skip")
        await w.incident(job, "Expression")

        broken = (await w.job(job))["incidents"][0]
        assert "'nodes.scan.output' is null here, and has no key 'n'" in broken["text"]
        assert broken["readers"] == []
        await w.operate(job, "fail", "i2")
        await w.over(job)


@virtual_time
async def test_the_history_is_what_was_recorded_and_can_be_asked_from_a_place(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work(), end=end))
        await w.finished(job)

        history = await w.ask("history", job=job)
        rest = await w.ask("history", job=job, after=1)

        names = [event["e"] for record in history for event in record["events"]]
        assert names == w.events(job)
        assert [record["index"] for record in history] == list(range(len(history)))
        assert rest == history[2:]


@virtual_time
async def test_a_job_is_shown_as_it_was_after_each_of_its_records(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(a=work("b", output={"n": 1}), b=work(), end=end))
        await w.finished(job)
        history = await w.ask("history", job=job)

        past = [await w.ask("job", job=job, at_record=record["index"]) for record in history]

        assert [shown["record"] for shown in past] == list(range(len(history)))
        assert [shown["at"] for shown in past] == [record["at"] for record in history]
        assert [shown["status"] for shown in past] == ["Processing"] * (len(past) - 1) + ["Finished"]
        assert past[0]["waits"] == [
            {
                "wait": "lease:a#1",
                "kind": "lease",
                "text": "a#1 waits for a bot that serves 'work'",
                "moves": True,
            }
        ]
        assert [visit["status"] for visit in past[1]["visits"]] == ["AwaitingBotResponse"]
        assert [visit["output"] for visit in past[2]["visits"]] == [{"n": 1}, None]
        now = await w.job(job)
        assert {name: past[-1][name] for name in now} == now


@virtual_time
async def test_a_job_is_shown_as_it_was_at_an_instant(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(a=work(seconds=10), end=end))
        await w.finished(job)
        instants = [record["at"] for record in await w.ask("history", job=job)]

        before_the_end = await w.ask("job", job=job, at=from_text(instants[-1]) - 1)
        at_the_end = await w.ask("job", job=job, at=from_text(instants[-1]))

        assert (before_the_end["status"], at_the_end["status"]) == ("Processing", "Finished")
        assert at_the_end["record"] == len(instants) - 1
        with pytest.raises(InputError, match=f"job '{job}' was not there yet at 1970-01-01T00:00:00.000007Z"):
            await w.ask("job", job=job, at=7)
        with pytest.raises(
            InputError, match=f"job '{job}' has no record 99; its last one is {len(instants) - 1}"
        ):
            await w.ask("job", job=job, at_record=99)
        with pytest.raises(NotFoundError, match="job 'ghost' is not known"):
            await w.ask("job", job="ghost", at_record=0)


@virtual_time
async def test_of_the_past_nothing_is_shown_that_only_the_engine_knows_now(world, flow, work, end):
    async with world() as w:
        puppet = await w.puppet()
        job = await w.submit(flow(a=work(), end=end))
        request = await puppet.request()
        await puppet.answer(request, "accepted")
        waiting = await w.submit(flow(a=work(), end=end))
        await asyncio.sleep(1)

        async def statuses(job, **when):
            return [visit["status"] for visit in (await w.ask("job", job=job, **when))["visits"]]

        assert (await statuses(job), await statuses(waiting)) == (["Processing"], ["BotBusy"])
        assert await statuses(job, at_record=1) == ["AwaitingBotResponse"]
        assert await statuses(waiting, at_record=0) == ["Pending"]
        await w.cancel(waiting)
        await puppet.answer(request, "succeeded")
        await w.finished(job)


@virtual_time
async def test_jobs_are_listed_newest_first_and_filtered(world, flow, work, end):
    async with world() as w:
        for n in range(4):
            await w.submit(flow(f"w{n % 2}", only=work(kind="fetch"), end=end), f"j{n}", owner=f"o{n}")
            await w.finished(f"j{n}")
            await asyncio.sleep(1)

        async def listed(**wanted):
            return [row["job"] for row in await w.ask("list", filter=wanted)]

        assert await listed() == ["j3", "j2", "j1", "j0"]
        assert await listed(workflow="w1") == ["j3", "j1"]
        assert await listed(owner="o2") == ["j2"]
        assert await listed(limit=1) == ["j3"]
        assert await listed(status="Processing") == []


@pytest.mark.parametrize(
    ("question", "error"),
    [
        ({"what": "job", "job": "absent"}, NotFoundError),
        ({"what": "history", "job": "absent"}, NotFoundError),
        ({"what": "job"}, MessageError),
        ({"what": "list", "filter": {"colour": "red"}}, InputError),
        ({"what": "list", "filter": {"limit": "many"}}, InputError),
        ({"what": "list", "filter": {"before": "yesterday"}}, InputError),
        ({"what": "list", "filter": {"labels": "red"}}, InputError),
    ],
)
@virtual_time
async def test_a_question_that_cannot_be_answered_is_refused_in_words(world, question, error):
    async with world() as w:
        with pytest.raises(error):
            await w.ask(**question)


@pytest.mark.parametrize("body", [b"", b"{", b"17", b'{"v": 3, "what": "list"}', b'{"what": "weather"}'])
@virtual_time
async def test_bytes_that_are_no_question_are_answered_with_an_error(world, body):
    async with world() as w:
        answer = await w.broker.request("jobs.query", body, timeout_s=1)

        assert b'"bad_message"' in answer


@virtual_time
async def test_the_engine_tells_of_itself(world, flow, work, end):
    async with world() as w:
        job = await w.submit(flow(only=work(), end=end))

        shown = await w.ask("engine")

        assert (shown["engine"], shown["store"]) == (w.engine.engine.id, w.store.store_id)
        assert (shown["open_jobs"], shown["waits"]) == (1, {"lease": 1})
        await w.cancel(job)


@virtual_time
async def test_workers_are_listed_beside_bots(world):
    async with world() as w:
        await w.bot("pc-1", app="sap")
        await w.worker("w-1", "spare")
        await asyncio.sleep(1)

        rows = {row["bot"]: row for row in await w.ask("bots")}

        assert rows["pc-1"] == {
            "bot": "pc-1",
            "state": "Free",
            "kind": "bot",
            "activities": ["work"],
            "labels": {"app": "sap"},
            "job": "",
            "visit": "",
            "reason": "",
        }
        assert (rows["w-1"]["kind"], rows["w-1"]["activities"]) == ("worker", ["spare"])


@virtual_time
async def test_a_bot_that_is_gone_leaves_the_list(world):
    async with world() as w:
        bot = await w.bot()
        await asyncio.sleep(1)
        assert await w.bots() == {"pc-1": "Free"}

        await bot.kill()
        await asyncio.sleep(20)

        assert await w.bots() == {}


@virtual_time
async def test_a_bot_that_died_at_work_is_listed_as_long_as_something_is_to_be_known_of_it(
    world, flow, work, end
):
    async with world(drain_timeout_s=100.0) as w:
        bot = await w.bot()
        patient = {"timeout": {"heartbeat": "60s"}}
        job = await w.submit(flow(only=work(seconds=500, node=patient), end=end))
        await w.until(w.started)
        await bot.kill()
        died_us = w.env.now()

        async def row():
            return next(each for each in await w.ask("bots") if each["bot"] == "pc-1")

        await asyncio.sleep(21)
        lost = await row()
        await w.incident(job, "Lost")
        draining = await row()
        (wait,) = [each for each in (await w.job(job))["waits"] if each["kind"] == "drain"]
        await asyncio.sleep(1.7)
        assert (await row())["reason"] == draining["reason"]
        assert wait in (await w.job(job))["waits"]
        await asyncio.sleep(101)

        assert (lost["state"], lost["job"], lost["visit"]) == ("Lost", job, "only#1")
        silent = re.fullmatch(r"has given no sign of life since (\S+Z)", lost["reason"])
        assert abs(from_text(silent[1]) - died_us) <= 6_000_000
        assert (draining["state"], draining["job"]) == ("Draining", job)
        assert draining["reason"] == f"may still work on attempt 1, which has ended, and {lost['reason']}"
        assert not wait["moves"]
        assert re.fullmatch(
            rf"bot 'pc-1' may still work on attempt 1 of only#1, which has ended, and {lost['reason']}; that is over when it"
            r" comes back and answers, or at \S+Z, when it is quarantined until `eectl bot release pc-1`",
            wait["text"],
        )
        assert (await row())["state"] == "Quarantined"
        await w.cancel(job)


@virtual_time
async def test_after_a_restart_a_bot_that_is_not_heard_is_listed_with_what_it_holds(world, flow, work, end):
    async with world() as w:
        bot = await w.bot()
        job = await w.submit(flow(only=work(seconds=500), end=end))
        await w.until(w.started)
        await bot.kill()
        await w.restart()

        row = next(each for each in await w.ask("bots") if each["kind"] == "bot")

        assert (row["state"], row["job"], row["reason"]) == ("Lost", job, "has given no sign of life yet")
        await w.cancel(job)
        await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("selector", "why"),
    [
        ({"pool": "night"}, "pc-1 (is in pool 'day'), pc-2 (is in no pool)"),
        ({"labels": {"app": "sap"}}, "pc-1 (has no label 'app'), pc-2 (has app=erp)"),
        ({"id": "pc-9"}, "pc-1 (has another id), pc-2 (has another id)"),
    ],
)
@virtual_time
async def test_who_finds_no_bot_is_told_why_those_that_serve_it_do_not_fit(
    world, flow, work, end, selector, why
):
    async with world() as w:
        await w.bot("pc-1", pool="day")
        await w.bot("pc-2", app="erp")
        job = await w.submit(flow(only=work(node={"bot": selector}), end=end))

        incident = await w.incident(job, "NoBot")

        assert f"; not to be had: {why}; start one with" in incident["text"]
        await w.cancel(job)


@virtual_time
async def test_who_finds_no_bot_is_told_that_it_leaves_or_is_silent(world, flow, work, end):
    async with world() as w:
        leaves, dies = await w.bot("pc-1"), await w.bot("pc-2")
        await asyncio.sleep(1)
        await dies.kill()
        await asyncio.sleep(16)
        await leaves.stop()
        job = await w.submit(flow(only=work(), end=end))

        incident = await w.incident(job, "NoBot")

        assert re.search(
            r"not to be had: pc-1 \(has said that it leaves\), pc-2 \(has given no sign of life since \S+Z\); start one",
            incident["text"],
        )
        assert (await w.bots())["pc-1"] == "Leaving"
        waits = [each["text"] for each in (await w.job(job))["waits"] if each["kind"] == "lease"]
        assert "pc-1 (has said that it leaves), pc-2 (has given no sign of life since" in waits[0]
        await w.bot("pc-3")
        await w.finished(job)


@pytest.fixture
def large(flow, work, end):
    """A workflow of twelve steps that give 100 kB each."""
    names = [f"n{n}" for n in range(12)]
    nodes = {
        name: work(after, kind="fetch", bytes=100_000)
        for name, after in zip(names, [*names[1:], "end"], strict=True)
    }
    return flow(**nodes, end=end)


def _share(w):
    """Let the broker be one whose answers are bounded like all its messages."""
    w.broker.traits = replace(w.broker.traits, shared=True)


@virtual_time
async def test_a_history_longer_than_a_message_comes_in_parts(world, large):
    async with world(engine=False) as w:
        _share(w)
        await w.start()
        job = await w.submit(large)
        await w.until(lambda: w.summary(job).outcome)

        part = await w.client._ask(QueryJobs(what="history", job=job))
        history = await w.ask("history", job=job)

        assert 0 < len(part) < len(history)
        assert [event["e"] for record in history for event in record["events"]] == w.events(job)
        assert [record["index"] for record in history] == list(range(len(history)))


@virtual_time
async def test_a_job_larger_than_a_message_is_shown_without_its_large_outputs(world, large):
    async with world(engine=False) as w:
        _share(w)
        await w.start()
        job = await w.submit(large)
        await w.until(lambda: w.summary(job).outcome)

        shown = await w.job(job)

        assert shown["outcome"] == "succeeded"
        assert {(v["output"], v.get("output_bytes")) for v in shown["visits"]} == {
            (None, 100_002),
            (None, None),
        }


@virtual_time
async def test_a_job_of_very_many_visits_is_shown_with_the_last(world, flow, work, end):
    async with world(engine=False) as w:
        _share(w)
        w.broker.traits = replace(w.broker.traits, max_payload=50_000)
        await w.start()
        again = {
            "exclusive": [
                {"when": "nodes.tick.visits < 300", "next": "tick"},
                {"otherwise": True, "next": "end"},
            ]
        }
        job = await w.submit(flow(tick=work("again", kind="fetch", output=1), again=again, end=end))
        await w.until(lambda: w.summary(job).outcome)

        shown = await w.job(job)

        assert shown["visits"][-1]["visit"] == "end#1"
        assert shown["visits_left_out"] + len(shown["visits"]) == 601


@virtual_time
async def test_a_list_larger_than_the_broker_takes_is_refused_in_words(world, flow, work, end):
    async with world(engine=False) as w:
        _share(w)
        w.broker.traits = replace(w.broker.traits, max_payload=100_000)
        await w.start()
        for n in range(12):
            await w.submit(flow(only=work(kind="fetch"), end=end), f"j{n}", labels={"text": "x" * 10_000})

        with pytest.raises(InputError, match="bytes"):
            await w.ask("list")
        assert len(await w.ask("list", filter={"limit": 5})) == 5


@virtual_time
async def test_a_list_leaves_out_ids_that_only_a_cancel_knows_and_is_as_long_as_wanted(
    world, flow, work, end
):
    async with world() as w:
        for n in range(3):
            await w.submit(flow(only=work(kind="fetch"), end=end), f"j{n}")
            await w.cancel(f"typo-{n}")

        assert [row["job"] for row in await w.ask("list", filter={"limit": 2})] == ["j2", "j1"]
        assert {row["job"] for row in await w.ask("list")} == {"j0", "j1", "j2"}
        everything = await w.ask("list", filter={"tombstones": True})
        assert {row["job"] for row in everything if not row["workflow"]} == {"typo-0", "typo-1", "typo-2"}
        assert len(everything) == 6
