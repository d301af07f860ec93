"""The checker is proved with lies: of jobs that wait for nothing, and of lines in which the wrong one is first.

Each function that begins with an invariant's number is one plausible failure of an engine, which it alone must refuse;
each that begins with `may` is a history in which waiting so long is right.
"""

import pytest

from ee_core.model import events as ev
from ee_core.model.ids import BotId, IncidentId, JobId, VisitId
from ee_core.simulation import lines as ln
from ee_core.simulation.checker import check
from ee_core.simulation.history import ArmedWait, Final, FinalBot, Running, Waited
from ee_core.simulation.retelling import change

VISIT = VisitId("work#1")
CANCELLED = ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL)
LOST_CHOICES = (ev.Choice.RETRY, ev.Choice.FAIL, ev.Choice.SKIP)
BOTS = tuple(FinalBot(BotId(name), True, "held", "engine-1", activities=("sap",)) for name in ("ada", "bert"))


def wait_long(tale, fault=ln.FaultKind.BOT_PAUSED, bots=BOTS, **final):
    """Let nothing go wrong for some minutes; return what there is then."""
    tale.add(ln.FaultInjected, kind=fault, target="ada")
    tale.wait(200)
    return Waited(len(tale.lines), tale.now_us, Final(bots=bots, **final))


def tell(tale, waited):
    return change(tale.history(bots=BOTS), waited=waited)


def cancel(tale, waited):
    """Let nobody want the job any more, now that it has waited."""
    tale.cancel("slow", CANCELLED)
    return tell(tale, waited)


def stop(tale, about, waited):
    """Likewise; its bot stops."""
    tale.cancel("slow", CANCELLED)
    end_drain(tale, about)
    return tell(tale, waited)


def end_drain(tale, about):
    tale.say("ada", "stopped", about)
    tale.record("slow", ev.LateResponse(VISIT, about["attempt"], "stopped"))
    tale.taken(about, "ada", "stopped", "late")


def i31_a_visit_waits_for_a_bot_and_one_is_idle(tale):
    tale.execute("slow", "post")
    return cancel(tale, wait_long(tale))


def i31_nobody_is_told_that_no_bot_fits(tale):
    tale.execute("slow", "post")
    return cancel(tale, wait_long(tale, bots=tuple(change(bot, alive=False) for bot in BOTS)))


def i31_an_attempt_waits_and_nobody_works_on_it(tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.request(about, "ada")
    return stop(tale, about, wait_long(tale))


def i31_a_worker_is_awaited_and_the_request_is_not_repeated(tale):
    tale.execute("slow", "call")
    tale.request(tale.assign("slow", 1))
    return cancel(tale, wait_long(tale))


def i31_a_retry_is_overdue(tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.request(about, "ada")
    work = tale.begin(about, bot="ada")
    error = ev.Error("busy", "busy")
    tale.finish(work, "failed", error=error)
    tale.say("ada", "failed", about, error=error)
    tale.record("slow", ev.AttemptFailed(VISIT, 1, error, tale.now_us + 1_000_000))
    tale.taken(about, "ada", "failed", "recorded")
    return cancel(tale, wait_long(tale))


def i31_a_drain_goes_on_and_its_bot_lives(tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.cancel("slow", CANCELLED)
    waited = wait_long(tale)
    end_drain(tale, about)
    return tell(tale, waited)


def lose(tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.say("ada", "lost", about)
    opened = ev.IncidentOpened(
        IncidentId("i1"), ev.IncidentKind.LOST, LOST_CHOICES, "what became of it?", VISIT
    )
    tale.record("slow", ev.AttemptLost(VISIT, 1, "lost", False), opened)
    tale.taken(about, "ada", "lost", "recorded")


def i31_a_person_answers_and_nothing_comes_of_it(tale):
    lose(tale)
    return cancel(tale, wait_long(tale))


def hold(tale, job):
    """Let a job be accepted and held."""
    tale.execute(job, "post")
    held = tale.lines.pop(-4)
    shown = tale.lines[-3:]
    record = held.records[0]
    tale.lines[-3:] = [change(held, records=(change(record, events=record.events[:1]),)), *shown]


def i31_a_job_is_held_and_no_other_is_open(tale):
    hold(tale, "slow")
    return cancel(tale, wait_long(tale))


def may_wait_for_bots_that_are_at_work(tale):
    tale.execute("slow", "post")
    running = Running(job=JobId("other"), visit=VISIT, attempt=1)
    return cancel(tale, wait_long(tale, bots=tuple(change(bot, running=running) for bot in BOTS)))


def may_wait_for_work_that_goes_on(tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.request(about, "ada")
    work = tale.begin(about, bot="ada")
    waited = wait_long(tale)
    tale.cancel("slow", CANCELLED)
    tale.finish(work, "stopped")
    end_drain(tale, about)
    return tell(tale, waited)


def may_wait_for_a_worker_that_is_asked_again_and_again(tale):
    tale.execute("slow", "call")
    tale.request(tale.assign("slow", 1))
    late_us = tale.now_us + 3_600_000_000
    armed = ArmedWait(JobId("slow"), "response:work#1/1", "engine-1", "worker", due_us=late_us)
    return cancel(tale, wait_long(tale, armed=(armed,)))


def may_wait_when_somebody_knows_that_no_bot_fits(tale):
    tale.execute("slow", "post")
    opened = ev.IncidentOpened(IncidentId("i1"), ev.IncidentKind.NO_BOT, (ev.Choice.FAIL,), "nobody", VISIT)
    tale.record("slow", opened)
    return cancel(tale, wait_long(tale, bots=tuple(change(bot, alive=False) for bot in BOTS)))


def may_drain_when_the_bot_is_dead(tale):
    tale.execute("slow", "post")
    about = tale.assign("slow", 1, "ada")
    tale.cancel("slow", CANCELLED)
    waited = wait_long(tale, bots=tuple(change(bot, alive=False) for bot in BOTS))
    end_drain(tale, about)
    return tell(tale, waited)


def line_up(tale):
    """Let two jobs wait for a bot that works for a third, and the work end; `first` has waited longer."""
    tale = type(tale)()
    tale.start_engine("engine-1")
    tale.start_bot("ada", "ada-1", "ledger-a")
    tale.lease("ada", 100)
    tale.add(ln.FaultInjected, kind=ln.FaultKind.CLOCK_JUMPED)
    tale.execute("now", "post")
    about = tale.assign("now", 1, "ada")
    for job in ("first", "second"):
        tale.execute(job, "post")
        tale.wait(5)
    tale.work(about, "ada", 1)
    tale.succeed(about, "ada", 1)
    return tale


def serve(tale, *jobs):
    for job in jobs:
        about = tale.assign(job, 1, "ada")
        tale.work(about, "ada", 1)
        tale.succeed(about, "ada", 1)
    return tale.history(bots=BOTS[:1])


def i34_who_came_later_is_served_first(tale):
    return serve(line_up(tale), "second", "first")


def may_be_served_in_the_order_of_the_line(tale):
    return serve(line_up(tale), "first", "second")


def test_a_lie_is_refused_by_exactly_its_invariant(told, tale):
    found = check(told(tale))

    assert {violation.invariant.lower() for violation in found} == {told.__name__.partition("_")[0]}, (
        "\n".join(map(str, found))
    )


@pytest.mark.parametrize("story", [story for name, story in [*globals().items()] if name.startswith("may_")])
def test_what_may_be_is_let_pass(story, tale):
    assert check(story(tale)) == []
