"""The checker is proved with lies: each is one plausible failure of an engine, told in a history that was good before.

Every lie must be refused by exactly the invariant that it breaks, or the checker would send its readers astray.
"""

from dataclasses import dataclass

import msgspec
import pytest

from ee_core.model import events as ev
from ee_core.model.ids import BotId, Fence, IncidentId, JobId, VisitId, WorkflowHash
from ee_core.simulation import checker
from ee_core.simulation import lines as ln
from ee_core.simulation.checker import Invariant, check
from ee_core.simulation.checks import replaying
from ee_core.simulation.history import ArmedWait, FinalBot, FinalJob, History, Leftover, Running

VISIT = VisitId("work#1")
HOUR = 3600
LIES = []


@dataclass(frozen=True)
class Lie:
    invariant: Invariant
    tell: object

    def __str__(self):
        return f"{self.invariant}_{self.tell.__name__}"


def lie(invariant):
    """Mark a function that makes a bad history: of the good one, or of a tale that it goes on with."""

    def mark(tell):
        LIES.append(Lie(invariant, tell))
        return tell

    return mark


def change(history, **fields):
    return msgspec.structs.replace(history, **fields)


def place_of(history, line_class, /, *, last=False, **fields):
    """Return the place of the first line of a class with these fields, or of the last."""
    places = [
        place
        for place, line in enumerate(history.lines)
        if isinstance(line, line_class)
        and all(getattr(line, name) == value for name, value in fields.items())
    ]
    return places[-1 if last else 0]


def holding(history, job, event):
    """Return the place of the first commit with an event of a job."""
    for place, line in enumerate(history.lines):
        for record in getattr(line, "records", ()):
            if record.job == job and any(isinstance(one, event) for one in record.events):
                return place
    raise LookupError(f"{event.__name__} of {job}")


def without(history, *places):
    lines = tuple(line for place, line in enumerate(history.lines) if place not in places)
    return change(history, lines=lines)


def alter(history, place, **fields):
    lines = list(history.lines)
    lines[place] = change(lines[place], **fields)
    return change(history, lines=tuple(lines))


def insert(history, place, *new):
    """Put lines before a place, at the instant of the line there."""
    at_us = history.lines[place].at_us if place < len(history.lines) else history.ended_us
    timed = tuple(change(line, at_us=at_us) for line in new)
    return change(history, lines=history.lines[:place] + timed + history.lines[place:])


def move(history, source, target):
    """Move a line before an earlier one."""
    line = history.lines[source]
    return insert(without(history, source), target, line)


def rewrite(history, job, retell):
    """Give a job other events: `retell` takes and returns a tuple of events per record, () for a record that is gone."""
    index = 0

    def retold(record):
        nonlocal index
        if record.job != job:
            return record
        events = retell(record.events)
        index += bool(events)
        return change(record, index=index - 1, events=events)

    lines = [
        change(line, records=tuple(one for one in map(retold, line.records) if one.events))
        if isinstance(line, ln.Committed)
        else line
        for line in history.lines
    ]
    return change(history, lines=tuple(lines))


def append(history, job, *events):
    """Store one more record of a job at the end."""
    commits = [line for line in history.lines if isinstance(line, ln.Committed)]
    index = sum(record.job == job for line in commits for record in line.records)
    record = ev.Record(JobId(job), index, history.ended_us, events)
    commit = change(commits[-1], position=commits[-1].position + 1, records=(record,))
    return insert(history, len(history.lines), commit)


def replacing(old, new):
    """Return a retelling in which an event is another."""
    return lambda events: tuple(new if isinstance(event, old) else event for event in events)


def dropping(*kinds):
    return lambda events: tuple(event for event in events if not isinstance(event, kinds))


def run_on(tale, *, hours=0, **final):
    """End a tale: a fault has been, and some hours have passed."""
    tale.add(ln.FaultInjected, kind=ln.FaultKind.CLOCK_JUMPED)
    tale.wait(hours * HOUR)
    return tale.history(**final)


BOTS = tuple(FinalBot(BotId(name), True, "held", "engine-1", activities=("sap",)) for name in ("ada", "bert"))


# -- what is good ------------------------------------------------------------------------------------------------


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
    place = holding(good, "last", ev.JobFinished)
    record = good.lines[place].records[0]
    damaged = alter(good, place, records=(), damaged=((record.job, record.index),))

    assert check(damaged) == []


def test_a_partition_that_ends_three_engines_waits_for_a_person(tale):
    tale.execute("waits", "post")
    for number in range(2, 6):
        tale.kill_engine()
        tale.start_engine(f"engine-{number}")
    tale.add(ln.EngineEnded, engine="engine-5", how="quarantined")

    assert check(run_on(tale, hours=2)) == []


# -- lies about the world and the journal --------------------------------------------------------------------------


