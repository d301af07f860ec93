"""The parts alone: timers, lines, roster, seats, outbox, partition, executor."""

from __future__ import annotations

import asyncio
import random

import pytest

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.contracts.journal import Entry, JobSummary
from ee_core.contracts.lock import Lease, LeaseState, LockRecord
from ee_core.errors import (
    EngineError,
    JournalConflictError,
)
from ee_core.executor import Executor, Recorded
from ee_core.fleet.lines import Lines
from ee_core.fleet.roster import Roster, to_requirement
from ee_core.fleet.seats import BotState, Seat
from ee_core.local.broker import MemoryBroker
from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.messages.bots import BotHello
from ee_core.model.compiled import compile_workflow
from ee_core.model.decide import Ignored
from ee_core.model.facts import CancelCommanded, ExecuteCommanded, TimerDue
from ee_core.model.ids import Fence
from ee_core.model.job import Job
from ee_core.model.record import decode_record
from ee_core.model.waits import LeaseWait
from ee_core.model.workflow import (
    Activity,
    BotSelector,
    Node,
    NodeKind,
    Pointer,
    Workflow,
    content_hash,
    to_content,
)
from ee_core.partition import Partition
from ee_core.reactor.outbox import Letter, Outbox
from ee_core.reactor.timers import Timers
from ee_core.simulation import VirtualEnv
from ee_core.simulation.pytest import virtual_time

# -- timers ----------------------------------------------------------------------------------------------------


@virtual_time
async def test_timers_ring_in_the_order_of_their_deadlines_and_once():
    timers, rung = Timers(), []
    for delay in (3, 1, 2):
        timers.set(delay, delay, lambda delay=delay: rung.append((delay, _now())))

    await asyncio.sleep(10)

    assert rung == [(1, 1), (2, 2), (3, 3)]
    assert len(timers) == 0


@virtual_time
async def test_a_timer_that_is_moved_rings_at_its_new_time_alone():
    timers, rung = Timers(), []
    timers.set("a", 5, lambda: rung.append(("first", _now())))
    await asyncio.sleep(1)

    timers.set("a", 1, lambda: rung.append(("sooner", _now())))
    await asyncio.sleep(10)
    timers.set("b", 1, lambda: rung.append(("b", _now())))
    timers.set("b", 4, lambda: rung.append(("later", _now())))
    await asyncio.sleep(10)

    assert rung == [("sooner", 2), ("later", 15)]


@virtual_time
async def test_a_timer_that_is_dropped_never_rings():
    timers, rung = Timers(), []
    timers.set("a", 1, lambda: rung.append("a"))
    timers.set("b", 2, lambda: rung.append("b"))

    timers.drop("a")
    timers.drop("unknown")
    await asyncio.sleep(5)

    assert rung == ["b"]


@virtual_time
async def test_a_timer_without_delay_rings_in_a_later_turn_never_at_once():
    timers, rung = Timers(), []

    timers.set("a", -1, lambda: rung.append("a"))

    assert rung == []
    await asyncio.sleep(0.001)
    assert rung == ["a"]


@virtual_time
async def test_a_timer_may_set_itself_again_while_it_rings():
    timers, rung = Timers(), []

    def ring():
        rung.append(_now())
        if len(rung) < 3:
            timers.set("a", 1, ring)

    timers.set("a", 1, ring)
    await asyncio.sleep(10)

    assert rung == [1, 2, 3]


@virtual_time
async def test_a_timer_that_raises_does_not_silence_the_others():
    timers, rung = Timers(), []
    failures = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: failures.append(context["exception"])
    )
    timers.set("a", 1, lambda: 1 / 0)
    timers.set("b", 1, lambda: rung.append("b"))
    timers.set("c", 2, lambda: rung.append("c"))

    await asyncio.sleep(5)

    assert rung == ["b", "c"]
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


@virtual_time
async def test_a_deadline_moved_many_times_does_not_fill_the_heap():
    timers = Timers()
    timers.set("far", 1_000_000, lambda: None)
    for _ in range(10_000):
        timers.set("heartbeat", 15, lambda: None)

    assert len(timers) == 2
    assert len(timers._heap) < 1000
    timers.close()


