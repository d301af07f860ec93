"""The checker is proved with lies: of bots, and about what they did.

Each function is one plausible failure of an engine, told in the good history or in a tale of its own, and named after the
one invariant that must refuse it.
"""

from ee_core.model import events as ev
from ee_core.model.ids import BotId, Fence, IncidentId, JobId, VisitId
from ee_core.simulation import lines as ln
from ee_core.simulation.checker import check
from ee_core.simulation.history import FinalBot
from ee_core.simulation.retelling import (
    alter,
    change,
    dropping,
    find_event,
    find_place,
    insert,
    move,
    replacing,
    rewrite,
    without,
)

VISIT = VisitId("work#1")
BOTS = tuple(FinalBot(BotId(name), True, "held", "engine-1", activities=("sap",)) for name in ("ada", "bert"))


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


def i13_two_processes_of_a_bot_work_at_once(_good, tale):
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
    return tale.end(bots=BOTS)


def i14_a_bot_works_under_a_fence_below_its_claim(_good, tale):
    tale.execute("old", "post")
    about = tale.assign("old", 1, "ada")
    tale.kill_engine()
    tale.start_engine("engine-2")
    tale.lease("ada", 200)
    tale.work(about, "ada", 1)
    tale.succeed(about, "ada", 1)
    return tale.end()


def i14_a_bot_works_under_a_fence_below_its_work(_good, tale):
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
    return tale.end(bots=BOTS)


def i15_two_assignments_have_one_fence(_good, tale):
    for job in ("one", "two"):
        tale.counts["ada"] = 0
        tale.execute(job, "post")
        about = tale.assign(job, 1, "ada")
        tale.work(about, "ada", job)
        tale.succeed(about, "ada", job)
    return tale.end(bots=BOTS)


def i15_stateful_work_is_given_to_any_worker(_good, tale):
    tale.execute("free", "post")
    about = tale.assign("free", 1)
    tale.request(about)
    work = tale.begin(about, by="worker", bot="wilma")
    tale.finish(work, output=1)
    tale.say("wilma", "succeeded", about, output=1)
    tale.succeed(about, "wilma", 1)
    return tale.end(bots=BOTS)


def i16_an_attempt_has_two_effects(good, _tale):
    place = find_place(good, ln.EffectDone)
    return insert(good, place, good.lines[place])


def i16_a_bot_does_an_attempt_again_after_its_death(good, _tale):
    started = good.lines[find_place(good, ln.ActivityStarted, job="lost")]
    again = change(started, work="again", instance="ada-2")
    ended = ln.ActivityEnded(at_us=0, work="again", how="stopped")
    return insert(good, find_place(good, ln.BotSaid, job="lost", kind="lost"), again, ended)


def i16_the_engine_does_its_own_work_twice(good, _tale):
    place = find_place(good, ln.ActivityStarted, job="noted")
    ended = ln.ActivityEnded(at_us=0, work="again", how="stopped")
    return insert(good, place, change(good.lines[place], work="again"), ended)


def i17_a_bot_works_without_a_record(good, _tale):
    started = good.lines[find_place(good, ln.ActivityStarted, job="last")]
    ghost = change(started, work="ghost", job=JobId("ghost"), fence=Fence(300, 9))
    return insert(good, len(good.lines), ghost, ln.ActivityEnded(at_us=0, work="ghost", how="stopped"))


def i17_a_bot_works_before_the_record(good, _tale):
    assigned = find_event(good, "last", ev.AttemptAssigned)[0]
    return move(good, find_place(good, ln.ActivityStarted, job="last"), assigned)


def i17_another_bot_does_the_work(good, _tale):
    place = find_place(good, ln.ActivityStarted, job="last")
    return alter(good, place, bot=BotId("ada"), instance="ada-2")


def i17_a_bot_works_with_a_ledger_that_was_not_asked(good, _tale):
    return alter(good, find_place(good, ln.ActivityStarted, job="last"), ledger="ledger-b")