@lie(Invariant.POSSIBLE)
def an_instant_falls(good, _tale):
    return alter(good, 30, at_us=good.lines[10].at_us)


@lie(Invariant.POSSIBLE)
def an_effect_comes_after_its_work(good, _tale):
    return move(good, place_of(good, ln.ActivityEnded), place_of(good, ln.EffectDone))


@lie(Invariant.POSSIBLE)
def a_dead_process_works(good, _tale):
    return move(good, place_of(good, ln.BotEnded, bot="ada"), place_of(good, ln.ActivityStarted, job="lost"))


@lie(Invariant.POSSIBLE)
def a_fault_comes_after_faults_stopped(good, _tale):
    return insert(good, len(good.lines), ln.FaultInjected(at_us=0, kind=ln.FaultKind.BOT_KILLED))


@lie(Invariant.RECORDS)
def a_record_is_missing(good, _tale):
    return alter(good, holding(good, "plain", ev.AttemptAssigned), records=())


@lie(Invariant.RECORDS)
def a_record_is_stored_twice(good, _tale):
    place = holding(good, "plain", ev.AttemptAssigned)
    return alter(good, place, records=good.lines[place].records * 2)


@lie(Invariant.COMMITS)
def a_commit_is_lost(good, _tale):
    return without(good, holding(good, "plain", ev.AttemptAssigned))


@lie(Invariant.COMMITS)
def a_commit_is_stored_twice(good, _tale):
    place = holding(good, "plain", ev.AttemptAssigned)
    return insert(good, place, good.lines[place])


@lie(Invariant.COMMITS)
def a_job_is_in_two_partitions(good, _tale):
    place = holding(good, "last", ev.JobFinished)
    opened = change(good.lines[1], partition=1)
    moved = alter(good, place, partition=1, position=1, engine="engine-1", epoch=1)
    return insert(moved, 2, opened)


@lie(Invariant.EPOCHS)
def an_old_engine_still_commits(good, _tale):
    commit = good.lines[place_of(good, ln.Committed, last=True)]
    stale = change(commit, engine="engine-1", epoch=1, position=commit.position + 1, records=())
    return insert(good, len(good.lines), stale)


@lie(Invariant.EPOCHS)
def two_engines_have_one_epoch(good, _tale):
    lines = tuple(change(line, epoch=1) if hasattr(line, "epoch") else line for line in good.lines)
    return change(good, lines=lines)


@lie(Invariant.ENDS_ONCE)
def a_job_ends_twice(good, _tale):
    return append(good, "plain", ev.JobFinished(ev.Outcome.FAILED, ev.EndedBy.FAILURE))


@lie(Invariant.ENDS_ONCE)
def a_job_begins_again(good, _tale):
    accepted = good.lines[holding(good, "plain", ev.JobAccepted)].records[0].events[0]
    return rewrite(good, "plain", replacing(ev.JobStarted, accepted))


@lie(Invariant.AFTER_END)
def a_token_moves_after_the_end(good, _tale):
    return append(good, "plain", ev.VisitCreated(VisitId("work#2"), VisitId("done#1")))


@lie(Invariant.AFTER_END)
def an_operator_acts_after_the_end(good, _tale):
    act = ev.OperatorActed("op2", "retry")
    sent = ln.CommandSent(at_us=0, key="o-op2", kind="operate", job=JobId("plain"), action="op2")
    return append(insert(good, len(good.lines), sent), "plain", act)


@lie(Invariant.REPLAY)
def an_engine_holds_another_state(good, _tale):
    live = good.final.jobs[0]
    final = change(good.final, jobs=(change(live, state={**live.state, "warnings": 3}),))
    return change(good, final=final)


@lie(Invariant.REPLAY)
def a_record_fits_no_state(good, _tale):
    return rewrite(good, "plain", replacing(ev.VisitVanished, ev.VisitVanished(VISIT)))


# -- lies to clients -----------------------------------------------------------------------------------------------


@lie(Invariant.ACKNOWLEDGED)
def a_command_is_answered_and_lost(good, _tale):
    sent = ln.CommandSent(at_us=0, key="k-ghost", kind="execute", job=JobId("ghost"))
    heard = ln.CommandAnswered(at_us=0, key="k-ghost", job=JobId("ghost"), status="accepted")
    return insert(good, len(good.lines), sent, heard)


@lie(Invariant.ACKNOWLEDGED)
def an_action_is_acknowledged_and_lost(good, _tale):
    settled = ln.CommandSettled(
        at_us=0, engine="engine-2", job=JobId("quarantined"), kind="operate", action="op9"
    )
    return insert(good, len(good.lines), settled)


@lie(Invariant.ACKNOWLEDGED)
def a_cancel_is_acknowledged_and_lost(good, _tale):
    settled = ln.CommandSettled(at_us=0, engine="engine-2", job=JobId("quarantined"), kind="cancel")
    return insert(good, len(good.lines), settled)


