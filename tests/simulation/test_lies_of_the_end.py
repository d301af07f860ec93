"""The checker is proved with lies: about what waits for a record, leases, and what is there at the end.

Each function is one plausible failure of an engine, told in the good history or in a tale of its own, and named after the
one invariant that must refuse it.
"""

import msgspec

from ee_core.model import events as ev
from ee_core.model.ids import BotId, IncidentId, JobId, VisitId, WorkflowHash
from ee_core.simulation import lines as ln
from ee_core.simulation.checker import check
from ee_core.simulation.history import ArmedWait, FinalBot, FinalJob, Leftover, Running
from ee_core.simulation.retelling import (
    alter,
    change,
    dropping,
    find_event,
    find_place,
    insert,
    move,
    rewrite,
    without,
)

VISIT = VisitId("work#1")
HOUR = 3600
BOTS = tuple(FinalBot(BotId(name), True, "held", "engine-1", activities=("sap",)) for name in ("ada", "bert"))


def i24_a_request_is_sent_before_its_record(good, _tale):
    return move(
        good, find_place(good, ln.RequestSent, job="plain"), find_event(good, "plain", ev.AttemptAssigned)[0]
    )


def i24_a_request_has_another_input(good, _tale):
    return alter(good, find_place(good, ln.RequestSent, job="plain"), input_hash="cd" * 32)


def i24_a_request_goes_to_another_bot(good, _tale):
    return alter(good, find_place(good, ln.RequestSent, job="plain"), bot=BotId("bert"))


def i24_an_event_is_shown_before_it_is_stored(good, _tale):
    return move(
        good, find_place(good, ln.EventShown, job="plain"), find_event(good, "plain", ev.JobAccepted)[0]
    )


def i25_a_word_is_acknowledged_to_the_broker_before_its_record(good, _tale):
    place = find_place(good, ln.ResponseSettled, job="plain")
    return move(good, place, find_event(good, "plain", ev.AttemptSucceeded)[0])


def i25_a_word_is_acknowledged_to_the_bot_before_its_record(good, _tale):
    place = find_place(good, ln.ResponseAcked, job="plain")
    return move(good, place, find_event(good, "plain", ev.AttemptSucceeded)[0])