@virtual_time
async def test_closed_timers_ring_no_more():
    timers, rung = Timers(), []
    timers.set("a", 1, lambda: rung.append("a"))

    timers.close()
    await asyncio.sleep(5)

    assert rung == []


# -- lines -----------------------------------------------------------------------------------------------------


def wait(visit="a#1", since_us=0, activity="work", same_as=None, **selector):
    return LeaseWait(
        visit=visit,
        node=visit.split("#", maxsplit=1)[0],
        activity=activity,
        selector=BotSelector(**selector),
        same_as=same_as,
        since_us=since_us,
        deadline_us=None,
        no_bot=False,
    )


def test_lines_are_ordered_by_priority_then_age_then_job_and_visit():
    wants = [("j2", 0, 5), ("j1", 0, 5), ("j3", 1, 9), ("j4", 0, 4), ("j5", -1, 0)]
    for seed in range(10):
        lines = Lines()
        random.Random(seed).shuffle(wants)
        for job, priority, since in wants:
            lines.add(job, priority, wait(since_us=since), 0.0)

        order = []
        while (first := lines.first(lambda needs: True)) is not None:
            order.append(first.job)
            lines.remove(first.job, first.wait.key)

        assert order == ["j3", "j4", "j1", "j2", "j5"]
        assert len(lines) == 0
        assert lines.requirements() == []


def test_a_want_added_again_stands_once_with_what_was_said_last():
    lines = Lines()
    lines.add("j1", 0, wait(pool="day"), 0.0)
    lines.add("j1", 0, wait(pool="night"), 1.0)

    assert len(lines) == 1
    assert [needs.pool for needs in lines.requirements()] == ["night"]


def test_only_lines_that_fit_are_looked_at():
    lines = Lines()
    lines.add("j1", 9, wait(activity="paint"), 0.0)
    lines.add("j2", 0, wait(activity="work"), 0.0)

    first = lines.first(lambda needs: needs.activity == "work")

    assert first.job == "j2"
    assert len(lines) == 2


# -- roster ----------------------------------------------------------------------------------------------------


def hello(bot="pc-1", **fields):
    common = {
        "bot": bot,
        "instance": "i",
        "ledger": "l",
        "activities": ("work",),
        "highest": Fence(0, 0),
        "interval_ms": 1000,
    }
    return BotHello(**common | fields)


def test_a_hello_that_changes_nothing_is_no_news():
    roster = Roster()

    assert roster.saw(hello(), 0.0)
    assert not roster.saw(hello(highest=Fence(5, 1)), 1.0)


@pytest.mark.parametrize(
    "change",
    [{"instance": "j"}, {"ledger": "m"}, {"activities": ("x",)}, {"labels": {"a": "b"}}, {"leaving": True}],
)
def test_a_hello_that_changes_who_may_be_asked_is_news(change):
    roster = Roster()
    roster.saw(hello(), 0.0)

    assert roster.saw(hello(**change), 1.0)


def test_a_process_that_is_heard_after_a_newer_one_contests_the_id_and_changes_nothing_else():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j", ledger="m"), 1.0)
    assert not roster.is_contested("pc-1", 1.0)

    assert roster.saw(hello(), 2.0)
    assert not roster.saw(hello(), 3.0)

    assert roster.find("pc-1").instance == "j"
    assert roster.find("pc-1").ledger == "m"
    assert roster.is_contested("pc-1", 5.9)
    assert not roster.is_contested("pc-1", 6.1)


def test_the_last_word_of_a_process_that_leaves_contests_nothing():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j"), 1.0)

    assert not roster.saw(hello(leaving=True), 2.0)

    assert not roster.is_contested("pc-1", 2.0)


def test_of_two_processes_the_older_is_the_bot_when_the_newer_says_that_it_leaves():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j", ledger="m"), 1.0)
    roster.saw(hello(), 2.0)
    roster.saw(hello(instance="j", ledger="m", leaving=True), 2.5)

    assert roster.saw(hello(), 3.0)

    assert (roster.find("pc-1").instance, roster.find("pc-1").leaving) == ("i", False)
    assert roster.has_bot(to_requirement("work", BotSelector(), None))
    assert not roster.is_contested("pc-1", 3.0)
    assert not roster.saw(hello(instance="j", ledger="m", leaving=True), 3.5)  # it still ends what it does
    assert roster.find("pc-1").instance == "i"