@lie(Invariant.ANSWERED)
def a_command_is_answered_before_it_is_durable(good, _tale):
    return move(good, place_of(good, ln.CommandAnswered, job="plain"), holding(good, "plain", ev.JobAccepted))


@lie(Invariant.ANSWERED)
def a_command_is_acknowledged_before_it_is_durable(good, _tale):
    settled = place_of(good, ln.CommandSettled, job="cancelled", kind="cancel")
    return move(good, settled, holding(good, "cancelled", ev.JobFinished))


@lie(Invariant.ONE_JOB)
def one_command_is_two_jobs(good, _tale):
    again = ln.CommandAnswered(at_us=0, key="k-failing", job=JobId("plain"), status="known")
    return insert(good, len(good.lines), again)


@lie(Invariant.ONE_JOB)
def one_id_has_two_contents(good, _tale):
    sent = ln.CommandSent(at_us=0, key="k-other", kind="execute", job=JobId("plain"), content="other")
    heard = ln.CommandAnswered(at_us=0, key="k-other", job=JobId("plain"), status="known")
    return insert(good, len(good.lines), sent, heard)


@lie(Invariant.ONE_JOB)
def a_job_is_cancelled_that_nobody_cancelled(good, _tale):
    sent, heard = (
        place_of(good, ln.CommandSent, key="c-cancelled"),
        place_of(good, ln.CommandAnswered, key="c-cancelled"),
    )
    return without(good, sent, heard)