def i25_a_late_result_is_acknowledged_and_forgotten(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    work = tale.begin(about, bot="ada")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.lock("ada", "quarantined", reason="no word")
    tale.record("slow", ev.BotQuarantined(VISIT, 1, BotId("ada"), "no word"))
    tale.finish(work, output=1)
    tale.say("ada", "succeeded", about, output=1)
    tale.taken(about, "ada", "succeeded", "late")
    return tale.end(bots=BOTS)


def i26_a_lease_number_falls(good, _tale):
    return alter(good, find_place(good, ln.LeaseWritten, lease=300, state="held"), lease=250)


def i26_a_bot_is_held_before_it_answered_the_claim(good, _tale):
    return without(good, find_place(good, ln.BotSaid, bot="bert", lease=201))


def i26_a_bot_is_assigned_before_it_is_held(good, _tale):
    return without(good, find_place(good, ln.LeaseWritten, bot="bert", lease=201, state="held"))


def i26_a_bot_answers_a_claim_that_was_not_given(good, _tale):
    said = find_place(good, ln.BotSaid, bot="bert", lease=201)
    return alter(good, said, lease=999)


def i26_a_bot_is_taken_from_an_engine_that_lives(good, _tale):
    return alter(good, find_place(good, ln.LeaseWritten, lease=300, state="unknown"), robbed=True)


def i26_a_bot_is_held_that_works_on_something_else(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    work = tale.begin(about, bot="ada")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.lock("ada", "quarantined", reason="no word")
    tale.record("slow", ev.BotQuarantined(VISIT, 1, BotId("ada"), "no word"))
    tale.leases["ada"] = 200
    tale.lock("ada", "unknown")
    running = Running(job=JobId("slow"), visit=VISIT, attempt=1)
    tale.say("ada", "busy", highest=about["fence"], lease=200, running=running)
    tale.lock("ada", "held")
    tale.finish(work, output=1)
    return tale.end(bots=BOTS)


def i26_two_engines_have_one_lease(good, _tale):
    return alter(good, find_place(good, ln.LeaseWritten, lease=300, state="held"), holder="engine-1")


def i26_an_engine_assigns_under_the_lease_of_another(good, _tale):
    told = good
    for state in ("unknown", "held"):
        told = alter(told, find_place(told, ln.LeaseWritten, lease=201, state=state), holder="engine-1")
    return told


def i27_a_job_never_ends(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.begin(about, bot="ada")
    armed = ArmedWait(JobId("slow"), "response:work#1/1", "engine-1", "bot", "ada")
    return tale.end(hours=2, armed=(armed,), bots=BOTS)


def i27_a_job_ends_hours_after_the_last_fault(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.add(ln.FaultInjected, kind=ln.FaultKind.BOT_PAUSED, target="ada")
    tale.wait(2 * HOUR)
    tale.work(about, "ada", 1)
    tale.succeed(about, "ada", 1)
    return tale.history(bots=BOTS)


def i28_a_wait_is_not_armed(good, _tale):
    return change(good, final=change(good.final, armed=()))


def i28_a_wait_is_armed_twice(good, _tale):
    return change(good, final=change(good.final, armed=good.final.armed * 2))


def i28_a_wait_is_armed_for_somebody_else(good, _tale):
    wrong = change(good.final.armed[0], producer="timer")
    return change(good, final=change(good.final, armed=(wrong,)))


def i28_a_job_processes_and_waits_for_nothing(_good, tale):
    tale.execute("still", "post")
    return rewrite(tale.end(bots=BOTS), "still", dropping(ev.VisitCreated))


def i28_a_response_is_awaited_from_a_dead_bot(_good, tale):
    tale.execute("slow", "post")
    tale.assign("slow", 1, "ada")
    armed = ArmedWait(JobId("slow"), "response:work#1/1", "engine-1", "bot", "ada")
    dead = change(BOTS[0], alive=False)
    return tale.end(armed=(armed,), bots=(dead, BOTS[1]))


def i28_a_visit_waits_for_a_bot_that_nobody_is(_good, tale):
    tale.execute("slow", "post")
    armed = ArmedWait(JobId("slow"), "lease:work#1", "engine-1", "fleet")
    others = tuple(change(bot, activities=("other",)) for bot in BOTS)
    return tale.end(armed=(armed,), bots=others)


def i28_a_retry_waits_for_a_timer_that_has_passed(_good, tale):
    tale.execute("slow", "call")
    about = tale.assign("slow", 1)
    error = ev.Error("busy", "busy")
    tale.say("wilma", "failed", about, error=error)
    tale.record("slow", ev.AttemptFailed(VISIT, 1, error, tale.now_us + 1))
    key = f"timer:work#1@{tale.lines[-1].records[0].events[0].retry_at_us}"
    armed = ArmedWait(JobId("slow"), key, "engine-1", "timer", due_us=tale.now_us)
    told = tale.end(armed=(armed,), bots=BOTS)
    name = find_event(told, "slow", ev.JobAccepted)[1].workflow
    content = told.workflows[name]
    retry = msgspec.convert({"attempts": 3}, type(content.nodes[0].activity.retry))
    node = change(content.nodes[0], activity=change(content.nodes[0].activity, retry=retry))
    return change(
        told,
        workflows={**told.workflows, WorkflowHash(name): change(content, nodes=(node, content.nodes[1]))},
    )


def left(good, **fields):
    return change(good, final=change(good.final, **fields))


def i29_a_seat_is_kept_for_a_job_that_is_over(good, _tale):
    kept = change(good.final.bots[0], job=JobId("plain"), visit=VISIT, attempt=1)
    return left(good, bots=(kept, *good.final.bots[1:]))


def i29_a_bot_drains_for_nobody(good, _tale):
    kept = change(good.final.bots[0], state="draining")
    return left(good, bots=(kept, *good.final.bots[1:]))


def i29_a_bot_works_for_nobody(good, _tale):
    running = change(good.final.bots[0], running=Running(job=JobId("plain"), visit=VISIT, attempt=1))
    return left(good, bots=(running, *good.final.bots[1:]))


def i29_a_wait_stays_armed(good, _tale):
    stale = ArmedWait(JobId("plain"), "response:work#1/1", "engine-2", "bot", "ada")
    return left(good, armed=(*good.final.armed, stale))


def i29_a_dead_engine_keeps_a_wait(good, _tale):
    stale = change(good.final.armed[0], engine="engine-1")
    return left(good, armed=(*good.final.armed, stale))


def i29_a_timer_goes_on_for_a_job_that_is_over(good, _tale):
    return left(good, leftovers=(Leftover("timer", "accept", "engine-2", JobId("plain"), VISIT),))


def i29_a_task_outlives_its_engine(good, _tale):
    return left(good, leftovers=(Leftover("task", "beat", "engine-1"),))


def i29_a_row_stays_for_a_job_that_is_over(good, _tale):
    return left(good, leftovers=(Leftover("row", "executors", "engine-2", JobId("failing")),))


def i29_a_message_stays_for_a_job_that_nobody_knows(good, _tale):
    return left(good, leftovers=(Leftover("message", "jobs.command.0", job=JobId("ghost")),))


def i29_an_incident_says_that_no_bot_fits_and_one_does(_good, tale):
    tale.execute("slow", "post")
    choices = (ev.Choice.FAIL,)
    tale.record("slow", ev.IncidentOpened(IncidentId("i1"), ev.IncidentKind.NO_BOT, choices, "nobody", VISIT))
    armed = (
        ArmedWait(JobId("slow"), "lease:work#1", "engine-1", "fleet"),
        ArmedWait(JobId("slow"), "operator:i1", "engine-1", "operator"),
    )
    return tale.end(armed=armed, bots=BOTS)


def i29_an_engine_that_lost_its_partition_holds_its_jobs(good, _tale):
    alive = without(good, find_place(good, ln.EngineEnded))
    return left(alive, jobs=(*good.final.jobs, FinalJob(JobId("plain"), "engine-1", {})))


def i29_a_response_is_never_acknowledged(good, _tale):
    return left(good, leftovers=(Leftover("response", "response of work#1/1 by ada", job=JobId("plain")),))


def i30_an_engine_fails(_good, tale):
    tale.add(ln.EngineEnded, engine="engine-1", how="failed", detail="KeyError")
    return tale.end()


def i30_an_engine_gives_up_in_calm(_good, tale):
    told = tale.end(hours=1)
    gone = ln.EngineEnded(at_us=0, engine="engine-1", how="unavailable", detail="no broker")
    return insert(told, len(told.lines), gone)


def i30_a_partition_is_quarantined_after_one_death(_good, tale):
    tale.kill_engine()
    tale.start_engine("engine-2")
    tale.add(ln.EngineEnded, engine="engine-2", how="quarantined")
    return tale.end()


def i11_the_repeat_of_an_applied_action_is_refused(good, _tale):
    return alter(good, find_place(good, ln.CommandAnswered, key="o-op1"), status="", error="conflict")


def i31_a_drain_goes_on_for_minutes(_good, tale):
    tale.execute("slow", "post")
    tale.assign("slow", 1, "ada")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    armed = ArmedWait(JobId("slow"), "drain:work#1/1", "engine-1", "bot", "ada")
    return tale.end(hours=1, armed=(armed,), bots=BOTS)


def i32_work_of_an_engine_goes_on_after_its_job(_good, tale):
    tale.execute("slow", "note")
    about = tale.assign("slow", 1)
    work = tale.begin(about, by="engine")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.add(ln.FaultInjected, kind=ln.FaultKind.ENGINE_PAUSED, target="engine-1")
    tale.wait(60)
    tale.finish(work, output=1)
    tale.say(None, "succeeded", about, output=1)
    return tale.history(bots=BOTS)


def i35_a_bot_is_given_up_for_silence_that_was_heard(_good, tale):
    tale.execute("slow", "call")
    about = tale.assign("slow", 1)
    tale.request(about)
    work = tale.begin(about, by="worker", bot="wilma")
    for _ in range(3):
        tale.say("wilma", "heartbeat", about)
        tale.add(ln.ResponseSettled, engine="engine-1", bot="wilma", kind="heartbeat", **about)
        tale.wait(5)
    tale.record("slow", ev.AttemptLost(VISIT, 1, "heartbeat", False), ev.RetryDue(VISIT))
    tale.finish(work, output=1)
    about = tale.assign("slow", 2)
    tale.request(about)
    work = tale.begin(about, by="worker", bot="wilma")
    tale.finish(work, output=1)
    tale.say("wilma", "succeeded", about, output=1)
    tale.succeed(about, "wilma", 1)
    return tale.end(bots=BOTS)


def i33_no_hook_is_told_of_an_event(good, _tale):
    return left(good, untold=((JobId("plain"), "JobStarted"),))


def test_a_lie_is_refused_by_exactly_its_invariant(told, good, tale):
    found = check(told(good, tale))

    assert {violation.invariant.lower() for violation in found} == {told.__name__.partition("_")[0]}, (
        "\n".join(map(str, found))
    )