def test_only_the_last_bots_that_went_are_remembered():
    roster = Roster()
    for n in range(150):
        roster.saw(hello(f"pc-{n}"), float(n))
    roster.expire(1000.0)

    assert [each.bot for each in roster.departed()] == [f"pc-{n}" for n in range(50, 150)]
    roster.saw(hello("pc-60"), 1001.0)
    assert roster.find_departed("pc-60") is None


def test_of_two_processes_the_older_is_the_bot_when_the_newer_is_gone():
    roster = Roster()
    roster.saw(hello(), 0.0)
    roster.saw(hello(instance="j"), 1.0)
    for now_s in (2.0, 3.0, 4.0):
        roster.saw(hello(), now_s)
    assert roster.expire(4.5) == ["pc-1"]

    assert roster.saw(hello(), 5.0)

    assert roster.find("pc-1").instance == "i"
    assert not roster.is_contested("pc-1", 5.0)


def test_a_bot_that_is_silent_for_three_intervals_is_gone():
    roster = Roster()
    roster.saw(hello(), 0.0)

    assert roster.expire(3.0) == []
    assert roster.expire(3.1) == ["pc-1"]
    assert roster.find("pc-1") is None


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({}, True),
        ({"id": "pc-1"}, True),
        ({"id": "pc-2"}, False),
        ({"labels": {"app": "sap"}}, True),
        ({"labels": {"app": "sap", "site": "x"}}, False),
        ({"pool": "night"}, True),
        ({"pool": "day"}, False),
        ({"same_as": "other"}, False),  # nobody has done that node
    ],
)
def test_a_requirement_admits_who_has_all_it_names(selector, fits):
    roster = Roster()
    roster.saw(hello(labels={"app": "sap", "pool": "night"}), 0.0)

    assert roster.has_bot(to_requirement("work", BotSelector(**selector), None)) is fits


def test_a_bot_that_leaves_or_a_worker_fits_no_visit_for_a_bot():
    roster = Roster()
    roster.saw(hello("a", leaving=True), 0.0)
    roster.saw(hello("b", stateless=True), 0.0)

    assert not roster.has_bot(to_requirement("work", BotSelector(), None))
    assert roster.has_worker("work")
    assert not roster.has_worker("paint")


# -- seats -----------------------------------------------------------------------------------------------------


def test_a_seat_is_free_only_when_leased_claimed_and_empty():
    seat = Seat("pc-1")
    assert not seat.is_free
    seat.lease = Lease(LockRecord("pc-1", "e", 7, LeaseState.HELD), "r")
    assert seat.is_free
    seat.taking = True
    assert (seat.is_free, seat.state()) == (False, BotState.UNKNOWN)
    seat.taking = False
    seat.granting = "j1"
    assert (seat.is_free, seat.state()) == (False, BotState.HELD)
    seat.granting = None
    seat.occupants["j1", "a#1", 1] = False
    assert (seat.is_free, seat.state()) == (False, BotState.HELD)
    seat.occupants["j1", "a#1", 1] = True
    assert (seat.is_free, seat.state()) == (False, BotState.DRAINING)


def test_fences_of_a_seat_rise():
    seat = Seat("pc-1", lease=Lease(LockRecord("pc-1", "e", 7, LeaseState.HELD), "r"), n=3)

    assert [seat.next_fence(), seat.next_fence()] == [Fence(7, 4), Fence(7, 5)]


# -- outbox ----------------------------------------------------------------------------------------------------


@virtual_time
async def test_the_outbox_sends_in_order_and_gives_up_what_the_broker_refuses():
    env = VirtualEnv(asyncio.get_running_loop(), 1)
    async with MemoryBroker(env, max_payload=100) as broker:
        outbox = Outbox(broker, headers=lambda subject, job, visit: {"x-job": str(job)})
        running = asyncio.create_task(outbox.run())
        inbox = Channel(ChannelKind.INBOX, "a")
        outbox.post(Letter(inbox, b"x" * 500))
        for n in range(20):
            outbox.post(Letter(inbox, str(n).encode(), "j1"))
        await asyncio.sleep(0.1)

        async with broker.consume(inbox, group="g") as deliveries:
            bodies = [await anext(deliveries) for _ in range(20)]

        assert [int(each.body) for each in bodies] == list(range(20))
        assert bodies[0].headers["x-job"] == "j1"
        running.cancel()
        await asyncio.wait({running})


