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
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

import pytest

from ee_core.contracts import journal as contract
from ee_core.contracts.journal import JobFilter, Journal, PartitionHead, RecordKey, StoredCommit
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
from ee_core.testing.journal_store import JournalStore, entry, finished, last_entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence
    from types import ModuleType

NewStore = Callable[[], JournalStore]
_T = TypeVar("_T")
_A, _B, _C = JobId("job-a"), JobId("job-b"), JobId("job-c")
_MANY: Final = 150  # more than a page of anything
_NAME: Final = WorkflowHash("a" * 64)


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
            await _fill_index(journal)
            listed = await journal.list_jobs(JobFilter())

            assert [one.job for one in listed] == ["job-4", "job-3", "job-2", "job-1", "job-0"]
            assert listed[-1] == await journal.find_job(JobId("job-0")) == _DONE
            assert await journal.find_job(JobId("job-9")) is None
            for wanted, names in _FILTERS:
                found = [one.job for one in await journal.list_jobs(wanted)]
                assert found == [f"job-{name}" for name in names], wanted

    async def test_j11_contents_are_kept_as_they_are(self, new_store: NewStore) -> None:
        content = bytes(range(256)) * 100
        store = new_store()
        async with store.connect() as journal:
            await journal.put_content(_NAME, content)
            await journal.put_content(_NAME, content)
            with pytest.raises(ConflictError):
                await journal.put_content(_NAME, b"another")
            with pytest.raises(NotFoundError):
                await journal.get_content(WorkflowHash("b" * 64))
        async with store.connect() as journal:
            assert await journal.get_content(_NAME) == content

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
            for entries, size in _TOO_LARGE:
                with pytest.raises(PayloadTooLargeError) as caught:
                    await journal.commit(head, entries)
                assert caught.value.size == size

            assert await _commits(journal) == []
            head = await journal.commit(head, [entry(_A, 0, b"x" * MAX_RECORD_BYTES)])
            await journal.commit(head, _in_pieces(MAX_COMMIT_BYTES))
            assert len(await _bodies(journal)) == 1 + len(_in_pieces(MAX_COMMIT_BYTES))

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
                lambda: journal.put_content(_NAME, b"{}"),
                lambda: journal.get_content(_NAME),
            ]
            for call in calls:
                with pytest.raises(JournalUnavailableError):
                    await call()


# -- what the tests above share ------------------------------------------------------------------------------

_DONE: Final = finished("job-0", accepted_us=10, owner="ann", outcome="Failed", incidents=0, priority=5)
_FILTERS: Final[tuple[tuple[JobFilter, list[int]], ...]] = (
    (JobFilter(status="Finished"), [3, 0]),
    (JobFilter(outcome="Failed"), [0]),
    (JobFilter(workflow="other"), [4]),
    (JobFilter(owner="ann"), [1, 0]),
    (JobFilter(owner="ann", status="Processing"), [1]),
    (JobFilter(labels=(("site", "north"),)), [2, 1]),
    (JobFilter(labels=(("site", "north"), ("line", ""))), [2]),
    (JobFilter(limit=2), [4, 3]),
    (JobFilter(limit=2, before_us=30, before_job="job-3"), [2, 1]),
    (JobFilter(before_us=30), [1, 0]),
    (JobFilter(owner="nobody"), []),
)


async def _fill_index(journal: Journal) -> None:
    """Write five jobs, of which two are accepted in the same instant, and two are over."""
    head = await journal.open_partition(0)
    begun = [
        entry("job-0", 0, accepted_us=10, owner="ann", incidents=2),
        entry("job-1", 0, accepted_us=20, owner="ann", labels={"site": "north", "line": "2"}),
        entry("job-2", 0, accepted_us=30, labels={"site": "north", "line": ""}),
        entry("job-3", 0, accepted_us=30, labels={"north": "site"}),
        entry("job-4", 0, accepted_us=40, workflow="other", hash=_NAME),
    ]
    head = await journal.commit(head, begun)
    over = contract.Entry(_DONE.job, 1, b"over", _DONE)
    await journal.commit(head, [over, last_entry("job-3", 1, accepted_us=30)])


def _in_pieces(size: int) -> list[contract.Entry]:
    """Return entries of one job whose bodies have so many bytes together."""
    pieces = [min(MAX_RECORD_BYTES, size - at) for at in range(0, size, MAX_RECORD_BYTES)]
    return [entry(_B, index, b"x" * piece) for index, piece in enumerate(pieces)]


_TOO_LARGE: Final = (
    ([entry(_A, 0), entry(_A, 1, b"x" * (MAX_RECORD_BYTES + 1))], MAX_RECORD_BYTES + 1),
    (_in_pieces(MAX_COMMIT_BYTES + 1), MAX_COMMIT_BYTES + 1),
)


async def _all(items: AsyncIterator[_T]) -> list[_T]:
    return [item async for item in items]


async def _commits(journal: Journal, after: int = 0) -> list[StoredCommit]:
    return await _all(journal.read(0, after=after))


async def _bodies(journal: Journal) -> Sequence[bytes]:
    return [body for commit in await _commits(journal) for body in commit.records]
