"""The checker finds nothing where all is well, and a history can be kept and told."""

import re
from pathlib import Path

import pytest

from ee_core.model import events as ev
from ee_core.model.ids import Fence, JobId, VisitId
from ee_core.simulation import checker
from ee_core.simulation import lines as ln
from ee_core.simulation.checker import Invariant, check
from ee_core.simulation.checks import replaying
from ee_core.simulation.history import History
from ee_core.simulation.retelling import alter, find_event


def test_the_good_history_is_good(good):
    assert check(good) == []


def test_the_good_history_has_every_kind_of_line(good):
    assert {type(line) for line in good.lines} == set(ln.AnyLine.__args__)


def test_a_history_is_the_same_after_a_way_through_json(good):
    again = History.from_json(good.to_json())

    assert again == good
    assert again.to_json() == good.to_json()
    assert check(again) == []


def test_an_empty_history_is_good():
    assert check(History(seed=1)) == []


def test_a_story_tells_of_the_job_and_its_bots_and_of_no_other_job(good):
    story = good.tell(JobId("lost"))

    assert story.splitlines()[0] == "seed 7, written by hand: job lost"
    assert "FAULT: bot_killed ada" in story
    assert "AttemptLost(visit=work#1, attempt=1, why=bot_dead, drains=True)" in story
    assert "client: hears about o-op1: applied, job lost" in story
    assert (
        "record 4: OperatorActed(id=op1, action=retry, who=ada), IncidentClosed(incident=i1, by=retry)"
        in story
    )
    assert "k-plain" not in story


def test_a_story_tells_what_is_left_at_the_end(good):
    story = good.tell(JobId("quarantined"))

    assert "in memory of engine-2: Processing, waits ['operator:i1']" in story
    assert "armed by engine-2: operator:i1, from operator" in story


def test_every_kind_of_line_has_words(good):
    told = "".join(
        good.tell(job)
        for job in {record.job for line in good.lines for record in getattr(line, "records", ())}
    )

    for words in (
        "sends",
        "hears",
        "starts",
        "ends",
        "opened by",
        "requests",
        "has taken",
        "tells",
        "shows",
        "lock:",
    ):
        assert words in told


def test_a_parked_job_is_not_judged_by_its_own_records(good):
    place = find_event(good, "last", ev.JobFinished)[0]
    record = good.lines[place].records[0]
    damaged = alter(good, place, records=(), damaged=((record.job, record.index),))

    assert check(damaged) == []


def test_a_partition_that_ends_three_engines_waits_for_a_person(tale):
    tale.execute("waits", "post")
    for number in range(2, 6):
        tale.kill_engine()
        tale.start_engine(f"engine-{number}")
    tale.add(ln.EngineEnded, engine="engine-5", how="quarantined")

    assert check(tale.end(hours=2)) == []


@pytest.mark.parametrize(("fence", "found"), [(Fence(1, 1), set()), (None, {Invariant.SILENT})])
def test_only_a_word_under_the_fence_of_the_attempt_is_a_sign_of_life(tale, fence, found):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.request(about, "ada")
    tale.begin(about, bot="ada")
    for seen in (about["fence"], fence or about["fence"]):
        word = about | {"fence": seen}
        tale.say("ada", "heartbeat", word)
        tale.add(ln.ResponseSettled, engine="engine-1", bot="ada", kind="heartbeat", **word)
        tale.wait(10)
    tale.record("slow", ev.AttemptQuestioned(VisitId("work#1"), 1, "heartbeat"))

    assert {violation.invariant for violation in check(tale.end())} & {Invariant.SILENT} == found


def test_waits_that_the_oracle_does_not_know_are_refused(good, monkeypatch):
    real = replaying.recompute_waits
    monkeypatch.setattr(replaying, "recompute_waits", lambda job: {} if job.id == "plain" else real(job))

    found = check(good)

    assert {(violation.invariant, violation.job) for violation in found} == {(Invariant.WAITS, "plain")}


def test_every_invariant_has_a_lie_and_a_row_in_the_table():
    rows = {line.split("|")[1].strip() for line in checker.__doc__.splitlines() if line.startswith("| I")}
    lies = "".join(path.read_text() for path in Path(__file__).parent.glob("test_lies_*.py"))
    refused = {f"I{number}" for number in re.findall(r"(?m)^def i(\d+)_", lies)}

    assert rows == {invariant.value for invariant in Invariant}
    assert (
        refused | {Invariant.WAITS} == rows
    )  # waits are the model's own affair, which no history can lie about