@virtual_time
async def test_a_message_that_is_no_subject_does_not_end_the_outbox():
    env = VirtualEnv(asyncio.get_running_loop(), 1)
    async with MemoryBroker(env) as broker:
        outbox = Outbox(broker, headers=lambda subject, job, visit: {})
        running = asyncio.create_task(outbox.run())
        outbox.post(Letter(Channel(ChannelKind.INBOX, "a b"), b"bad"))
        outbox.post(Letter(Channel(ChannelKind.INBOX, "a"), b"good"))

        async with (
            broker.consume(Channel(ChannelKind.INBOX, "a"), group="g") as deliveries,
            asyncio.timeout(5),
        ):
            assert (await anext(deliveries)).body == b"good"

        running.cancel()
        await asyncio.wait({running})


# -- partition -------------------------------------------------------------------------------------------------


def entry(job="j1", index=0, size=10):
    summary = JobSummary(
        job,
        "w",
        "",
        None,
        "Processing",
        "",
        "",
        {},
        0,
        0,
        None,
        0,
        True,
    )
    return Entry(job, index, b"x" * size, summary)


class Stand:
    """A partition on a memory journal."""

    def __init__(self) -> None:
        self.store = MemoryStore("store")
        self.journal = MemoryJournal(self.store)
        self.lost: list[EngineError] = []
        self.partition = Partition(self.journal, 0, on_lost=self.lost.append, confirm_after_s=10)

    async def __aenter__(self):
        await self.journal.__aenter__()
        await self.partition.open()
        self.task = asyncio.create_task(self.partition.run())
        return self

    async def __aexit__(self, *error):
        self.task.cancel()
        await asyncio.wait({self.task})
        await self.journal.close()

    @property
    def commits(self):
        return [len(commit.frames) for commit in self.store.partitions[0].commits]


