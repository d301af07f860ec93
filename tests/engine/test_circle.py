"""The main circle: commands in, bots at work, jobs to their end, everything durable before it is acted on."""

from __future__ import annotations

import asyncio

from ee_core.simulation.pytest import virtual_time


@virtual_time
async def test_a_job_of_two_steps_succeeds_and_its_journal_tells_the_story_in_order(world, flow, work, end):
    async with world() as w:
        await w.bot()

        job = await w.submit(flow(first=work("second", output=1), second=work(output=2), end=end))

        shown = await w.finished(job)
        assert w.events(job) == [
            "JobAccepted",
            "JobStarted",
            "VisitCreated",
            "AttemptAssigned",
            "AttemptSucceeded",
            "VisitRouted",
            "VisitCreated",
            "AttemptAssigned",
            "AttemptSucceeded",
            "VisitRouted",
            "VisitCreated",
            "VisitVanished",
            "JobFinished",
        ]
        assert [visit["output"] for visit in shown["visits"]][:2] == [1, 2]
        assert w.started() == [f"pc-1:{job}/first#1/1", f"pc-1:{job}/second#1/1"]


@virtual_time
async def test_branches_run_side_by_side_on_two_bots_and_meet_in_a_join(world, flow, work, end):
    async with world() as w:
        await w.bot("pc-1")
        await w.bot("pc-2")

        job = await w.submit(
            flow(
                fork={"parallel": ["left", "right"]},
                left=work("both", seconds=10),
                right=work("both", seconds=10),
                both={"join": "all", "next": "end"},
                end=end,
            )
        )

        await w.until(lambda: len(w.started()) == 2, within_s=5)
        assert {effect.where for effect in w.effects} == {"pc-1", "pc-2"}
        await w.finished(job, within_s=12)
        assert w.events(job).count("JoinFired") == 1


@virtual_time
async def test_a_condition_reads_what_a_bot_answered(world, flow, work, end):
    async with world() as w:
        await w.bot()
        choose = {
            "exclusive": [
                {"when": "nodes.count.output.n < inputs.limit", "next": "small"},
                {"otherwise": True, "next": "large"},
            ]
        }
        nodes = {
            "count": work("choose", output={"n": 7}),
            "choose": choose,
            "small": end,
            "large": {"end": "failed"},
        }

        few = await w.submit(flow(**nodes, inputs={"limit": {"type": "integer"}}), inputs={"limit": 8})
        many = await w.submit(flow(**nodes, inputs={"limit": {"type": "integer"}}), inputs={"limit": 7})

        await w.finished(few, "succeeded")
        await w.finished(many, "failed")


@virtual_time
async def test_a_loop_visits_a_node_until_its_condition_is_false(world, flow, work, end):
    async with world() as w:
        await w.bot()
        again = {
            "exclusive": [
                {"when": "nodes.tick.visits < 3", "next": "tick"},
                {"otherwise": True, "next": "end"},
            ]
        }

        job = await w.submit(flow(tick=work("again"), again=again, end=end))

        await w.finished(job)
        assert [effect.visit for effect in w.effects if effect.what == "start"] == [
            "tick#1",
            "tick#2",
            "tick#3",
        ]


@virtual_time
async def test_an_end_finishes_the_job_at_once_and_tells_the_other_bot_to_stop(world, flow, work, end):
    async with world() as w:
        await w.bot("pc-1")
        await w.bot("pc-2")

        job = await w.submit(
            flow(fork={"parallel": ["quick", "slow"]}, quick=work(seconds=1), slow=work(seconds=500), end=end)
        )

        await w.finished(job, within_s=10)
        await w.over(job, within_s=10)
        assert [effect.what for effect in w.effects if effect.visit == "slow#1"] == ["start", "stopped"]
        assert await w.bots() == {"pc-1": "Free", "pc-2": "Free"}


@virtual_time
async def test_a_request_leaves_only_after_its_commit(world, flow, work, end):
    async with world() as w:
        await w.bot()
        w.disk.latency_s = 0.5

        job = await w.submit(flow(only=work(), end=end))
        await w.finished(job)

        request = w.published("activity.execute.pc-1")[0]
        assigned = next(each for each in w.happenings if each.what == "commit" and (job, 1) in each.about)
        assert w.happenings.index(assigned) < w.happenings.index(request)