def i17_the_next_engine_does_what_the_last_one_was_to_do(_good, tale):
    tale.execute("own", "note")
    about = tale.assign("own", 1)
    tale.kill_engine()
    tale.start_engine("engine-2")
    work = tale.begin(about, by="engine")
    tale.finish(work, output=None)
    tale.say(None, "succeeded", about)
    tale.record("own", ev.AttemptSucceeded(VISIT, 1), *tale.ending())
    return tale.end()


def i18_a_second_attempt_follows_a_loss_and_nobody_was_asked(good, _tale):
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


def i18_a_lost_attempt_of_an_engine_is_repeated_in_silence(_good, tale):
    tale.execute("own", "note")
    tale.assign("own", 1)
    tale.kill_engine()
    tale.start_engine("engine-2")
    tale.record("own", ev.AttemptLost(VISIT, 1, "crash", False), ev.RetryDue(VISIT))
    about = tale.assign("own", 2)
    work = tale.begin(about, by="engine")
    tale.finish(work, output=None)
    tale.say(None, "succeeded", about)
    tale.record("own", ev.AttemptSucceeded(VISIT, 2), *tale.ending())
    return tale.end()


def i19_a_failed_attempt_is_followed_before_its_time(good, _tale):
    return rewrite(good, "failing", dropping(ev.RetryDue))


def i19_attempts_are_more_than_the_policy_allows(good, _tale):
    name = find_event(good, "failing", ev.JobAccepted)[1].workflow
    content = good.workflows[name]
    node = change(
        content.nodes[0],
        activity=change(content.nodes[0].activity, retry=type(content.nodes[0].activity.retry)()),
    )
    return change(good, workflows={**good.workflows, name: change(content, nodes=(node, content.nodes[1]))})


