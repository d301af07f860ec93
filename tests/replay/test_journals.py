"""Whole journals as releases wrote them are read, checked, replayed to the same jobs, and gone on with by today's engine.

`journals-<release>.jsonl.gz` was written by `record.py`, with what each job was after its last record. What is stated of
a job must hold; what today's code knows beyond it is no difference. A file is never changed once its release is out.
For the next release set `RELEASE` in `record.py` and run it.
"""

import asyncio
import gzip
from pathlib import Path

import pytest

from ee_core.engine.check import check_journal
from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.model.oracle import recompute_waits
from ee_core.model.record import decode_record, encode_record
from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.coverage import EVENTS, WAITS
from ee_core.simulation.kept import from_lines, outcome_of, replay, write_into
from ee_core.simulation.plan import Plan
from ee_core.simulation.shapes import SHAPES

FILES = sorted(Path(__file__).parent.glob("journals-*.jsonl.gz"))
RUNS = [
    pytest.param(kept, id=f"{file.name.removesuffix('.jsonl.gz')} {kept.name}")
    for file in FILES
    for kept in from_lines(gzip.decompress(file.read_bytes()).splitlines())
]
each_run = pytest.mark.parametrize("kept", RUNS)


def texts(kept):
    return [text for commit in kept.commits for text in commit.records]


def missing(stated, now, where=""):
    """Name what is stated and is not so now; what is there beyond it does not count."""
    if isinstance(stated, dict) and isinstance(now, dict):
        for name, value in stated.items():
            if name not in now:
                yield f"{where}/{name} is not there"
            else:
                yield from missing(value, now[name], f"{where}/{name}")
    elif isinstance(stated, list) and isinstance(now, list) and len(stated) == len(now):
        for place, value in enumerate(stated):
            yield from missing(value, now[place], f"{where}/{place}")
    elif stated != now or type(stated) is not type(now):
        yield f"{where} is {now!r} instead of {stated!r}"


@each_run
def test_every_record_is_read_and_written_to_the_same_text(kept):
    assert [encode_record(decode_record(text.encode())).decode() for text in texts(kept)] == texts(kept)


@each_run
def test_the_records_give_each_job_as_it_was_when_they_were_written(kept):
    jobs = replay(kept)

    assert list(jobs) == [outcome.job for outcome in kept.outcomes]
    for stated in kept.outcomes:
        now = outcome_of(jobs[stated.job])
        assert (now.status, now.outcome, now.is_open, now.waits) == (
            stated.status,
            stated.outcome,
            stated.is_open,
            stated.waits,
        )
        assert list(missing(stated.state, now.state)) == []
        assert recompute_waits(jobs[stated.job]) == jobs[stated.job].waits


@each_run
async def test_written_into_a_file_the_journal_is_whole_and_says_the_same(kept, tmp_path):
    async with SqliteJournal(tmp_path / "journal.sqlite", new_store_id="new") as journal:
        await write_into(journal, kept)
    async with SqliteJournal(tmp_path / "journal.sqlite", new_store_id="new") as journal:
        found = await check_journal(journal)
        commits = [commit async for commit in journal.read(kept.partition)]
        still_open = [job async for job in journal.open_jobs(kept.partition)]
        contents = {name: await journal.get_content(name) for name in kept.contents}

    assert found.damage == []
    assert (found.commits, found.records) == (len(kept.commits), len(texts(kept)))
    assert [
        (commit.position, commit.epoch, tuple(body.decode() for body in commit.records)) for commit in commits
    ] == [(commit.position, commit.epoch, commit.records) for commit in kept.commits]
    assert sorted(still_open) == sorted(outcome.job for outcome in kept.outcomes if outcome.is_open)
    assert contents == kept.contents


@each_run
def test_an_engine_adopts_the_open_jobs_and_parks_none(kept):
    store, seen = MemoryStore("kept"), []

    async def fill():
        async with MemoryJournal(store) as journal:
            await write_into(journal, kept)

    def prepare(world, loop):
        del loop
        for name in ("store_id", "partitions", "records", "summaries", "contents"):
            setattr(world.store, name, getattr(store, name))

    async def wait(world):
        await asyncio.sleep(30)
        engine = world.engine.engine
        assert engine is not None
        seen.append((len(world.engines), world.engine.is_ready, engine.adopted, engine.jobs.parked))

    asyncio.run(fill())
    carry_out(Plan(seed=0, jobs=(), bots=(), has_person=False), prepare=prepare, storm=wait, until=wait)

    adopted = {outcome.job for outcome in kept.outcomes if outcome.is_open}
    for engines, is_ready, jobs, parked in seen:
        assert (engines, is_ready, set(jobs), parked) == (1, True, adopted, {})
    assert len(seen) == 2


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_event_every_shape_and_an_open_job_with_every_kind_of_wait_is_kept(file):
    runs = from_lines(gzip.decompress(file.read_bytes()).splitlines())
    records = [decode_record(text.encode()) for kept in runs for text in texts(kept)]
    open_jobs = [outcome for kept in runs for outcome in kept.outcomes if outcome.is_open]
    events = {type(event).__name__ for record in records for event in record.events}

    if file == FILES[-1]:  # an earlier release knew fewer
        assert set(EVENTS) <= events
        assert set(WAITS) <= {wait.partition(":")[0] for job in open_jobs for wait in job.waits}
        assert set(SHAPES) <= {getattr(record.events[0], "name", "") for record in records}
    assert file.stat().st_size < 1_000_000
    assert open_jobs
