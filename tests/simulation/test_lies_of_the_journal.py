"""The checker is proved with lies: about the world, the journal and what clients were told.

Each function is one plausible failure of an engine, told in the good history or in a tale of its own, and named after the
one invariant that must refuse it.
"""

from ee_core.model import events as ev
from ee_core.model.ids import BotId, Fence, JobId, VisitId
from ee_core.simulation import lines as ln
from ee_core.simulation.checker import check
from ee_core.simulation.history import ArmedWait, FinalBot
from ee_core.simulation.retelling import (
    alter,
    append,
    change,
    find_event,
    find_place,
    insert,
    move,
    replacing,
    rewrite,
    without,
)

VISIT = VisitId("work#1")
HOUR = 3600
BOTS = tuple(FinalBot(BotId(name), True, "held", "engine-1", activities=("sap",)) for name in ("ada", "bert"))


def i1_an_instant_falls(good, _tale):
    return alter(good, 30, at_us=good.lines[10].at_us)


def i1_an_effect_comes_after_its_work(good, _tale):
    return move(good, find_place(good, ln.ActivityEnded), find_place(good, ln.EffectDone))


def i1_a_dead_process_works(good, _tale):
    return move(
        good, find_place(good, ln.BotEnded, bot="ada"), find_place(good, ln.ActivityStarted, job="lost")
    )


def i1_a_fault_comes_after_faults_stopped(good, _tale):
    return insert(good, len(good.lines), ln.FaultInjected(at_us=0, kind=ln.FaultKind.BOT_KILLED))


def i2_a_record_is_missing(good, _tale):
    return alter(good, find_event(good, "plain", ev.AttemptAssigned)[0], records=())


def i2_a_record_is_stored_twice(good, _tale):
    place = find_event(good, "plain", ev.AttemptAssigned)[0]
    return alter(good, place, records=good.lines[place].records * 2)


def i3_a_commit_is_lost(good, _tale):
    return without(good, find_event(good, "plain", ev.AttemptAssigned)[0])


def i3_a_commit_is_stored_twice(good, _tale):
    place = find_event(good, "plain", ev.AttemptAssigned)[0]
    return insert(good, place, good.lines[place])


def i3_a_job_is_in_two_partitions(good, _tale):
    place = find_event(good, "last", ev.JobFinished)[0]
    opened = change(good.lines[1], partition=1)
    moved = alter(good, place, partition=1, position=1, engine="engine-1", epoch=1)
    return insert(moved, 2, opened)


def i4_an_old_engine_still_commits(good, _tale):
    commit = good.lines[find_place(good, ln.Committed, last=True)]
    stale = change(commit, engine="engine-1", epoch=1, position=commit.position + 1, records=())
    return insert(good, len(good.lines), stale)


def i4_two_engines_have_one_epoch(good, _tale):
    lines = tuple(change(line, epoch=1) if hasattr(line, "epoch") else line for line in good.lines)
    return change(good, lines=lines)


def i5_a_job_ends_twice(good, _tale):
    return append(good, "plain", ev.JobFinished(ev.Outcome.FAILED, ev.EndedBy.FAILURE))


def i5_a_job_begins_again(good, _tale):
    accepted = find_event(good, "plain", ev.JobAccepted)[1]
    return rewrite(good, "plain", replacing(ev.JobStarted, accepted))


def i6_a_token_moves_after_the_end(good, _tale):
    return append(good, "plain", ev.VisitCreated(VisitId("work#2"), VisitId("done#1")))


def i6_an_operator_acts_after_the_end(good, _tale):
    act = ev.OperatorActed("op2", "retry")
    sent = ln.CommandSent(at_us=0, key="o-op2", kind="operate", job=JobId("plain"), action="op2")
    return append(insert(good, len(good.lines), sent), "plain", act)


def i7_an_engine_holds_another_state(good, _tale):
    live = good.final.jobs[0]
    final = change(good.final, jobs=(change(live, state={**live.state, "warnings": 3}),))
    return change(good, final=final)


def i7_a_record_fits_no_state(good, _tale):
    return rewrite(good, "plain", replacing(ev.VisitVanished, ev.VisitVanished(VISIT)))


def i9_a_command_is_answered_and_lost(good, _tale):
    sent = ln.CommandSent(at_us=0, key="k-ghost", kind="execute", job=JobId("ghost"))
    heard = ln.CommandAnswered(at_us=0, key="k-ghost", job=JobId("ghost"), status="accepted")
    return insert(good, len(good.lines), sent, heard)