@virtual_time
async def test_a_response_is_acknowledged_only_after_its_commit(world, flow, work, end):
    async with world() as w:
        await w.bot()
        job = await w.submit(flow(only=work(seconds=1), end=end))
        await w.awaiting(job, "AttemptAssigned")
        w.disk.full = True
        await w.until(lambda: w.started() and w.effects[-1].what == "done")
        await w.until(lambda: len(w.published("activity.response.0.pc-1")) > 3)  # the bot repeats it
        assert not [
            each for each in w.happenings if each.what == "ack" and b'"kind":"succeeded"' in each.body
        ]
        assert not w.published("activity.ack.pc-1")

        w.disk.full = False

        await w.finished(job)
        await w.until(lambda: w.published("activity.ack.pc-1"))


@virtual_time
async def test_a_command_is_answered_only_after_its_first_record_is_durable(world, flow, work, end):
    async with world() as w:
        w.disk.full = True
        async with w.inbox() as replies:
            await w.send("jobs.execute", w.command(flow(only=work(), end=end), "j1"))
            await w.until(lambda: w.disk.tries)
            assert not replies
            assert not [
                each for each in w.happenings if each.what == "ack" and each.about.startswith("jobs.command")
            ]
            w.disk.full = False
            await w.until(lambda: replies)
        assert replies[0].status == "accepted"
        await w.cancel("j1")


@virtual_time
async def test_a_join_of_a_hundred_branches_costs_few_commits(world, flow, work, end):
    async with world() as w:
        names = [f"b{n}" for n in range(100)]
        branches = {name: work("meet", kind="fetch") for name in names}

        job = await w.submit(
            flow(fork={"parallel": names}, **branches, meet={"join": "all", "next": "end"}, end=end)
        )

        await w.finished(job)
        assert len(w.records(job)) == 101
        assert w.commits <= 10


@virtual_time
async def test_many_jobs_share_commits(world, flow, work, end):
    async with world() as w:
        w.disk.latency_s = 0.1
        definition = flow(a=work("b", kind="fetch"), b=work(kind="fetch"), end=end)

        await asyncio.gather(*(w.submit(definition, f"j{n}") for n in range(50)))
        for n in range(50):
            await w.finished(f"j{n}")

        assert sum(len(w.records(f"j{n}")) for n in range(50)) == 150
        assert w.commits < 20


@virtual_time
async def test_watchers_hear_every_event_once_in_journal_order(world, flow, work, end):
    async with world() as w:
        await w.bot()

        job = await w.submit(flow(a=work("b"), b=work(), end=end))
        await w.finished(job)
        await w.until(lambda: len(w.seen[job]) == len(w.events(job)))

        assert [event.type for event in w.seen[job]] == [f"ee.job.{name}.v1" for name in w.events(job)]
        assert [event.record for event in w.seen[job]] == sorted(event.record for event in w.seen[job])


@virtual_time
async def test_a_named_workflow_comes_from_the_catalogue(world, flow, work, end):
    async with world() as w:
        w.catalogue.add(flow("post-it", only=work(kind="fetch"), end=end))

        job = await w.submit("post-it")

        assert (await w.finished(job))["workflow"] == "post-it"


@virtual_time
async def test_a_job_keeps_the_content_it_was_accepted_with_when_its_file_changes(world, flow, work, end):
    async with world() as w:
        w.catalogue.add(flow("changing", only=work(kind="fetch", seconds=30), end=end))
        job = await w.submit("changing")
        w.catalogue.add(flow("changing", only=work(kind="fetch"), end={"end": "failed"}))

        await w.restart()

        await w.finished(job, "succeeded")
        await w.finished(await w.submit("changing"), "failed")


@virtual_time
async def test_r25_the_same_text_with_other_bindings_is_another_content(world):
    nodes = [
        {"id": "1", "type": "Start", "pointers": [{"pointsTo": "2"}]},
        {"id": "2", "type": "Activity", "activityId": "a-77", "pointers": [{"pointsTo": "3"}]},
        {"id": "3", "type": "End"},
    ]
    async with world() as w:
        contents = []
        for output in (1, 2):
            bindings = {"a-77": {"activity": "fetch", "with": {"output": output}}}
            job = await w.submit(nodes, bindings=bindings)
            await w.finished(job)
            assert [event.output for event in w.find(job, "AttemptSucceeded")] == [output]
            contents += [event.workflow for event in w.find(job, "JobAccepted")]

        assert len(set(contents)) == 2
