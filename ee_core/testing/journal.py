"""The conformance kit of journals: one test per numbered clause of `ee_core.contracts.journal`.

Derive from `JournalConformance`, and override the fixture `new_store`::

    class MyStore(JournalStore):
        def connect(self): return MyJournal(...)

    class TestMyJournal(JournalConformance):
        @pytest.fixture
        def new_store(self, tmp_path): return lambda: MyStore(...)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

import pytest

from ee_core.contracts import journal as contract
from ee_core.contracts.journal import (
    JobFilter,
    Journal,
    PartitionHead,
    Pruned,
    RecordKey,
    StoredCommit,
)
from ee_core.errors import (
    ConflictError,
    JournalConflictError,
    JournalCorruptError,
    JournalUnavailableError,
    NotFoundError,
    PayloadTooLargeError,
)
from ee_core.model.ids import JobId, WorkflowHash
from ee_core.model.limits import MAX_COMMIT_BYTES, MAX_RECORD_BYTES
from ee_core.testing.conformance import Conformance, need
from ee_core.testing.journal_entries import (
    DONE,
    EVERYTHING,
    FILTERS,
    NAME,
    OLD,
    TOO_LARGE,
    fill_for_pruning,
    fill_index,
    in_pieces,
)
from ee_core.testing.journal_store import JournalStore, entry, last_entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence
    from types import ModuleType

NewStore = Callable[[], JournalStore]
_T = TypeVar("_T")
_A, _B, _C = JobId("job-a"), JobId("job-b"), JobId("job-c")
_MANY: Final = 150  # more than a page of anything


class JournalConformance(Conformance):
    """One test per numbered clause of `ee_core.contracts.journal`."""

    contract: ClassVar[ModuleType] = contract

    @pytest.fixture
    def new_store(self) -> NewStore:
        """A function that makes a store with nothing in it, another one with each call."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture new_store")

    async def test_j1_a_commit_is_stored_in_order_or_not_at_all(self, new_store: NewStore) -> None:
        entries = [entry(job, index) for index in range(20) for job in (_A, _B)]
        store = new_store()
        async with store.connect() as writer, store.connect() as reader:
            head = await writer.open_partition(0)
            task = asyncio.create_task(writer.commit(head, entries))
            seen: list[tuple[bytes, ...]] = []
            while not task.done():  # what others see meanwhile
                seen += [commit.records for commit in await _commits(reader)]
                await asyncio.sleep(0)
            await task
            seen += [commit.records for commit in await _commits(writer)]

        assert set(seen) == {tuple(one.body for one in entries)}

    async def test_j2_a_wrong_position_or_epoch_is_refused(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            start = await journal.open_partition(0)
            head = await journal.commit(start, [entry(_A, 0)])
            wrong = (
                start,
                PartitionHead(0, head.position + 1, head.epoch),
                PartitionHead(0, head.position, head.epoch + 1),
                PartitionHead(0, head.position, head.epoch - 1),
            )
            for place in wrong:
                with pytest.raises(JournalConflictError):
                    await journal.commit(place, [entry(_B, 0)])

            assert await _bodies(journal) == [b"job-a/0"]
            assert await journal.find_job(_B) is None
            await journal.commit(head, [entry(_A, 1)])  # the right place still is

    async def test_j3_what_was_committed_outlives_its_writer(self, new_store: NewStore) -> None:
        store = new_store()
        journal = store.connect()
        need(journal.traits, durable=True)
        async with journal:
            head = await journal.open_partition(0)
            await journal.commit(head, [entry(_A, 0)])
            async with store.connect() as another:  # the first has had no chance to tidy up
                assert await _bodies(another) == [b"job-a/0"]

    async def test_j4_opening_a_partition_shuts_out_earlier_epochs(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as journal:
            first = await journal.open_partition(0)
            await journal.commit(first, [entry(_A, 0)])
        async with store.connect() as journal:
            second = await journal.open_partition(0)
            third = await journal.open_partition(0)
            old = (first, PartitionHead(0, second.position, first.epoch), second)
            for place in old:
                with pytest.raises(JournalConflictError):
                    await journal.commit(place, [entry(_A, 0)])

            assert [second.epoch, third.epoch] == [first.epoch + 1, first.epoch + 2]
            assert third.position == second.position
            assert await _bodies(journal) == [b"job-a/0"]

    async def test_j5_an_identical_commit_is_stored_once(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            start = await journal.open_partition(0)
            first = await journal.commit(start, [entry(_A, 0), entry(_B, 0)])
            again = await journal.commit(start, [entry(_A, 0), entry(_B, 0)])
            second = await journal.commit(first, [entry(_A, 1)])

            assert again == first
            assert await journal.commit(first, [entry(_A, 1)]) == second
            assert await _bodies(journal) == [b"job-a/0", b"job-b/0", b"job-a/1"]

    async def test_j6_read_gives_all_commits_after_a_position(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            head = await journal.open_partition(0)
            heads = [head := await journal.commit(head, [entry(_A, index)]) for index in range(_MANY)]
            wanted = [
                StoredCommit(
                    place.position, place.epoch, (f"job-a/{index}".encode(),), (RecordKey(_A, index),)
                )
                for index, place in enumerate(heads)
            ]

            assert await _commits(journal) == wanted
            assert await _commits(journal, after=heads[9].position) == wanted[10:]
            assert await _commits(journal, after=heads[-1].position) == []
            with pytest.raises(JournalCorruptError):
                await _commits(journal, after=heads[-1].position + 1)

    @pytest.mark.parametrize("harm", ["flip", "lose"])
    async def test_j7_damage_is_named_and_ends_the_reading(self, new_store: NewStore, harm: str) -> None:
        store = new_store()
        async with store.connect() as journal:
            head = await journal.open_partition(0)
            heads = [head := await journal.commit(head, [entry(_A, index)]) for index in range(5)]
        await getattr(store, harm)(heads[2].position)
        # one that is missing shows there, or at the one that follows
        shows = [head.position for head in heads[2 : 3 if harm == "flip" else 4]]
        async with store.connect() as journal:
            found: list[bytes] = []
            with pytest.raises(JournalCorruptError) as caught:
                async for commit in journal.read(0):
                    found += commit.records

        assert found == [b"job-a/0", b"job-a/1"]
        assert caught.value.position in shows
        assert str(caught.value.position) in str(caught.value)

    async def test_j8_history_gives_one_jobs_records(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as journal:
            head = await journal.open_partition(0)
            head = await journal.commit(head, [entry(_A, 0), entry(_B, 0), entry(_A, 1)])
            head = await journal.commit(head, [entry(_B, index) for index in range(1, _MANY)])
            await journal.commit(head, [last_entry(_A, 2), last_entry(_B, _MANY)])
        async with store.connect() as journal:
            assert await _all(journal.history(_A)) == [f"job-a/{index}".encode() for index in range(3)]
            assert await _all(journal.history(_B)) == [
                f"job-b/{index}".encode() for index in range(_MANY + 1)
            ]
            assert await _all(journal.history(_C)) == []

    async def test_j9_open_jobs_are_given_oldest_first(self, new_store: NewStore) -> None:
        names = [JobId(f"job-{999 - number}") for number in range(5)]  # the order of ids is not that of age
        store = new_store()
        async with store.connect() as journal:
            head = await journal.open_partition(0)
            begun = [entry(name, 0, accepted_us=1_000 + age) for age, name in enumerate(names)]
            head = await journal.commit(head, begun)
            drains = last_entry(names[3], 1, accepted_us=1_003, open=True)
            await journal.commit(head, [last_entry(names[0], 1, accepted_us=1_000), drains])
        async with store.connect() as journal:
            assert await _all(journal.open_jobs(0)) == names[1:]

    async def test_j10_the_index_shows_each_job_as_it_is_now(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            await fill_index(journal)
            listed = await journal.list_jobs(JobFilter())

            assert [one.job for one in listed] == ["job-4", "job-3", "job-2", "job-1", "job-0"]
            assert listed[-1] == await journal.find_job(JobId("job-0")) == DONE
            assert await journal.find_job(JobId("job-9")) is None
            for wanted, names in FILTERS:
                found = [one.job for one in await journal.list_jobs(wanted)]
                assert found == [f"job-{name}" for name in names], wanted

    async def test_j11_contents_are_kept_as_they_are(self, new_store: NewStore) -> None:
        content = bytes(range(256)) * 100
        store = new_store()
        async with store.connect() as journal:
            await journal.put_content(NAME, content)
            await journal.put_content(NAME, content)
            with pytest.raises(ConflictError):
                await journal.put_content(NAME, b"another")
            with pytest.raises(NotFoundError):
                await journal.get_content(WorkflowHash("b" * 64))
        async with store.connect() as journal:
            assert await journal.get_content(NAME) == content

    async def test_j12_a_second_writer_shuts_out_the_first(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as first, store.connect() as second:
            lost = await first.open_partition(0)
            head = await second.open_partition(0)
            with pytest.raises(JournalConflictError):
                await first.commit(lost, [entry(_A, 0)])
            await second.commit(head, [entry(_B, 0)])
            with pytest.raises(JournalConflictError):
                await first.commit(lost, [entry(_A, 0)])

            assert await _bodies(second) == [b"job-b/0"]

    async def test_j13_a_store_has_one_name(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as journal, store.connect() as another, new_store().connect() as other:
            name = journal.store_id

            assert len(name) >= 16
            assert another.store_id == name
            assert other.store_id != name
        async with store.connect() as journal:
            assert journal.store_id == name

    async def test_j14_what_is_too_large_is_refused_whole(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            head = await journal.open_partition(0)
            for entries, size in TOO_LARGE:
                with pytest.raises(PayloadTooLargeError) as caught:
                    await journal.commit(head, entries)
                assert caught.value.size == size

            assert await _commits(journal) == []
            head = await journal.commit(head, [entry(_A, 0, b"x" * MAX_RECORD_BYTES)])
            await journal.commit(head, in_pieces(MAX_COMMIT_BYTES))
            assert len(await _bodies(journal)) == 1 + len(in_pieces(MAX_COMMIT_BYTES))

    async def test_j15_a_failed_write_may_be_repeated(self, new_store: NewStore) -> None:
        store = new_store()
        journal = store.connect()
        need(journal.traits, durable=True)
        async with journal:
            head = await journal.open_partition(0)
            head = await journal.commit(head, [entry(_A, 0)])
            async with store.hindered() as cause:
                for _ in range(2):
                    with pytest.raises(JournalUnavailableError, match=cause):
                        await journal.commit(head, [entry(_A, 1)])
                assert await _bodies(journal) == [b"job-a/0"]
            head = await journal.commit(head, [entry(_A, 1)])
            await journal.commit(head, [entry(_A, 2)])

            assert await _bodies(journal) == [b"job-a/0", b"job-a/1", b"job-a/2"]

    async def test_j16_a_closed_journal_does_nothing(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            head = await journal.open_partition(0)
            head = await journal.commit(head, [entry(_A, 0)])
            head = await journal.commit(head, [entry(_A, 1)])
            begun = journal.read(0)
            await anext(begun)
            await journal.close()
            await journal.close()
            calls: list[Callable[[], Awaitable[object]]] = [
                lambda: journal.open_partition(0),
                lambda: journal.commit(head, [entry(_A, 2)]),
                lambda: anext(begun),
                lambda: anext(journal.read(0)),
                lambda: anext(journal.history(_A)),
                lambda: anext(journal.open_jobs(0)),
                lambda: journal.find_job(_A),
                lambda: journal.list_jobs(JobFilter()),
                lambda: journal.put_content(NAME, b"{}"),
                lambda: journal.get_content(NAME),
            ]
            calls += [
                lambda: journal.close_partition(head),
                lambda: journal.confirm_partition(head),
                lambda: journal.prune(head, EVERYTHING),
                lambda: journal.rebuild(head, []),
            ]
            for call in calls:
                with pytest.raises(JournalUnavailableError):
                    await call()

    async def test_j17_what_was_told_is_kept(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as journal:
            head = await journal.open_partition(0)
            assert head.told == 0
            for index in range(3):
                head = await journal.commit(head, [entry(_A, index)])
            head = await journal.commit(replace(head, told=2), [entry(_A, 3)])
            assert head.told == 2
            await journal.commit(replace(head, told=1), [entry(_A, 4)])
        async with store.connect() as journal:
            head = await journal.open_partition(0)
            assert head.told == 2
            await journal.close_partition(replace(head, told=5))
            await journal.close_partition(replace(head, told=4))
        async with store.connect() as journal:
            assert (await journal.open_partition(0)).told == 5
            assert (await journal.open_partition(0)).told == 5

    async def test_j18_openings_that_came_to_nothing_are_counted(self, new_store: NewStore) -> None:
        store = new_store()
        found: list[int] = []
        for deed in ("", "", "commit", "", "", "", "stop", "", ""):
            async with store.connect() as journal:
                head = await journal.open_partition(0)
                found.append(head.fruitless)
                if deed == "commit":
                    await journal.commit(head, [entry(_A, 0)])
                if deed == "stop":
                    await journal.close_partition(head)

        assert found == [0, 1, 2, 0, 1, 2, 3, 0, 1]

    @pytest.mark.parametrize("harm", ["", "flip", "lose"])
    async def test_j19_pruning_takes_jobs_that_are_over_alone(self, new_store: NewStore, harm: str) -> None:
        store = new_store()
        async with store.connect() as journal:
            head = await fill_for_pruning(journal)
            trial = await journal.prune(head, replace(OLD, is_trial=True))
            whole = await _bodies(journal)
            assert (await journal.prune(head, replace(OLD, limit=1))).jobs == trial.jobs[:1]
            assert (await journal.prune(head, OLD)).jobs == trial.jobs[1:] == ("job-2",)
            assert (await journal.prune(head, OLD)).jobs == ()
            assert trial.jobs[0] == "job-1"
            if not harm:
                left = [body for body in whole if body.split(b"/")[0] not in (b"job-1", b"job-2")]
                assert await _bodies(journal) == left
                assert [c.position for c in await _commits(journal)] == [1, 2, 3, 5, 6, 8, 9, 10]
                assert await _all(journal.history(JobId("job-1"))) == []
                assert len(await _all(journal.history(JobId("job-3")))) == 2
                head = await journal.commit(head, [entry(_C, 0)])
        if harm:
            await getattr(store, harm)(6)
        async with store.connect() as journal:
            if not harm:
                assert (await _bodies(journal))[-1] == b"job-c/0"
                return
            with pytest.raises(JournalCorruptError) as caught:
                await _bodies(journal)
            assert caught.value.position is not None
            assert caught.value.position >= 6

    async def test_j20_a_stub_is_left_of_a_pruned_job(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as journal:
            head = await fill_for_pruning(journal)
            before = await journal.find_job(JobId("job-1"))
            await journal.prune(head, OLD)
            assert before is not None
            stub = replace(before, owner="", labels={}, pruned=True)
            assert await journal.find_job(JobId("job-1")) == stub
            assert stub in await journal.list_jobs(JobFilter())
        async with store.connect() as journal:
            assert await journal.find_job(JobId("job-1")) == stub
            head = replace(await journal.open_partition(0), told=head.told)
            assert (await journal.prune(head, replace(OLD, forget_us=101))).forgotten == 1
            assert await journal.find_job(JobId("job-1")) is None
            assert await journal.find_job(JobId("job-2")) is not None
            assert (await journal.find_job(JobId("job-0"))) is not None

    async def test_j21_contents_that_nobody_needs_are_dropped(self, new_store: NewStore) -> None:
        store = new_store()
        names = [WorkflowHash(letter * 64) for letter in "abcd"]
        async with store.connect() as journal:
            for name in names:
                await journal.put_content(name, name.encode())
            # job-1 goes: b is named by none then, c by one that stays; nobody ever named d
            head = await fill_for_pruning(journal, {"job-1": names[1], "job-4": names[2]})
        async with store.connect() as journal:
            head = replace(await journal.open_partition(0), told=head.told)
            await journal.put_content(names[3], names[3].encode())
            while (dropped := await journal.prune(head, OLD)).jobs:
                assert dropped.contents == 0
            assert dropped == Pruned(contents=2)
            for name in names[:2]:
                with pytest.raises(NotFoundError):
                    await journal.get_content(name)
            for name in names[2:]:
                assert await journal.get_content(name) == name.encode()

    async def test_j22_only_the_writer_may_prune_rebuild_or_close(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            head = await fill_for_pruning(journal)
            await journal.open_partition(0)
            for call in (
                lambda: journal.prune(head, OLD),
                lambda: journal.rebuild(head, []),
                lambda: journal.close_partition(head),
            ):
                with pytest.raises(JournalConflictError):
                    await call()

            assert b"job-1/1" in await _bodies(journal)
            assert (await journal.open_partition(0)).fruitless == 1

    async def test_j23_a_lost_index_is_made_anew(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as journal:
            head = await fill_for_pruning(journal)
            await journal.prune(head, OLD)
            listed = await journal.list_jobs(JobFilter())
            opened = await _all(journal.open_jobs(0))
            histories = {one.job: await _all(journal.history(one.job)) for one in listed}
        await store.spoil_index()
        async with store.connect() as journal:
            head = await journal.open_partition(0)
            # in the order of their first records
            await journal.rebuild(head, [one for one in reversed(listed) if not one.pruned])
            assert await journal.list_jobs(JobFilter()) == listed
            assert await _all(journal.open_jobs(0)) == opened
            for one in listed:
                assert await journal.find_job(one.job) == one
                assert await _all(journal.history(one.job)) == histories[one.job]
            await journal.commit(head, [entry(_C, 0)])
            assert await _all(journal.history(_C)) == [b"job-c/0"]

    async def test_j24_a_damaged_frame_in_a_history_is_the_partitions(self, new_store: NewStore) -> None:
        store = new_store()
        async with store.connect() as journal:
            head = await journal.open_partition(0)
            for index in range(3):
                head = await journal.commit(head, [entry(_A, index), entry(_B, index)])
        await store.flip(2)
        async with store.connect() as journal:
            assert len(await _all(journal.history(_A))) == 3
            found: list[bytes] = []
            with pytest.raises(JournalCorruptError) as caught:
                async for body in journal.history(_B):
                    found.append(body)

        assert found == [b"job-b/0"]
        assert (caught.value.job, caught.value.index) == ("", 1)
        assert "job-b" in str(caught.value)

    async def test_j25_a_writer_can_ask_whether_it_still_is_the_writer(self, new_store: NewStore) -> None:
        async with new_store().connect() as journal:
            opened = await journal.open_partition(0)
            await journal.confirm_partition(opened)
            head = await journal.commit(opened, [entry(_A, 0)])
            await journal.confirm_partition(head)
            assert await journal.open_partition(0) == replace(head, epoch=head.epoch + 1)  # it left no mark

            with pytest.raises(JournalConflictError):
                await journal.confirm_partition(head)

            assert await _bodies(journal) == [b"job-a/0"]


# -- how the tests above read ----------------------------------------------------------------------------


async def _all(items: AsyncIterator[_T]) -> list[_T]:
    return [item async for item in items]


async def _commits(journal: Journal, after: int = 0) -> list[StoredCommit]:
    return await _all(journal.read(0, after=after))


async def _bodies(journal: Journal) -> Sequence[bytes]:
    return [body for commit in await _commits(journal) for body in commit.records]