def i19_an_attempt_is_left_out(_good, tale):
    tale.execute("jump", "call")
    tale.record("jump", ev.AttemptAssigned(VISIT, 2, input={}, input_hash="ab" * 32))
    tale.cancel("jump", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    return tale.end(bots=BOTS)


def i19_an_attempt_succeeds_twice(good, _tale):
    def twice(events):
        return events[:1] + events if isinstance(events[0], ev.AttemptSucceeded) else events

    return rewrite(good, "last", twice)


def i19_a_lost_attempt_is_repeated_without_end(_good, tale):
    tale.execute("again", "call")
    for attempt in range(1, 5):
        tale.assign("again", attempt)
        tale.record("again", ev.AttemptLost(VISIT, attempt, "heartbeat", False), ev.RetryDue(VISIT))
    tale.cancel("again", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    return tale.end(bots=BOTS)


def i20_a_success_has_no_word(good, _tale):
    return without(good, find_place(good, ln.BotSaid, job="last", kind="succeeded"))


def i20_a_success_has_another_output(good, _tale):
    return rewrite(good, "noted", replacing(ev.AttemptSucceeded, ev.AttemptSucceeded(VISIT, 1, "invented")))


def i20_a_success_has_no_effect_behind_it(good, _tale):
    work = good.lines[find_place(good, ln.ActivityStarted, job="noted")].work
    return without(good, find_place(good, ln.ActivityEnded, work=work))


def i20_a_failure_was_never_said(good, _tale):
    error = ev.Error("busy", "another text")
    failed = next(
        event
        for event in good.lines[find_event(good, "failing", ev.AttemptFailed)[0]].records[0].events
        if isinstance(event, ev.AttemptFailed)
    )
    return rewrite(good, "failing", replacing(ev.AttemptFailed, change(failed, error=error)))


def i20_a_late_result_was_never_said(good, _tale):
    kind = ev.LateResponse(VISIT, 1, "failed", error=ev.Error("x", "y"))
    return rewrite(good, "cancelled", replacing(ev.LateResponse, kind))


def i20_an_attempt_is_voided_by_a_bot_that_said_nothing(good, _tale):
    place = find_place(good, ln.BotSaid, job="voided", kind="stale")
    return alter(good, place, kind="idle", fence=None)


def i20_an_operator_takes_a_result_that_never_came(_good, tale):
    _lose(tale)
    tale.operate(
        "gone",
        "op1",
        "take_result",
        ev.IncidentClosed(IncidentId("i1"), "take_result"),
        ev.AttemptSucceeded(VISIT, 1, 5, by="take_result"),
        *tale.ending(),
    )
    tale.start_bot("ada", "ada-2", "ledger-a")
    tale.say("ada", "lost", tale.about("gone", _assigned(tale)))
    tale.record("gone", ev.LateResponse(VISIT, 1, "lost"))
    return tale.end(bots=BOTS)


def i21_a_drain_ends_by_time(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.request(about, "ada")
    tale.begin(about, bot="ada")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.kill_bot("ada")
    tale.wait(600)
    tale.record("slow", ev.BotDrained(VISIT, 1))
    return tale.end(bots=BOTS)


def i21_a_bot_is_quarantined_and_its_lock_does_not_know(good, _tale):
    return without(good, find_place(good, ln.LeaseWritten, state="quarantined"))


def i21_a_loss_frees_the_bot_at_once(_good, tale):
    _lose(tale, drains=False)
    tale.cancel("gone", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    return tale.end(bots=BOTS)


def i22_a_bot_is_assigned_while_it_drains(_good, tale):
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
    return tale.end(bots=BOTS)


def i22_a_bot_is_assigned_before_its_answer_is_durable(_good, tale):
    tale.execute("one", "post")
    tale.execute("two", "post")
    first = tale.assign("one", 1, "ada")
    tale.work(first, "ada", 1)
    second = tale.assign("two", 1, "ada")
    tale.succeed(first, "ada", 1)
    tale.work(second, "ada", 2)
    tale.succeed(second, "ada", 2)
    return tale.end(bots=BOTS)


def i23_an_attempt_is_voided_that_the_bot_has_begun(good, _tale):
    started = good.lines[find_place(good, ln.ActivityStarted, job="lost", attempt=2)]
    assigned = find_event(good, "voided", ev.AttemptAssigned)[1]
    begun = change(started, work="begun", job=JobId("voided"), attempt=1, fence=assigned.fence)
    killed = find_place(good, ln.FaultInjected, kind=ln.FaultKind.ENGINE_KILLED)
    return insert(good, killed, begun, ln.ActivityEnded(at_us=0, work="begun", how="stopped"))


def i23_a_bot_works_on_after_it_said_it_has_stopped(good, _tale):
    work = good.lines[find_place(good, ln.ActivityStarted, job="cancelled")].work
    ended = find_place(good, ln.ActivityEnded, work=work)
    after = find_event(good, "cancelled", ev.LateResponse)[0] + 1
    told = insert(good, after, good.lines[ended])
    return without(told, ended)


def i32_a_bot_works_on_although_it_was_told_to_stop(_good, tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.request(about, "ada")
    work = tale.begin(about, bot="ada")
    tale.cancel("slow", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.add(ln.CancelTaken, bot="ada", **about)
    tale.add(ln.FaultInjected, kind=ln.FaultKind.BOT_PAUSED, target="ada")
    tale.wait(60)
    tale.finish(work, output=1)
    tale.say("ada", "succeeded", about, output=1)
    tale.record("slow", ev.LateResponse(VISIT, 1, "succeeded", 1))
    tale.taken(about, "ada", "succeeded", "late")
    return tale.history(bots=BOTS)


def test_a_lie_is_refused_by_exactly_its_invariant(told, good, tale):
    found = check(told(good, tale))

    assert {violation.invariant.lower() for violation in found} == {told.__name__.partition("_")[0]}, (
        "\n".join(map(str, found))
    )