def i9_an_action_is_acknowledged_and_lost(good, _tale):
    settled = ln.CommandSettled(
        at_us=0, engine="engine-2", job=JobId("quarantined"), kind="operate", action="op9"
    )
    return insert(good, len(good.lines), settled)


def i9_a_cancel_is_acknowledged_and_lost(good, _tale):
    settled = ln.CommandSettled(at_us=0, engine="engine-2", job=JobId("quarantined"), kind="cancel")
    return insert(good, len(good.lines), settled)


def i10_a_command_is_answered_before_it_is_durable(good, _tale):
    return move(
        good, find_place(good, ln.CommandAnswered, job="plain"), find_event(good, "plain", ev.JobAccepted)[0]
    )


def i10_a_command_is_acknowledged_before_it_is_durable(good, _tale):
    settled = find_place(good, ln.CommandSettled, job="cancelled", kind="cancel")
    return move(good, settled, find_event(good, "cancelled", ev.JobFinished)[0])


def i11_one_command_is_two_jobs(good, _tale):
    again = ln.CommandAnswered(at_us=0, key="k-failing", job=JobId("plain"), status="known")
    return insert(good, len(good.lines), again)


def i11_one_id_has_two_contents(good, _tale):
    sent = ln.CommandSent(at_us=0, key="k-other", kind="execute", job=JobId("plain"), content="other")
    heard = ln.CommandAnswered(at_us=0, key="k-other", job=JobId("plain"), status="known")
    return insert(good, len(good.lines), sent, heard)


def i11_a_job_is_cancelled_that_nobody_cancelled(good, _tale):
    sent, heard = (
        find_place(good, ln.CommandSent, key="c-cancelled"),
        find_place(good, ln.CommandAnswered, key="c-cancelled"),
    )
    return without(good, sent, heard)


def i11_a_job_comes_that_nobody_wanted(good, tale):
    tale.execute("extra", "post", named=False)
    tale.execute("twin", "post", named=False)
    for job in ("extra", "twin"):
        tale.cancel(job, ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    told = tale.end(bots=BOTS)
    return without(
        told,
        find_place(told, ln.CommandSent, key="k-twin"),
        find_place(told, ln.CommandAnswered, key="k-twin"),
    )


def i11_a_job_begins_before_it_was_wanted(good, _tale):
    return move(
        good, find_event(good, "last", ev.JobAccepted)[0], find_place(good, ln.CommandSent, job="last")
    )


def i11_an_action_is_applied_twice(good, _tale):
    def twice(events):
        return events[:1] + events if isinstance(events[0], ev.OperatorActed) else events

    return rewrite(good, "lost", twice)


def i12_an_attempt_is_assigned_after_the_cancel(good, _tale):
    last = find_event(good, "last", ev.AttemptAssigned)[1]
    again = change(
        last, attempt=2, fence=Fence(last.fence.lease, last.fence.n + 1), input=None, input_hash=""
    )
    return append(good, "cancelled", again)


def i12_a_cancel_is_answered_and_the_job_succeeds(good, _tale):
    sent = ln.CommandSent(at_us=0, key="c-plain", kind="cancel", job=JobId("plain"))
    heard = ln.CommandAnswered(at_us=0, key="c-plain", job=JobId("plain"), status="cancelled")
    return insert(good, find_event(good, "plain", ev.AttemptAssigned)[0], sent, heard)


def i12_a_job_comes_after_its_tombstone(good, _tale):
    accepted = good.lines[find_event(good, "plain", ev.JobAccepted)[0]].records[0].events
    sent = ln.CommandSent(at_us=0, key="k-never", kind="execute", job=JobId("never"))
    return append(insert(good, len(good.lines), sent), "never", *accepted)


def i12_a_cancelled_job_is_worked_on_hours_later(_good, tale):
    tale.execute("late", "post")
    about = tale.assign("late", 1, "ada")
    tale.cancel("late", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.add(ln.FaultInjected, kind=ln.FaultKind.BOT_PAUSED, target="ada")
    tale.wait(2 * HOUR)
    tale.begin(about, bot="ada")
    armed = ArmedWait(JobId("late"), "drain:work#1/1", "engine-1", "bot", "ada")
    return tale.history(bots=BOTS, armed=(armed,))


def test_a_lie_is_refused_by_exactly_its_invariant(told, good, tale):
    found = check(told(good, tale))

    assert {violation.invariant.lower() for violation in found} == {told.__name__.partition("_")[0]}, (
        "\n".join(map(str, found))
    )
