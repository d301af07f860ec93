"""The day of an operator: everything up, bots in their own processes, jobs that compete, a cancel, crashes."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

WORKFLOW = """
ee: 1
name: post
inputs:
  file: {type: string}
  seconds: {type: number, default: 1}
start: post
nodes:
  post:
    activity: invoice.post
    with: {journal: "${inputs.file}", seconds: "${inputs.seconds}"}
    next: done
  done: {end: succeeded}
"""


@pytest.fixture
def effects(place):
    """Return what bots wrote down: (start or end, idempotency key), in order."""
    file = place.folder / "effects.txt"

    def read() -> list[tuple[str, str]]:
        if not file.exists():
            return []
        return [tuple(line.split(" ", 1)) for line in file.read_text().splitlines()]

    read.path = str(file)
    return read


@pytest.fixture
def workflow(place):
    path = place.folder / "post.ee.yaml"
    path.write_text(WORKFLOW)
    return str(path)


def submit(place, workflow, effects, seconds: float) -> str:
    return place.run(
        "job", "submit", workflow, "-i", f"file={effects.path}", "-i", f"seconds={seconds}"
    ).strip()


def state_of(place, bot: str) -> dict:
    return next((row for row in place.ask("bot", "list") if row["bot"] == bot), {})


def assignments(place, job: str) -> list[str]:
    history = place.ask("job", "history", job)
    return [e["visit"] for r in history for e in r["events"] if e["e"] == "AttemptAssigned"]


@pytest.mark.slow
def test_jobs_compete_for_bots_and_a_cancelled_one_frees_its_bot(place, workflow, effects, examples):
    place.up("--bots", "0")
    bot_file = str(examples / "bots" / "invoice_bot.py")
    place.start("b1", "bot", "run", bot_file, "--id", "b1").wait_for("Ctrl-C")
    place.start("b2", "bot", "run", bot_file, "--id", "b2").wait_for("Ctrl-C")
    place.wait_until("two bots", lambda: {"b1", "b2"} <= {row["bot"] for row in place.ask("bot", "list")})

    long = submit(place, workflow, effects, 30)
    place.wait_until("the long one is on a bot", lambda: ("start", f"{long}/post#1") in effects())
    others = [submit(place, workflow, effects, 0.5) for _ in range(2)]
    place.run("job", "cancel", long, "--reason", "changed my mind")
    assert "changed my mind" in place.run("job", "list", "-o", "wide")

    place.run("job", "watch", long, code=6)
    for job in others:
        assert "succeeded" in place.run("job", "watch", job)
    place.wait_until(
        "all bots are free", lambda: {state_of(place, bot)["state"] for bot in ("b1", "b2")} == {"Free"}
    )
    place.run("job", "cancel", long)
    place.run("job", "cancel", others[0], code=10)
    place.run("job", "cancel", "j-typo", code=4)
    assert "j-typo" not in {row["job"] for row in place.ask("job", "list")}
    assert "j-typo" in {row["job"] for row in place.ask("job", "list", "--all")}
    place.run("job", "submit", workflow, "-i", "file=x", "--id", "j-typo", code=6)
    for job, code in ((others[0], 10), (long, 10), ("j-typo", 4), ("j-never", 4)):
        place.run("job", "resolve", job, "i1", "retry", code=code)
    events = [e["e"] for r in place.ask("job", "history", long) for e in r["events"]]
    assert events[-1] in {"LateResponse", "BotDrained"}
    started = sorted(key for what, key in effects() if what == "start")
    assert started == sorted(f"{job}/{visit}" for job in (long, *others) for visit in assignments(place, job))


@pytest.mark.slow
def test_an_engine_killed_during_an_attempt_goes_on_and_the_effect_happens_once(
    place, workflow, effects, examples
):
    first = place.up("--bots", "0")
    place.start("b1", "bot", "run", str(examples / "bots" / "invoice_bot.py"), "--id", "b1").wait_for(
        "Ctrl-C"
    )
    job = submit(place, workflow, effects, 4)
    place.wait_until("the bot began", lambda: ("start", f"{job}/post#1") in effects())

    first.kill()
    port = int(re.search(r":(\d+)$", place.environ["EE_BROKER_SERVERS"]).group(1))
    second = place.up("--bots", "0", port=port)

    assert f"resumed: job {job}" in second.text
    assert "succeeded" in place.run("job", "watch", job)
    assert effects() == [("start", f"{job}/post#1"), ("end", f"{job}/post#1")]


@pytest.mark.slow
def test_a_job_submitted_by_name_comes_from_the_folder_of_workflows(place, workflow, examples):
    (place.folder / "workflows").mkdir()
    (place.folder / "workflows" / "hello.ee.yaml").write_text((examples / "hello.ee.yaml").read_text())
    place.up("--bots", "2")

    assert "job succeeded" in place.run("job", "submit", "hello", "--watch")

    events = [
        json.loads(line) for line in place.run("job", "submit", "hello", "--watch", "-o", "json").splitlines()
    ]
    again = place.run("job", "watch", events[0]["job"], "-o", "jsonl").splitlines()
    assert events[1:] == [json.loads(line) for line in again]
    assert [events[1]["e"], events[-1]["e"]] == ["JobAccepted", "JobFinished"]
    said = place.told("job", "submit", "hello", "--id", events[0]["job"], code=0)
    assert said == f"job {events[0]['job']} is known already, by the same command; there is no new job\n"
    assert [event["record"] for event in events[1:]] == sorted(event["record"] for event in events[1:])

    rows = json.loads(place.run("job", "list", "-o", "json", "--query", "[-1:]"))
    assert [(row["workflow"], row["outcome"]) for row in rows] == [("hello", "succeeded")]


@pytest.mark.slow
def test_a_nats_server_killed_during_an_attempt_is_started_again_and_nothing_is_lost(
    place, workflow, effects, examples
):
    up = place.up("--bots", "0")
    place.start("b1", "bot", "run", str(examples / "bots" / "invoice_bot.py"), "--id", "b1").wait_for(
        "Ctrl-C"
    )
    jobs = [submit(place, workflow, effects, 2) for _ in range(2)]
    place.wait_until("the bot began", effects)

    os.kill(server_of(up), signal.SIGKILL)
    up.wait_for("started again")

    for job in jobs:
        assert "succeeded" in place.run("job", "watch", job)
    assert sorted(effects()) == sorted((what, f"{job}/post#1") for what in ("start", "end") for job in jobs)


@pytest.mark.slow
def test_a_bot_that_died_is_told_of_everywhere_and_the_watch_ends_when_a_person_must_answer(
    place, effects, examples
):
    path = place.folder / "post.ee.yaml"
    path.write_text(WORKFLOW.replace("    next: done\n", "    next: done\n    timeout: {heartbeat: 2s}\n"))
    place.up("--bots", "0")
    bot = place.start("b1", "bot", "run", str(examples / "bots" / "invoice_bot.py"), "--id", "b1")
    bot.wait_for("Ctrl-C")
    job = submit(place, str(path), effects, 30)
    place.wait_until("the bot began", effects)

    bot.kill()

    assert "INCIDENT i1  Lost" in place.run("job", "watch", job, code=12)
    place.wait_until("it is silent", lambda: "no sign of life" in state_of(place, "b1").get("reason", ""))
    assert (state_of(place, "b1")["state"], state_of(place, "b1")["job"]) == ("Draining", job)
    assert (
        "bot b1 is Draining: may still work on attempt 1, which has ended, and has given no sign"
        in place.run("status")
    )
    assert "that is over when it comes back" in place.run("job", "show", job)
    watched = place.run("job", "watch", job, "--stay", "--timeout", "8", code=7)
    assert re.search(
        r"waiting: bot 'b1' may still work on attempt 1 of post#1, which has ended, and", watched
    )


def server_of(up) -> int:
    """Return the process id of the nats-server that is a child of `eectl up`."""
    children = Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split()
    return next(int(pid) for pid in children if "nats-server" in Path(f"/proc/{pid}/cmdline").read_text())


@pytest.mark.slow
def test_old_jobs_lose_their_records_and_keep_how_they_ended(place, examples):
    place.up("--bots", "2")
    first, second = [place.run("job", "submit", str(examples / "hello.ee.yaml")).strip() for _ in range(2)]
    for job in (first, second):
        place.run("job", "watch", job)

    assert first in place.run("job", "prune", "--older-than", "0", "--dry-run")
    assert place.run("job", "history", first)
    pruned = place.run("job", "prune", "--older-than", "0", "--yes")

    assert first in pruned.split()
    assert {row["job"]: row["outcome"] for row in place.ask("job", "list")}[first] == "succeeded"
    rows = [line.split() for line in place.run("job", "list").splitlines()]
    assert {row[0]: row[2] for row in rows[1:]} == {first: "Pruned", second: "Finished"}
    place.run("job", "history", first, code=4)