@lie(Invariant.ONE_JOB)
def a_job_comes_that_nobody_wanted(good, tale):
    tale.execute("extra", "post", named=False)
    tale.execute("twin", "post", named=False)
    for job in ("extra", "twin"):
        tale.cancel(job, ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    told = run_on(tale, bots=BOTS)
    return without(
        told, place_of(told, ln.CommandSent, key="k-twin"), place_of(told, ln.CommandAnswered, key="k-twin")
    )


@lie(Invariant.ONE_JOB)
def an_action_is_applied_twice(good, _tale):
    def twice(events):
        return events[:1] + events if isinstance(events[0], ev.OperatorActed) else events

    return rewrite(good, "lost", twice)


@lie(Invariant.CANCEL)
def an_attempt_is_assigned_after_the_cancel(good, _tale):
    last = good.lines[holding(good, "last", ev.AttemptAssigned)].records[0].events[0]
    again = change(
        last, attempt=2, fence=Fence(last.fence.lease, last.fence.n + 1), input=None, input_hash=""
    )
    return append(good, "cancelled", again)


@lie(Invariant.CANCEL)
def a_cancel_is_answered_and_the_job_succeeds(good, _tale):
    sent = ln.CommandSent(at_us=0, key="c-plain", kind="cancel", job=JobId("plain"))
    heard = ln.CommandAnswered(at_us=0, key="c-plain", job=JobId("plain"), status="cancelled")
    return insert(good, holding(good, "plain", ev.AttemptAssigned), sent, heard)


@lie(Invariant.CANCEL)
def a_job_comes_after_its_tombstone(good, _tale):
    accepted = good.lines[holding(good, "plain", ev.JobAccepted)].records[0].events
    sent = ln.CommandSent(at_us=0, key="k-never", kind="execute", job=JobId("never"))
    return append(insert(good, len(good.lines), sent), "never", *accepted)


@lie(Invariant.CANCEL)
def a_cancelled_job_is_worked_on_hours_later(_good, tale):
    tale.execute("late", "post")
    about = tale.assign("late", 1, "ada")
    tale.cancel("late", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.add(ln.FaultInjected, kind=ln.FaultKind.BOT_PAUSED, target="ada")
    tale.wait(2 * HOUR)
    tale.begin(about, bot="ada")
    armed = ArmedWait(JobId("late"), "drain:work#1/1", "engine-1", "bot", "ada")
    return tale.history(bots=BOTS, armed=(armed,))


# -- lies of and about bots ----------------------------------------------------------------------------------------


@lie(Invariant.OVERLAP)
def two_processes_of_a_bot_work_at_once(_good, tale):
    tale.execute("one", "post")
    first = tale.assign("one", 1, "ada")
    tale.request(first, "ada")
    work = tale.begin(first, bot="ada")
    tale.start_bot("ada", "ada-2", "ledger-a2")
    tale.lease("ada", 200)
    tale.execute("two", "post")
    second = tale.assign("two", 1, "ada")
    tale.work(second, "ada", 2)
    tale.succeed(second, "ada", 2)
    tale.instances["ada"] = "ada-1"
    tale.finish(work, output=1)
    tale.say("ada", "succeeded", first, output=1)
    tale.succeed(first, "ada", 1)
    return run_on(tale, bots=BOTS)


@lie(Invariant.FENCES)
def a_bot_works_under_a_fence_below_its_claim(_good, tale):
    tale.execute("old", "post")
    about = tale.assign("old", 1, "ada")
    tale.kill_engine()
    tale.start_engine("engine-2")
    tale.lease("ada", 200)
    tale.work(about, "ada", 1)
    tale.succeed(about, "ada", 1)
    return run_on(tale)


@lie(Invariant.FENCES)
def a_bot_works_under_a_fence_below_its_work(_good, tale):
    tale.execute("one", "post")
    first = tale.assign("one", 1, "ada")
    tale.say("ada", "idle", {**first, "fence": None}, highest=Fence(100, 2))
    tale.cancel("one", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.record("one", ev.BotDrained(VISIT, 1))
    tale.execute("two", "post")
    second = tale.assign("two", 1, "ada")
    tale.work(second, "ada", 2)
    tale.succeed(second, "ada", 2)
    tale.counts["ada"] = -1  # the engine counts anew, below what it has used
    tale.execute("three", "post")
    third = tale.assign("three", 1, "ada")
    tale.work(third, "ada", 3)
    tale.succeed(third, "ada", 3)
    return run_on(tale, bots=BOTS)


@lie(Invariant.ASSIGNMENTS)
def two_assignments_have_one_fence(_good, tale):
    for job in ("one", "two"):
        tale.counts["ada"] = 0
        tale.execute(job, "post")
        about = tale.assign(job, 1, "ada")
        tale.work(about, "ada", job)
        tale.succeed(about, "ada", job)
    return run_on(tale, bots=BOTS)


@lie(Invariant.ASSIGNMENTS)
def stateful_work_is_given_to_any_worker(_good, tale):
    tale.execute("free", "post")
    about = tale.assign("free", 1)
    tale.request(about)
    work = tale.begin(about, by="worker", bot="wilma")
    tale.finish(work, output=1)
    tale.say("wilma", "succeeded", about, output=1)
    tale.succeed(about, "wilma", 1)
    return run_on(tale, bots=BOTS)


@lie(Invariant.ONCE)
def an_attempt_has_two_effects(good, _tale):
    place = place_of(good, ln.EffectDone)
    return insert(good, place, good.lines[place])


@lie(Invariant.ONCE)
def a_bot_does_an_attempt_again_after_its_death(good, _tale):
    started = good.lines[place_of(good, ln.ActivityStarted, job="lost")]
    again = change(started, work="again", instance="ada-2")
    ended = ln.ActivityEnded(at_us=0, work="again", how="stopped")
    return insert(good, place_of(good, ln.BotSaid, job="lost", kind="lost"), again, ended)


@lie(Invariant.ONCE)
def the_engine_does_its_own_work_twice(good, _tale):
    place = place_of(good, ln.ActivityStarted, job="noted")
    ended = ln.ActivityEnded(at_us=0, work="again", how="stopped")
    return insert(good, place, change(good.lines[place], work="again"), ended)


@lie(Invariant.RECORDED)
def a_bot_works_without_a_record(good, _tale):
    started = good.lines[place_of(good, ln.ActivityStarted, job="last")]
    ghost = change(started, work="ghost", job=JobId("ghost"), fence=Fence(300, 9))
    return insert(good, len(good.lines), ghost, ln.ActivityEnded(at_us=0, work="ghost", how="stopped"))


@lie(Invariant.RECORDED)
def a_bot_works_before_the_record(good, _tale):
    assigned = holding(good, "last", ev.AttemptAssigned)
    return move(good, place_of(good, ln.ActivityStarted, job="last"), assigned)


@lie(Invariant.RECORDED)
def another_bot_does_the_work(good, _tale):
    place = place_of(good, ln.ActivityStarted, job="last")
    return alter(good, place, bot=BotId("ada"), instance="ada-2")


@lie(Invariant.RECORDED)
def a_bot_works_with_a_ledger_that_was_not_asked(good, _tale):
    return alter(good, place_of(good, ln.ActivityStarted, job="last"), ledger="ledger-b")


@lie(Invariant.RECORDED)
def the_next_engine_does_what_the_last_one_was_to_do(_good, tale):
    tale.execute("own", "note")
    about = tale.assign("own", 1)
    tale.kill_engine()
    tale.start_engine("engine-2")
    work = tale.begin(about, by="engine")
    tale.finish(work, output=None)
    tale.say(None, "succeeded", about)
    tale.record("own", ev.AttemptSucceeded(VISIT, 1), *_ending())
    return run_on(tale)


@lie(Invariant.SILENCE)
def a_second_attempt_follows_a_loss_and_nobody_was_asked(good, _tale):
    def silent(events):
        if not isinstance(events[0], ev.OperatorActed):
            return events
        return (ev.IncidentClosed(IncidentId("i1"), "gone"), ev.RetryDue(VISIT))

    told = rewrite(good, "lost", silent)
    return without(
        told,
        *(
            place
            for place, line in enumerate(told.lines)
            if getattr(line, "action", "") == "op1" or getattr(line, "key", "") == "o-op1"
        ),
    )


@lie(Invariant.SILENCE)
def a_lost_attempt_of_an_engine_is_repeated_in_silence(_good, tale):
    tale.execute("own", "note")
    tale.assign("own", 1)
    tale.kill_engine()
    tale.start_engine("engine-2")
    tale.record("own", ev.AttemptLost(VISIT, 1, "crash", False), ev.RetryDue(VISIT))
    about = tale.assign("own", 2)
    work = tale.begin(about, by="engine")
    tale.finish(work, output=None)
    tale.say(None, "succeeded", about)
    tale.record("own", ev.AttemptSucceeded(VISIT, 2), *_ending())
    return run_on(tale)


@lie(Invariant.REASONS)
def a_failed_attempt_is_followed_before_its_time(good, _tale):
    return rewrite(good, "failing", dropping(ev.RetryDue))


@lie(Invariant.REASONS)
def attempts_are_more_than_the_policy_allows(good, _tale):
    name = good.lines[holding(good, "failing", ev.JobAccepted)].records[0].events[0].workflow
    content = good.workflows[name]
    node = change(
        content.nodes[0],
        activity=change(content.nodes[0].activity, retry=type(content.nodes[0].activity.retry)()),
    )
    return change(good, workflows={**good.workflows, name: change(content, nodes=(node, content.nodes[1]))})


@lie(Invariant.REASONS)
def an_attempt_is_left_out(_good, tale):
    tale.execute("jump", "call")
    tale.record("jump", ev.AttemptAssigned(VISIT, 2, input={}, input_hash="ab" * 32))
    tale.cancel("jump", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    return run_on(tale, bots=BOTS)


@lie(Invariant.REASONS)
def a_lost_attempt_is_repeated_without_end(_good, tale):
    tale.execute("again", "call")
    for attempt in range(1, 5):
        tale.assign("again", attempt)
        tale.record("again", ev.AttemptLost(VISIT, attempt, "heartbeat", False), ev.RetryDue(VISIT))
    tale.cancel("again", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    return run_on(tale, bots=BOTS)


@lie(Invariant.WORDS)
def a_success_has_no_word(good, _tale):
    return without(good, place_of(good, ln.BotSaid, job="last", kind="succeeded"))


@lie(Invariant.WORDS)
def a_success_has_another_output(good, _tale):
    return rewrite(good, "noted", replacing(ev.AttemptSucceeded, ev.AttemptSucceeded(VISIT, 1, "invented")))


@lie(Invariant.WORDS)
def a_success_has_no_effect_behind_it(good, _tale):
    work = good.lines[place_of(good, ln.ActivityStarted, job="noted")].work
    return without(good, place_of(good, ln.ActivityEnded, work=work))


@lie(Invariant.WORDS)
def a_failure_was_never_said(good, _tale):
    error = ev.Error("busy", "another text")
    failed = next(
        event
        for event in good.lines[holding(good, "failing", ev.AttemptFailed)].records[0].events
        if isinstance(event, ev.AttemptFailed)
    )
    return rewrite(good, "failing", replacing(ev.AttemptFailed, change(failed, error=error)))


@lie(Invariant.WORDS)
def a_late_result_was_never_said(good, _tale):
    kind = ev.LateResponse(VISIT, 1, "failed", error=ev.Error("x", "y"))
    return rewrite(good, "cancelled", replacing(ev.LateResponse, kind))


@lie(Invariant.WORDS)
def an_attempt_is_voided_by_a_bot_that_said_nothing(good, _tale):
    place = place_of(good, ln.BotSaid, job="voided", kind="stale")
    return alter(good, place, kind="idle", fence=None)


@lie(Invariant.WORDS)
def an_operator_takes_a_result_that_never_came(_good, tale):
    _lose(tale)
    tale.operate(
        "gone",
        "op1",
        "take_result",
        ev.IncidentClosed(IncidentId("i1"), "take_result"),
        ev.AttemptSucceeded(VISIT, 1, 5, by="take_result"),
        *_ending(),
    )
    tale.start_bot("ada", "ada-2", "ledger-a")
    tale.say("ada", "lost", tale.about("gone", _assigned(tale)))
    tale.record("gone", ev.LateResponse(VISIT, 1, "lost"))
    return run_on(tale, bots=BOTS)


@lie(Invariant.DRAINS)
def a_drain_ends_by_time(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.request(about, "ada")
    tale.begin(about, bot="ada")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.kill_bot("ada")
    tale.wait(600)
    tale.record("slow", ev.BotDrained(VISIT, 1))
    return run_on(tale, bots=BOTS)


@lie(Invariant.DRAINS)
def a_bot_is_quarantined_and_its_lock_does_not_know(good, _tale):
    return without(good, place_of(good, ln.LeaseWritten, state="quarantined"))


@lie(Invariant.DRAINS)
def a_loss_frees_the_bot_at_once(_good, tale):
    _lose(tale, drains=False)
    tale.cancel("gone", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    return run_on(tale, bots=BOTS)


@lie(Invariant.GRANTS)
def a_bot_is_assigned_while_it_drains(_good, tale):
    tale.execute("one", "post")
    first = tale.assign("one", 1, "ada")
    work = tale.begin(first, bot="ada")
    tale.cancel("one", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.execute("two", "post")
    second = tale.assign("two", 1, "ada")
    tale.finish(work, "stopped")
    tale.say("ada", "stopped", first)
    tale.record("one", ev.LateResponse(VISIT, 1, "stopped"))
    tale.work(second, "ada", 2)
    tale.succeed(second, "ada", 2)
    return run_on(tale, bots=BOTS)


@lie(Invariant.GRANTS)
def a_bot_is_assigned_before_its_answer_is_durable(_good, tale):
    tale.execute("one", "post")
    tale.execute("two", "post")
    first = tale.assign("one", 1, "ada")
    tale.work(first, "ada", 1)
    second = tale.assign("two", 1, "ada")
    tale.succeed(first, "ada", 1)
    tale.work(second, "ada", 2)
    tale.succeed(second, "ada", 2)
    return run_on(tale, bots=BOTS)


@lie(Invariant.GRANTS)
def a_bot_is_assigned_before_it_answered_the_claim(good, _tale):
    return without(good, place_of(good, ln.BotSaid, bot="bert", lease=201))


@lie(Invariant.IDLE)
def an_attempt_is_voided_that_the_bot_has_begun(good, _tale):
    started = good.lines[place_of(good, ln.ActivityStarted, job="lost", attempt=2)]
    assigned = good.lines[holding(good, "voided", ev.AttemptAssigned)].records[0].events[0]
    begun = change(started, work="begun", job=JobId("voided"), attempt=1, fence=assigned.fence)
    killed = place_of(good, ln.FaultInjected, kind=ln.FaultKind.ENGINE_KILLED)
    return insert(good, killed, begun, ln.ActivityEnded(at_us=0, work="begun", how="stopped"))


@lie(Invariant.IDLE)
def a_bot_works_on_after_it_said_it_has_stopped(good, _tale):
    work = good.lines[place_of(good, ln.ActivityStarted, job="cancelled")].work
    ended = place_of(good, ln.ActivityEnded, work=work)
    after = holding(good, "cancelled", ev.LateResponse) + 1
    told = insert(good, after, good.lines[ended])
    return without(told, ended)


# -- lies about order and ends -------------------------------------------------------------------------------------


@lie(Invariant.DURABLE)
def a_request_is_sent_before_its_record(good, _tale):
    return move(good, place_of(good, ln.RequestSent, job="plain"), holding(good, "plain", ev.AttemptAssigned))


@lie(Invariant.DURABLE)
def a_request_has_another_input(good, _tale):
    return alter(good, place_of(good, ln.RequestSent, job="plain"), input_hash="cd" * 32)


@lie(Invariant.DURABLE)
def a_request_goes_to_another_bot(good, _tale):
    return alter(good, place_of(good, ln.RequestSent, job="plain"), bot=BotId("bert"))


@lie(Invariant.DURABLE)
def an_event_is_shown_before_it_is_stored(good, _tale):
    return move(good, place_of(good, ln.EventShown, job="plain"), holding(good, "plain", ev.JobAccepted))


@lie(Invariant.TAKEN)
def a_word_is_acknowledged_to_the_broker_before_its_record(good, _tale):
    place = place_of(good, ln.ResponseSettled, job="plain")
    return move(good, place, holding(good, "plain", ev.AttemptSucceeded))


@lie(Invariant.TAKEN)
def a_word_is_acknowledged_to_the_bot_before_its_record(good, _tale):
    place = place_of(good, ln.ResponseAcked, job="plain")
    return move(good, place, holding(good, "plain", ev.AttemptSucceeded))


@lie(Invariant.TAKEN)
def a_late_result_is_acknowledged_and_forgotten(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    work = tale.begin(about, bot="ada")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.lock("ada", "quarantined", reason="no word")
    tale.record("slow", ev.BotQuarantined(VISIT, 1, BotId("ada"), "no word"))
    tale.finish(work, output=1)
    tale.say("ada", "succeeded", about, output=1)
    tale.taken(about, "ada", "succeeded", "late")
    return run_on(tale, bots=BOTS)


@lie(Invariant.LEASES)
def a_lease_number_falls(good, _tale):
    return alter(good, place_of(good, ln.LeaseWritten, lease=300, state="held"), lease=250)


@lie(Invariant.LEASES)
def two_engines_have_one_lease(good, _tale):
    return alter(good, place_of(good, ln.LeaseWritten, lease=300, state="held"), holder="engine-1")


@lie(Invariant.LEASES)
def an_engine_assigns_under_the_lease_of_another(good, _tale):
    told = good
    for state in ("unknown", "held"):
        told = alter(told, place_of(told, ln.LeaseWritten, lease=201, state=state), holder="engine-1")
    return told


@lie(Invariant.BOUND)
def a_job_never_ends(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.begin(about, bot="ada")
    armed = ArmedWait(JobId("slow"), "response:work#1/1", "engine-1", "bot", "ada")
    return run_on(tale, hours=2, armed=(armed,), bots=BOTS)


@lie(Invariant.BOUND)
def a_job_ends_hours_after_the_last_fault(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.add(ln.FaultInjected, kind=ln.FaultKind.BOT_PAUSED, target="ada")
    tale.wait(2 * HOUR)
    tale.work(about, "ada", 1)
    tale.succeed(about, "ada", 1)
    return tale.history(bots=BOTS)


@lie(Invariant.PRODUCERS)
def a_wait_is_not_armed(good, _tale):
    return change(good, final=change(good.final, armed=()))


@lie(Invariant.PRODUCERS)
def a_wait_is_armed_twice(good, _tale):
    return change(good, final=change(good.final, armed=good.final.armed * 2))


@lie(Invariant.PRODUCERS)
def a_wait_is_armed_for_somebody_else(good, _tale):
    wrong = change(good.final.armed[0], producer="timer")
    return change(good, final=change(good.final, armed=(wrong,)))


@lie(Invariant.PRODUCERS)
def a_job_processes_and_waits_for_nothing(_good, tale):
    tale.execute("still", "post")
    return rewrite(run_on(tale, bots=BOTS), "still", dropping(ev.VisitCreated))


@lie(Invariant.PRODUCERS)
def a_response_is_awaited_from_a_dead_bot(_good, tale):
    tale.execute("slow", "post")
    tale.assign("slow", 1, "ada")
    armed = ArmedWait(JobId("slow"), "response:work#1/1", "engine-1", "bot", "ada")
    dead = change(BOTS[0], alive=False)
    return run_on(tale, armed=(armed,), bots=(dead, BOTS[1]))


@lie(Invariant.PRODUCERS)
def a_visit_waits_for_a_bot_that_nobody_is(_good, tale):
    tale.execute("slow", "post")
    armed = ArmedWait(JobId("slow"), "lease:work#1", "engine-1", "fleet")
    others = tuple(change(bot, activities=("other",)) for bot in BOTS)
    return run_on(tale, armed=(armed,), bots=others)


@lie(Invariant.PRODUCERS)
def a_retry_waits_for_a_timer_that_has_passed(_good, tale):
    tale.execute("slow", "call")
    about = tale.assign("slow", 1)
    error = ev.Error("busy", "busy")
    tale.say("wilma", "failed", about, error=error)
    tale.record("slow", ev.AttemptFailed(VISIT, 1, error, tale.now_us + 1))
    key = f"timer:work#1@{tale.lines[-1].records[0].events[0].retry_at_us}"
    armed = ArmedWait(JobId("slow"), key, "engine-1", "timer", due_us=tale.now_us)
    told = run_on(tale, armed=(armed,), bots=BOTS)
    name = told.lines[holding(told, "slow", ev.JobAccepted)].records[0].events[0].workflow
    content = told.workflows[name]
    retry = msgspec.convert({"attempts": 3}, type(content.nodes[0].activity.retry))
    node = change(content.nodes[0], activity=change(content.nodes[0].activity, retry=retry))
    return change(
        told,
        workflows={**told.workflows, WorkflowHash(name): change(content, nodes=(node, content.nodes[1]))},
    )


def left(good, **fields):
    return change(good, final=change(good.final, **fields))


@lie(Invariant.LEFT)
def a_seat_is_kept_for_a_job_that_is_over(good, _tale):
    kept = change(good.final.bots[0], job=JobId("plain"), visit=VISIT, attempt=1)
    return left(good, bots=(kept, *good.final.bots[1:]))


@lie(Invariant.LEFT)
def a_bot_drains_for_nobody(good, _tale):
    kept = change(good.final.bots[0], state="draining")
    return left(good, bots=(kept, *good.final.bots[1:]))


@lie(Invariant.LEFT)
def a_bot_works_for_nobody(good, _tale):
    running = change(good.final.bots[0], running=Running(job=JobId("plain"), visit=VISIT, attempt=1))
    return left(good, bots=(running, *good.final.bots[1:]))


@lie(Invariant.LEFT)
def a_wait_stays_armed(good, _tale):
    stale = ArmedWait(JobId("plain"), "response:work#1/1", "engine-2", "bot", "ada")
    return left(good, armed=(*good.final.armed, stale))


@lie(Invariant.LEFT)
def a_dead_engine_keeps_a_wait(good, _tale):
    stale = change(good.final.armed[0], engine="engine-1")
    return left(good, armed=(*good.final.armed, stale))


@lie(Invariant.LEFT)
def a_timer_goes_on_for_a_job_that_is_over(good, _tale):
    return left(good, leftovers=(Leftover("timer", "accept", "engine-2", JobId("plain"), VISIT),))


@lie(Invariant.LEFT)
def a_task_outlives_its_engine(good, _tale):
    return left(good, leftovers=(Leftover("task", "beat", "engine-1"),))


@lie(Invariant.LEFT)
def a_row_stays_for_a_job_that_is_over(good, _tale):
    return left(good, leftovers=(Leftover("row", "executors", "engine-2", JobId("failing")),))


@lie(Invariant.LEFT)
def a_message_stays_for_a_job_that_nobody_knows(good, _tale):
    return left(good, leftovers=(Leftover("message", "jobs.command.0", job=JobId("ghost")),))


@lie(Invariant.LEFT)
def an_incident_says_that_no_bot_fits_and_one_does(_good, tale):
    tale.execute("slow", "post")
    choices = (ev.Choice.FAIL,)
    tale.record("slow", ev.IncidentOpened(IncidentId("i1"), ev.IncidentKind.NO_BOT, choices, "nobody", VISIT))
    armed = (
        ArmedWait(JobId("slow"), "lease:work#1", "engine-1", "fleet"),
        ArmedWait(JobId("slow"), "operator:i1", "engine-1", "operator"),
    )
    return run_on(tale, armed=armed, bots=BOTS)


@lie(Invariant.LEFT)
def an_engine_that_lost_its_partition_holds_its_jobs(good, _tale):
    alive = without(good, place_of(good, ln.EngineEnded))
    return left(alive, jobs=(*good.final.jobs, FinalJob(JobId("plain"), "engine-1", {})))


@lie(Invariant.ENGINES)
def an_engine_fails(_good, tale):
    tale.add(ln.EngineEnded, engine="engine-1", how="failed", detail="KeyError")
    return run_on(tale)


@lie(Invariant.ENGINES)
def an_engine_gives_up_in_calm(_good, tale):
    told = run_on(tale, hours=1)
    gone = ln.EngineEnded(at_us=0, engine="engine-1", how="unavailable", detail="no broker")
    return insert(told, len(told.lines), gone)


@lie(Invariant.ENGINES)
def a_partition_is_quarantined_after_one_death(_good, tale):
    tale.kill_engine()
    tale.start_engine("engine-2")
    tale.add(ln.EngineEnded, engine="engine-2", how="quarantined")
    return run_on(tale)


def _ending():
    return (
        ev.VisitRouted(VISIT, (0,)),
        ev.VisitCreated(VisitId("done#1"), VISIT, 0),
        ev.VisitVanished(VisitId("done#1")),
        ev.JobFinished(ev.Outcome.SUCCEEDED, ev.EndedBy.END),
    )


def _lose(tale, *, drains=True):
    """Let ada die with the work of the job `gone`."""
    tale.execute("gone", "post")
    about = tale.assign("gone", 1, "ada")
    tale.begin(about, bot="ada")
    tale.kill_bot("ada")
    choices = (ev.Choice.RETRY, ev.Choice.FAIL, ev.Choice.SKIP)
    tale.record(
        "gone",
        ev.AttemptLost(VISIT, 1, "bot_dead", drains),
        ev.IncidentOpened(IncidentId("i1"), ev.IncidentKind.LOST, choices, "what became of it?", VISIT),
    )


def _assigned(tale):
    return next(
        event
        for line in tale.lines
        for record in getattr(line, "records", ())
        for event in record.events
        if isinstance(event, ev.AttemptAssigned)
    )


@pytest.mark.parametrize("told", LIES, ids=str)
def test_a_lie_is_refused_by_exactly_its_invariant(told, good, tale):
    history = told.tell(good, tale)

    found = check(history)

    assert {violation.invariant for violation in found} == {told.invariant}, "\n".join(map(str, found))
    assert all(str(violation).startswith(told.invariant.value) for violation in found)


def test_waits_that_the_oracle_does_not_know_are_refused(good, monkeypatch):
    real = replaying.recompute_waits
    monkeypatch.setattr(replaying, "recompute_waits", lambda job: {} if job.id == "plain" else real(job))

    found = check(good)

    assert {(violation.invariant, violation.job) for violation in found} == {(Invariant.WAITS, "plain")}


def test_every_invariant_has_a_lie_and_a_row_in_the_table():
    rows = {line.split("|")[1].strip() for line in checker.__doc__.splitlines() if line.startswith("| I")}

    assert rows == {invariant.value for invariant in Invariant}
    assert {told.invariant for told in LIES} | {Invariant.WAITS} == set(Invariant)
