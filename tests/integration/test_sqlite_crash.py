"""The SQLite journal after a kill, and after damage to its files: nothing acknowledged is lost, nothing false is told."""

import itertools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from ee_core.contracts.journal import JobFilter
from ee_core.errors import ConfigError, JournalCorruptError, JournalError
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.model.ids import JobId
from ee_core.testing.journal_store import entry

pytestmark = pytest.mark.slow  # all of them together

KILLS = 20
FLIPS = 100

# For each line it is sent, a process that commits without end, and says each commit when it is acknowledged.
WRITERS = """
import asyncio, os, pathlib, sys
from ee_core.errors import JournalUnavailableError
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.testing.journal_store import entry

async def write():
    async with SqliteJournal(pathlib.Path(sys.argv[1]), new_store_id="the-store-that-is-killed") as journal:
        head = await journal.open_partition(0)
        for life in range(10**6):
            job = f"job-{head.epoch}-{life}"
            for index in range(8):
                body = f"{job}/{index} ".encode() * 40
                head = await commit(journal, head, [entry(job, index, body), entry(job + "-too", index, body)])
                print(head.position, job, index, flush=True)

async def commit(journal, head, entries):
    while True:
        try:
            return await journal.commit(head, entries)
        except JournalUnavailableError as error:
            print("unavailable", error, flush=True)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        print("begun", os.getpid(), flush=True)
        asyncio.run(write())
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def connect(path):
    return SqliteJournal(path, new_store_id="a-store-of-this-test")


async def histories(journal):
    """Return each job of the index with its records."""
    found = {}
    for summary in await journal.list_jobs(JobFilter(limit=10**6)):
        found[summary.job] = [body async for body in journal.history(summary.job)]
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def writers(path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITERS, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        yield process


def begin_writing(writers):
    """Let a writer begin; return its process id."""
    writers.stdin.write("\n")
    word, number = writers.stdout.readline().split()
    assert word == "begun"
    return int(number)


def kill_while_writing(writers, acknowledgements):
    """Kill a writer after it has acknowledged some commits; return all that it has acknowledged."""
    number = begin_writing(writers)
    lines = list(itertools.islice(writers.stdout, acknowledgements))
    os.kill(number, signal.SIGKILL)
    lines += iter(writers.stdout.readline, "ended\n")
    return [line.split() for line in lines]


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL elsewhere")
async def test_no_acknowledged_commit_is_lost_by_kills(path, writers):
    chance = random.Random(20)
    said = [line for _ in range(KILLS) for line in kill_while_writing(writers, chance.randrange(1, 40))]

    async with connect(path) as journal:
        stored = {commit.position: commit async for commit in journal.read(0)}
        jobs = await histories(journal)
        head = await journal.open_partition(0)

    assert len(said) >= KILLS
    for position, job, index in said:
        keys = [(key.job, key.index) for key in stored[int(position)].keys]
        assert keys == [(job, int(index)), (f"{job}-too", int(index))]
    assert sum(map(len, jobs.values())) == sum(len(commit.records) for commit in stored.values())
    assert (head.position, head.epoch) == (len(stored), KILLS + 1)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process's files")
async def test_a_file_that_cannot_grow_loses_nothing_and_goes_on_when_it_can(path, writers):
    number = begin_writing(writers)
    limit = resource.prlimit(number, resource.RLIMIT_FSIZE)
    resource.prlimit(number, resource.RLIMIT_FSIZE, (400_000, limit[1]))
    before = list(iter(lambda: position_in(writers.stdout.readline()), None))  # until it is unavailable
    error = writers.stdout.readline()
    resource.prlimit(number, resource.RLIMIT_FSIZE, limit)
    after = list(itertools.islice(filter(None, map(position_in, writers.stdout)), 5))
    os.kill(number, signal.SIGKILL)
    after += filter(None, map(position_in, iter(writers.stdout.readline, "ended\n")))
    async with connect(path) as journal:
        stored = [commit.position async for commit in journal.read(0)]

    assert "the disk does not read or write" in error
    assert "make room" in error
    assert before + after == list(range(1, len(before + after) + 1))
    assert stored[: len(before + after)] == before + after


def position_in(line):
    """Return the position that a writer has acknowledged; None when it said that it cannot write."""
    word = line.split()[0]
    return None if word == "unavailable" else int(word)


# -- damage --------------------------------------------------------------------------------------------------


@pytest.fixture
async def files(tmp_path):
    """A journal of 40 commits, copied while it is open: the file, and the log with all that is not yet in the file."""
    here = tmp_path / "whole"
    here.mkdir()
    async with connect(here / "journal.db") as journal:
        head = await journal.open_partition(0)
        for index in range(40):
            body = f"record {index} ".encode() * 40
            head = await journal.commit(head, [entry(f"job-{job}", index, body) for job in range(5)])
            if index == 19:
                await journal._writing.run(empty_the_log)
        for name in ("journal.db", "journal.db-wal"):
            shutil.copy(here / name, tmp_path / name)
    return tmp_path


def empty_the_log(database):
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


async def told_of(path):
    """Return all that a journal tells, and the errors it raises, each under the name of the call."""
    told, errors = {"commits": [], "jobs": {}, "found": {}}, []
    try:
        async with connect(path) as journal:
            try:
                async for commit in journal.read(0):
                    told["commits"].append(commit.records)
            except JournalCorruptError as error:
                errors.append(error)
            for name in (f"job-{job}" for job in range(5)):
                told["jobs"][name] = []
                try:
                    told["found"][name] = await journal.find_job(JobId(name))
                    async for body in journal.history(JobId(name)):
                        told["jobs"][name].append(body)
                except JournalCorruptError as error:
                    errors.append(error)
            try:
                await journal.open_partition(0)
            except JournalCorruptError as error:
                errors.append(error)
    except (JournalError, ConfigError) as error:
        errors.append(error)
    return told, errors


async def told_of_whole(files):
    async for told, errors in damaged_copies(files, lambda copy, chance: None, 1, 0):
        assert errors == []
        assert len(told["commits"]) == 40
    return told


def assert_nothing_false(told, whole):
    assert told["commits"] == whole["commits"][: len(told["commits"])]
    for job, records in told["jobs"].items():
        assert records == whole["jobs"][job][: len(records)]
        assert told["found"].get(job) in (None, whole["found"][job])


async def damaged_copies(files, harm, count, seed):
    """Yield what is told of copies of the files, each with one harm done to it."""
    chance = random.Random(seed)
    for number in range(count):
        copy = files / f"copy-{number}"
        copy.mkdir()
        for name in ("journal.db", "journal.db-wal"):
            shutil.copy(files / name, copy / name)
        harm(copy, chance)
        yield await told_of(copy / "journal.db")
        shutil.rmtree(copy)


def flip(path, chance):
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def cut(path, chance):
    os.truncate(path, chance.randrange(path.stat().st_size))


async def test_flipped_bits_of_the_file_tell_nothing_false(files):
    whole = await told_of_whole(files)
    named = 0
    async for told, errors in damaged_copies(
        files, lambda copy, chance: flip(copy / "journal.db", chance), FLIPS, 1
    ):
        assert_nothing_false(told, whole)
        named += bool(errors)
        # who tells no error has told everything of the journal itself
        assert errors or told["commits"] == whole["commits"]

    assert named > FLIPS // 10


@pytest.mark.parametrize("harm", [flip, cut])
async def test_a_damaged_log_gives_a_clean_prefix(files, harm):
    whole = await told_of_whole(files)
    lengths = set()
    async for told, errors in damaged_copies(
        files, lambda copy, chance: harm(copy / "journal.db-wal", chance), 50, 2
    ):
        assert_nothing_false(told, whole)
        assert errors == []
        assert len(set(map(len, told["jobs"].values()))) == 1  # all jobs as of the same commit
        lengths.add(len(told["commits"]))

    assert min(lengths) >= 20  # what was copied into the file before is whole
    assert len(lengths) > 5


async def test_a_cut_file_is_damage(files):
    whole = await told_of_whole(files)
    async for told, errors in damaged_copies(
        files, lambda copy, chance: cut(copy / "journal.db", chance), 50, 3
    ):
        assert_nothing_false(told, whole)
        assert errors or told["commits"] == whole["commits"]