@virtual_time
async def test_what_is_ready_in_one_turn_goes_into_one_commit_and_what_comes_meanwhile_into_the_next():
    async with Stand() as stand:
        first = [stand.partition.write([entry(f"j{n}")]) for n in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = [stand.partition.write([entry(f"k{n}")]) for n in range(7)]

        await asyncio.gather(*first, *second)

        assert stand.commits == [5, 7]


@virtual_time
async def test_a_commit_is_cut_at_job_boundaries_when_it_grows_too_large():
    async with Stand() as stand:
        writes = [
            stand.partition.write([entry(f"j{n}", 0, 200_000), entry(f"j{n}", 1, 200_000)]) for n in range(5)
        ]

        await asyncio.gather(*writes)

        assert stand.commits == [4, 4, 2]


@virtual_time
async def test_when_another_writer_came_every_write_raises_and_the_loss_is_told_once():
    async with Stand() as stand:
        await stand.partition.write([entry()])
        await stand.journal.open_partition(0)

        writes = [stand.partition.write([entry(f"j{n}")]) for n in range(3)]
        results = await asyncio.gather(*writes, return_exceptions=True)
        late = await asyncio.gather(stand.partition.write([entry()]), return_exceptions=True)

        assert [type(result) for result in (*results, *late)] == [JournalConflictError] * 4
        assert [type(error) for error in stand.lost] == [JournalConflictError]
        assert stand.commits == [1]


@virtual_time
async def test_a_writer_that_has_nothing_to_write_is_told_of_another_one():
    async with Stand() as stand:
        await asyncio.sleep(60)
        assert stand.lost == []
        await stand.journal.open_partition(0)

        await asyncio.sleep(15)

        assert [type(error) for error in stand.lost] == [JournalConflictError]
        assert stand.commits == []


@virtual_time
async def test_a_journal_that_cannot_say_who_writes_takes_the_partition_from_nobody():
    async with Stand() as stand:
        await stand.journal.close()
        await asyncio.sleep(60)

        assert stand.lost == []
        assert not stand.task.done()


@virtual_time
async def test_a_writer_that_is_cancelled_does_not_take_its_entries_back():
    async with Stand() as stand:
        write = stand.partition.write([entry()])
        write.cancel()
        await stand.partition.write([entry("j2")])

        assert stand.commits == [2]


# -- executor --------------------------------------------------------------------------------------------------


def compiled(**node):
    workflow = Workflow(
        name="flow",
        start="a",
        nodes=(
            Node("a", NodeKind.ACTIVITY, pointers=(Pointer("end"),), activity=Activity(type="work", **node)),
            Node("end", NodeKind.END),
        ),
    )
    return compile_workflow(workflow, content_hash(to_content(workflow)), lambda source: None)


class Seen:
    """An executor with ears."""

    def __init__(self, stand: Stand) -> None:
        self.deltas: list[tuple[list[str], list[str], int]] = []
        self.observed: list[int] = []
        self.stand = stand
        job = Job.blank("j1", compiled())
        self.executor = Executor(
            job,
            stand.partition,
            reconcile=self._reconcile,
            observe=lambda job, records: self.observed.extend(record.index for record in records),
            advise_retry=lambda job, fact: None,
        )

    def _reconcile(self, job, delta):
        durable = len(self.stand.store.records.get("j1", ()))
        self.deltas.append(([wait.key for wait in delta.added], list(delta.dropped), durable))

    def execute(self):
        workflow = self.executor.job.workflow
        return self.executor.tell(ExecuteCommanded(at_us=1, workflow=workflow.name, name="flow", digest="d"))


@virtual_time
async def test_an_executor_tells_after_the_commit_and_reconciles_the_net_change():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())

        told = await seen.execute()

        assert isinstance(told, Recorded)
        assert seen.deltas == [(["lease:a#1"], [], 1)]
        assert seen.observed == [0]
        assert isinstance(await seen.executor.tell(CancelCommanded(at_us=2)), Recorded)
        assert seen.deltas[1:] == [([], ["lease:a#1"], 2)]
        await running


@virtual_time
async def test_facts_that_wait_are_decided_together_and_committed_once():
    async with Stand() as stand:
        seen = Seen(stand)
        told = [seen.execute(), seen.execute(), seen.executor.tell(CancelCommanded(at_us=3))]
        late = seen.executor.tell(TimerDue(at_us=4, wait="timer:a#1@5"))

        await seen.executor.run()

        results = await asyncio.gather(*told, late)
        assert [type(result) for result in results] == [Recorded, Ignored, Recorded, Ignored]
        assert stand.commits == [2]
        assert [(added, durable) for added, _, durable in seen.deltas] == [([], 2)]
        assert [decode_record(body).index async for body in stand.journal.history("j1")] == [0, 1]


@virtual_time
async def test_a_fact_told_to_a_job_that_is_over_is_ignored_as_finished():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())
        await seen.execute()
        seen.executor.tell(CancelCommanded(at_us=2))
        await running

        assert await asyncio.wait_for(seen.executor.tell(CancelCommanded(at_us=3)), 5) == Ignored("finished")


@virtual_time
async def test_when_the_partition_is_lost_every_open_tell_raises_and_nothing_is_reconciled():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())
        await seen.execute()
        await stand.journal.open_partition(0)
        seen.deltas.clear()

        told = [seen.executor.tell(CancelCommanded(at_us=2)) for _ in range(2)]
        results = await asyncio.gather(*told, return_exceptions=True)

        assert [type(result) for result in results] == [JournalConflictError] * 2
        assert seen.deltas == []
        await running
        with pytest.raises(JournalConflictError):
            await seen.executor.tell(CancelCommanded(at_us=3))


@virtual_time
async def test_settling_waits_for_everything_told_so_far():
    async with Stand() as stand:
        seen = Seen(stand)
        running = asyncio.create_task(seen.executor.run())
        seen.execute()

        await asyncio.wait_for(seen.executor.settle(), 5)

        assert stand.commits == [1]
        seen.executor.tell(CancelCommanded(at_us=2))
        await running
        await asyncio.wait_for(seen.executor.settle(), 5)


def _now():
    return asyncio.get_running_loop().time()
