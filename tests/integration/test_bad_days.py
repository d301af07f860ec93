"""Bad days of real processes: the journal's disk is full or read-only, a bot's disk is wiped, its output is huge."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys

import pytest
from ee_nats.server import ServerProcess, find_server

PAUSE = """
ee: 1
name: pause
start: wait
nodes:
  wait: {activity: delay, with: {seconds: 0.1}, next: done}
  done: {end: succeeded}
"""
POST = """
ee: 1
name: post
inputs:
  file: {type: string}
start: post
nodes:
  post:
    activity: invoice.post
    with: {journal: "${inputs.file}", seconds: 5}
    next: done
  done: {end: succeeded}
"""
TALKER = """
from ee_core.bot import Bot

bot = Bot("talker")

@bot.activity("talk")
def talk(bytes: int) -> str:
    return "x" * bytes
"""
TALK = """
ee: 1
name: talk
inputs:
  bytes: {type: number}
start: talk
nodes:
  talk: {activity: talk, with: {bytes: "${inputs.bytes}"}, next: done}
  done: {end: succeeded}
"""


class SmallDisk:
    """A file system of one megabyte."""

    def __init__(self, folder):
        self.folder = folder
        self.journal = folder / "journal.sqlite"
        self._ballast = folder / "ballast"

    def fill(self):
        """Write until nothing more fits."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while file.write(bytes(512)):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def make_room(self):
        self._ballast.unlink()

    def mount(self, *options):
        subprocess.run(["mount", *options, self.folder], check=True, capture_output=True, timeout=20)

    def __enter__(self):
        self.folder.mkdir()
        try:
            self.mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no file system can be mounted here: {error}")
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.folder], check=True, timeout=20)


@pytest.fixture
def disk(tmp_path):
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root of Linux can mount a small file system")
    with SmallDisk(tmp_path / "disk") as small:
        yield small


@pytest.fixture
def server(place):
    """A NATS server that `place` finds; its data lie on another disk than the journal."""
    with ServerProcess(place.folder / "nats", find_server()) as running:
        place.environ["EE_BROKER_SERVERS"] = running.url
        yield running


@pytest.fixture
def run_engine(disk, server, place):
    """Start an engine whose journal is on the small disk; stopped before the disk goes."""
    (place.folder / "pause.ee.yaml").write_text(PAUSE)

    def run():
        return place.start("engine", "engine", "run", "--journal", str(disk.journal))

    yield run
    place.stop()


def submit(place, job):
    return place.run("job", "submit", "pause.ee.yaml", "--id", job, code=None).strip()


def outcomes(place):
    return {row["job"]: row["outcome"] for row in place.ask("job", "list")}


@pytest.mark.slow
def test_a_full_disk_loses_nothing_acknowledged_and_the_engine_goes_on_when_there_is_room(
    place, disk, run_engine
):
    engine = run_engine()
    engine.wait_for("Ctrl-C")
    for job in ("j1", "j2"):
        assert submit(place, job) == job

    disk.fill()
    late = place.start("late", "job", "submit", "pause.ee.yaml", "--id", "late")
    engine.wait_for("the journal does not take a commit")
    assert "make room" in engine.text
    assert "late" not in late.text.split()
    disk.make_room()

    place.wait_until("all end", lambda: outcomes(place) == dict.fromkeys(("j1", "j2", "late"), "succeeded"))
    assert "resumed" not in engine.text


@pytest.mark.slow
def test_an_engine_that_starts_on_a_full_disk_says_so_and_goes_on_when_there_is_room(place, disk, run_engine):
    engine = run_engine()
    engine.wait_for("Ctrl-C")
    assert submit(place, "j1") == "j1"
    disk.fill()
    late = place.start("late", "job", "submit", "pause.ee.yaml", "--id", "late")
    engine.wait_for("the journal does not take a commit")
    engine.kill()

    second = run_engine()
    assert second.wait() == 1
    assert "make room" in second.text
    disk.make_room()
    run_engine().wait_for("Ctrl-C")

    place.wait_until("all end", lambda: outcomes(place) == dict.fromkeys(("j1", "late"), "succeeded"))
    late.wait()


@pytest.mark.slow
def test_an_engine_on_a_read_only_disk_names_the_cure_and_begins_when_it_is_writable(place, disk, run_engine):
    engine = run_engine()
    engine.wait_for("Ctrl-C")
    assert submit(place, "j1") == "j1"
    assert engine.terminate() == 128 + signal.SIGTERM
    disk.mount("-o", "remount,ro")

    refused = run_engine()
    assert refused.wait() == 1
    assert "make the disk writable, and let this user write the file and its folder" in refused.text
    assert "Traceback" not in refused.text
    disk.mount("-o", "remount,rw")
    run_engine().wait_for("Ctrl-C")

    place.wait_until("it ends", lambda: outcomes(place) == {"j1": "succeeded"})


@pytest.mark.slow
def test_a_bot_whose_disk_is_wiped_repeats_nothing_until_a_person_says_so(place, examples):
    place.up("--bots", "0")
    (place.folder / "post.ee.yaml").write_text(POST)
    effects, ledgers = place.folder / "effects.txt", place.folder / "ledgers"
    command = (
        "bot",
        "run",
        str(examples / "bots" / "invoice_bot.py"),
        "--id",
        "b1",
        "--ledgers",
        str(ledgers),
    )
    bot = place.start("bot", *command)
    bot.wait_for("Ctrl-C")
    job = place.run("job", "submit", "post.ee.yaml", "-i", f"file={effects}").strip()
    place.wait_until("the bot began", effects.exists)

    bot.kill()
    shutil.rmtree(ledgers)
    place.start("bot", *command).wait_for("Ctrl-C")

    place.wait_until("a person is asked", lambda: place.ask("job", "show", job)["incidents"])
    (incident,) = place.ask("job", "show", job)["incidents"]
    assert incident["kind"] == "Lost"
    assert "it may have been carried out; look, then retry it" in incident["text"]
    assert effects.read_text().splitlines() == [f"start {job}/post#1"]
    place.run("job", "resolve", job, incident["incident"], "retry")
    place.wait_until("the end", lambda: place.ask("job", "show", job)["outcome"] == "succeeded")
    assert effects.read_text().splitlines()[1:] == [f"start {job}/post#1", f"end {job}/post#1"]


@pytest.mark.slow
def test_the_huge_output_of_a_bot_is_refused_in_words_and_the_bot_works_on(place):
    (place.folder / "talker.py").write_text(TALKER)
    (place.folder / "talk.ee.yaml").write_text(TALK)
    place.up("--bots", "0")
    place.start("bot", "bot", "run", "talker.py").wait_for("Ctrl-C")

    huge = place.run("job", "submit", "talk.ee.yaml", "-i", "bytes=200000000").strip()
    place.wait_until("the huge one ends", lambda: place.ask("job", "show", huge)["outcome"])
    small = place.run("job", "submit", "talk.ee.yaml", "-i", "bytes=1000").strip()
    place.wait_until("the small one ends", lambda: place.ask("job", "show", small)["outcome"])

    shown = place.ask("job", "show", huge)
    assert (shown["outcome"], shown["error"]["code"]) == ("failed", "output_too_large")
    assert "at least 200000002 bytes" in shown["error"]["text"]
    assert "send large values by reference" in shown["error"]["text"]
    assert place.ask("job", "show", small)["outcome"] == "succeeded"
