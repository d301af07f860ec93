"""A builder of histories by hand, and the long good one that lies are told about.

Nothing of the engine runs here: each line is written as the rules want it, so that the checker is proved against the
rules and not against what the engine happens to do.
"""

import re

import pytest

from ee_core.model import events as ev
from ee_core.model.compiled import compile_workflow
from ee_core.model.evolve import apply
from ee_core.model.ids import BotId, Fence, JobId, NodeId, VisitId
from ee_core.model.job import Job
from ee_core.model.workflow import (
    Activity,
    Node,
    NodeKind,
    Pointer,
    Retry,
    Workflow,
    content_hash,
    to_content,
)
from ee_core.simulation import lines as ln
from ee_core.simulation.env import START_US
from ee_core.simulation.history import ArmedWait, Final, FinalBot, FinalJob, History
from ee_core.simulation.snapshot import to_snapshot

SECOND = 1_000_000
DONE = Node(id=NodeId("done"), kind=NodeKind.END)


def workflow(name, activity):
    """Return a workflow of one activity, `work`, and its end."""
    node = Node(id=NodeId("work"), kind=NodeKind.ACTIVITY, pointers=(Pointer(to=DONE.id),), activity=activity)
    return Workflow(name=name, start=node.id, nodes=(node, DONE))


WORKFLOWS = {
    "post": workflow("post", Activity(type="sap", retry=Retry(attempts=2))),
    "call": workflow("call", Activity(type="http", stateless=True, idempotent=True)),
    "note": workflow("note", Activity(type="log", stateless=True)),
}
HASHES = {name: content_hash(to_content(one)) for name, one in WORKFLOWS.items()}
VISIT, END = VisitId("work#1"), VisitId("done#1")
INPUT_HASH = "ab" * 32


class Tale:
    """Writes a history line by line; each line is a millisecond after the one before."""

    def __init__(self):
        self.lines = []
        self.now_us = START_US
        self.engine = ""
        self.epoch = 0
        self.position = 0
        self.indices = {}
        self.ledgers = {}
        self.instances = {}
        self.leases = {}
        self.counts = {}
        self.names = {}
        self.works = 0

    def add(self, line, **fields):
        self.now_us += 1000
        self.lines.append(line(at_us=self.now_us, **fields))
        return self.lines[-1]

    def wait(self, seconds):
        self.now_us += seconds * SECOND

    # -- engines and bots

    def start_engine(self, name):
        self.engine, self.epoch = name, self.epoch + 1
        self.add(ln.EngineStarted, engine=name)
        self.add(ln.PartitionOpened, engine=name, partition=0, epoch=self.epoch, position=self.position)

    def kill_engine(self):
        self.add(ln.FaultInjected, kind=ln.FaultKind.ENGINE_KILLED, target=self.engine)
        self.add(ln.EngineEnded, engine=self.engine, how="killed")

    def start_bot(self, bot, instance, ledger="", worker=False):
        self.ledgers[bot], self.instances[bot] = ledger, instance
        self.add(ln.BotStarted, bot=bot, instance=instance, ledger=ledger, worker=worker)

    def kill_bot(self, bot):
        self.add(ln.FaultInjected, kind=ln.FaultKind.BOT_KILLED, target=bot)
        self.add(ln.BotEnded, bot=bot, instance=self.instances[bot], how="killed")

    def lease(self, bot, number):
        """Let the engine take a bot, and the bot answer the claim."""
        self.leases[bot], self.counts[bot] = number, 0
        self.lock(bot, "unknown")
        self.say(bot, "idle", highest=Fence(number, 0), lease=number)
        self.lock(bot, "held")

    def lock(self, bot, state, **fields):
        number = self.leases[bot]
        self.add(
            ln.LeaseWritten,
            engine=self.engine,
            bot=bot,
            lease=number,
            state=state,
            holder=self.engine,
            **fields,
        )

    # -- the journal

    def commit(self, *records):
        self.position += 1
        return self.add(
            ln.Committed,
            engine=self.engine,
            partition=0,
            position=self.position,
            epoch=self.epoch,
            records=records,
        )

    def record(self, job, *events):
        """Store one record of a job."""
        index = self.indices.get(job, 0)
        self.indices[job] = index + 1
        return self.commit(ev.Record(JobId(job), index, self.now_us, events))

    # -- commands

    def execute(self, job, name, *, named=True):
        self.names[job] = name
        self.add(ln.CommandSent, key=f"k-{job}", kind="execute", job=job if named else None, content=name)
        self.record(
            job,
            ev.JobAccepted(workflow=HASHES[name], name=name, digest=f"d-{name}"),
            ev.JobStarted(),
            ev.VisitCreated(VISIT),
        )
        self.add(ln.EventShown, engine=self.engine, job=job, record=0, name="JobAccepted")
        self.add(ln.CommandSettled, engine=self.engine, job=job, kind="execute")
        self.add(ln.CommandAnswered, key=f"k-{job}", job=job, status="accepted")

    def cancel(self, job, *events, status="cancelled"):
        self.add(ln.CommandSent, key=f"c-{job}", kind="cancel", job=job)
        self.record(job, *events)
        self.add(ln.CommandSettled, engine=self.engine, job=job, kind="cancel")
        self.add(ln.CommandAnswered, key=f"c-{job}", job=job, status=status)

    def operate(self, job, action, choice, *events):
        self.add(ln.CommandSent, key=f"o-{action}", kind="operate", job=job, action=action)
        self.record(job, ev.OperatorActed(action, choice, who="ada"), *events)
        self.add(ln.CommandSettled, engine=self.engine, job=job, kind="operate", action=action)
        self.add(ln.CommandAnswered, key=f"o-{action}", job=job, status="applied")

    # -- attempts

    def assign(self, job, attempt, bot=None):
        fence = ledger = None
        if bot is not None:
            self.counts[bot] += 1
            fence, ledger = Fence(self.leases[bot], self.counts[bot]), self.ledgers[bot]
        first = {"input": {"n": 1}, "input_hash": INPUT_HASH} if attempt == 1 else {}
        assigned = ev.AttemptAssigned(VISIT, attempt, bot and BotId(bot), ledger, fence, **first)
        self.record(job, assigned)
        return self.about(job, assigned)

    def about(self, job, assigned):
        return {"job": job, "visit": VISIT, "attempt": assigned.attempt, "fence": assigned.fence}

    def request(self, about, bot=None):
        ledger = self.ledgers[bot] if bot else None
        self.add(ln.RequestSent, engine=self.engine, bot=bot, ledger=ledger, input_hash=INPUT_HASH, **about)

    def begin(self, about, by="bot", bot=None, **fields):
        self.works += 1
        name = f"w{self.works}"
        fence = about["fence"]
        self.add(
            ln.ActivityStarted,
            work=name,
            by=by,
            bot=bot,
            instance=self.engine if by == "engine" else self.instances[bot],
            ledger=self.ledgers[bot] if fence else None,
            activity="sap",
            idempotent=by == "worker",
            **about,
        )
        return name

    def say(self, bot, kind, about=None, **fields):
        about = about or {}
        if bot and about.get("fence"):
            fields.setdefault("highest", about["fence"])
        instance = self.instances[bot] if bot else self.engine
        self.add(
            ln.BotSaid,
            bot=bot,
            instance=instance,
            kind=kind,
            ledger=self.ledgers.get(bot, ""),
            **about,
            **fields,
        )

    def taken(self, about, bot, kind, verdict):
        self.add(ln.ResponseSettled, engine=self.engine, bot=bot, kind=kind, **about)
        self.add(ln.ResponseAcked, engine=self.engine, bot=bot, verdict=verdict, **about)

    def finish(self, work, how="succeeded", **fields):
        self.add(ln.ActivityEnded, work=work, how=how, **fields)

    def work(self, about, bot, output):
        """Let a bot do an attempt from the request to its word."""
        self.request(about, bot)
        work = self.begin(about, bot=bot)
        self.say(bot, "accepted", about)
        self.add(ln.EffectDone, work=work, name="posted")
        self.finish(work, output=output)
        self.say(bot, "succeeded", about, output=output)

    def succeed(self, about, bot, output):
        self.record(about["job"], ev.AttemptSucceeded(VISIT, about["attempt"], output), *ending())
        self.taken(about, bot, "succeeded", "recorded")

    # -- the end

    def history(self, **final):
        return History(
            seed=7,
            scenario="written by hand",
            lines=tuple(self.lines),
            workflows={HASHES[name]: one for name, one in WORKFLOWS.items()},
            faults_stopped_us=max(line.at_us for line in self.lines if isinstance(line, ln.FaultInjected)),
            ended_us=self.now_us + SECOND,
            final=Final(**final),
        )

    def end(self, *, hours=0, **final):
        """Return the history: a last fault has been, and some hours have passed."""
        self.add(ln.FaultInjected, kind=ln.FaultKind.CLOCK_JUMPED)
        self.wait(hours * 3600)
        return self.history(**final)

    @staticmethod
    def ending():
        """Return the events that lead from the activity's end through `done` to the end of the job."""
        return ending()

    def replayed(self, job):
        """Return a job as its records give it."""
        name = self.names[job]
        found = Job.blank(JobId(job), compile_workflow(WORKFLOWS[name], HASHES[name], lambda source: None))
        for line in self.lines:
            for record in getattr(line, "records", ()):
                if record.job == job:
                    apply(found, record)
        return found


def ending():
    """Return the events that lead from the activity's end through `done` to the end of the job."""
    return (
        ev.VisitRouted(VISIT, (0,)),
        ev.VisitCreated(END, VISIT, 0),
        ev.VisitVanished(END),
        ev.JobFinished(ev.Outcome.SUCCEEDED, ev.EndedBy.END),
    )


def plain(tale, job="plain", bot="ada"):
    """A bot does what it is asked."""
    tale.execute(job, "post")
    about = tale.assign(job, 1, bot)
    tale.work(about, bot, {"posted": job})
    tale.succeed(about, bot, {"posted": job})


def failing(tale):
    """It fails, and is tried again."""
    tale.execute("failing", "post", named=False)
    about = tale.assign("failing", 1, "ada")
    tale.request(about, "ada")
    work = tale.begin(about, bot="ada")
    error = ev.Error("busy", "the other side is busy")
    tale.finish(work, "failed", error=error)
    tale.say("ada", "failed", about, error=error)
    tale.record("failing", ev.AttemptFailed(VISIT, 1, error, tale.now_us + SECOND))
    tale.taken(about, "ada", "failed", "recorded")
    tale.wait(1)
    tale.record("failing", ev.RetryDue(VISIT))
    about = tale.assign("failing", 2, "ada")
    tale.work(about, "ada", 2)
    tale.succeed(about, "ada", 2)


def lost(tale):
    """The bot dies with the work; a person decides; the bot comes back and proves that it is idle."""
    tale.execute("lost", "post")
    about = tale.assign("lost", 1, "ada")
    tale.request(about, "ada")
    work = tale.begin(about, bot="ada")
    tale.add(ln.EffectDone, work=work, name="posted")
    tale.kill_bot("ada")
    choices = (ev.Choice.RETRY, ev.Choice.FAIL, ev.Choice.SKIP)
    tale.record(
        "lost",
        ev.AttemptLost(VISIT, 1, "bot_dead", True),
        ev.IncidentOpened(ev.IncidentId("i1"), ev.IncidentKind.LOST, choices, "what became of it?", VISIT),
    )
    tale.start_bot("ada", "ada-2", "ledger-a")
    tale.say("ada", "lost", about)
    tale.record("lost", ev.LateResponse(VISIT, 1, "lost"))
    tale.taken(about, "ada", "lost", "late")
    tale.operate("lost", "op1", "retry", ev.IncidentClosed(ev.IncidentId("i1"), "retry"), ev.RetryDue(VISIT))
    about = tale.assign("lost", 2, "ada")
    tale.work(about, "ada", "second")
    tale.succeed(about, "ada", "second")


def cancelled(tale):
    """A client cancels while the bot works; the bot stops."""
    tale.execute("cancelled", "post")
    about = tale.assign("cancelled", 1, "ada")
    tale.request(about, "ada")
    work = tale.begin(about, bot="ada")
    tale.cancel("cancelled", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.add(ln.CancelTaken, bot="ada", **about)
    tale.finish(work, "stopped")
    tale.say("ada", "stopped", about)
    tale.record("cancelled", ev.LateResponse(VISIT, 1, "stopped"))
    tale.taken(about, "ada", "stopped", "late")


def called(tale):
    """Any worker may do it; one is lost, and another does it again."""
    tale.execute("called", "call")
    about = tale.assign("called", 1)
    tale.request(about)
    work = tale.begin(about, by="worker", bot="wilma")
    tale.add(ln.EffectDone, work=work, name="called")
    tale.kill_bot("wilma")
    tale.record("called", ev.AttemptLost(VISIT, 1, "heartbeat", False), ev.RetryDue(VISIT))
    tale.start_bot("wilma", "wilma-2", worker=True)
    about = tale.assign("called", 2)
    tale.request(about)
    first = tale.begin(about, by="worker", bot="wilma")
    second = tale.begin(about, by="worker", bot="wilma")
    tale.add(ln.EffectDone, work=first, name="called")
    tale.add(ln.EffectDone, work=second, name="called")
    tale.finish(first, output=200)
    tale.finish(second, output=200)
    tale.say("wilma", "succeeded", about, output=200)
    tale.succeed(about, "wilma", 200)


def noted(tale):
    """The engine's own process does it."""
    tale.execute("noted", "note")
    about = tale.assign("noted", 1)
    work = tale.begin(about, by="engine")
    tale.add(ln.EffectDone, work=work, name="noted")
    tale.finish(work, output=None)
    tale.say(None, "succeeded", about)
    tale.record("noted", ev.AttemptSucceeded(VISIT, 1), *ending())


def voided(tale):
    """The engine dies between record and request; the next one takes the bot, which refuses the old fence."""
    tale.execute("voided", "post")
    about = tale.assign("voided", 1, "ada")
    tale.kill_engine()
    tale.start_engine("engine-2")
    tale.lease("ada", 200)
    tale.request(about, "ada")
    tale.say("ada", "stale", about, highest=Fence(200, 0))
    tale.record("voided", ev.AssignmentVoided(VISIT, 1))
    tale.taken(about, "ada", "stale", "recorded")
    about = tale.assign("voided", 2, "ada")
    tale.work(about, "ada", True)
    tale.succeed(about, "ada", True)


def drained(tale):
    """A bot dies with a cancelled job's work, comes back and proves idle by its claim."""
    tale.execute("drained", "post")
    about = tale.assign("drained", 1, "bert")
    tale.request(about, "bert")
    tale.begin(about, bot="bert")
    tale.cancel("drained", ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL))
    tale.kill_bot("bert")
    tale.start_bot("bert", "bert-2", "ledger-b2")
    tale.lease("bert", 300)
    tale.record("drained", ev.BotDrained(VISIT, 1))
    tale.cancel("never", ev.TombstoneLaid(), status="unknown")


def quarantined(tale):
    """A bot has no word; it is quarantined, and its late result is kept and waits for a person."""
    tale.execute("quarantined", "post")
    about = tale.assign("quarantined", 1, "cleo")
    tale.request(about, "cleo")
    work = tale.begin(about, bot="cleo")
    choices = (ev.Choice.RETRY, ev.Choice.FAIL, ev.Choice.SKIP)
    tale.record(
        "quarantined",
        ev.AttemptLost(VISIT, 1, "heartbeat", True),
        ev.IncidentOpened(ev.IncidentId("i1"), ev.IncidentKind.LOST, choices, "what became of it?", VISIT),
    )
    tale.lock("cleo", "quarantined", reason="no word")
    tale.record("quarantined", ev.BotQuarantined(VISIT, 1, BotId("cleo"), "no word"))
    tale.finish(work, output=9)
    tale.say("cleo", "succeeded", about, output=9)
    tale.record("quarantined", ev.LateResponse(VISIT, 1, "succeeded", 9))
    tale.taken(about, "cleo", "succeeded", "late")


def write_tale():
    """Write the long one: each way an attempt can go, two engines, a bot that is quarantined, a job that waits for a person."""
    tale = Tale()
    tale.start_engine("engine-1")
    tale.start_bot("ada", "ada-1", "ledger-a")
    tale.start_bot("bert", "bert-1", "ledger-b")
    tale.start_bot("cleo", "cleo-1", "ledger-c")
    tale.start_bot("wilma", "wilma-1", worker=True)
    tale.lease("ada", 100)
    for chapter in (plain, failing, lost, cancelled, called, noted, voided):
        chapter(tale)
    tale.lease("bert", 201)
    tale.lease("cleo", 202)
    drained(tale)
    quarantined(tale)
    plain(tale, "last", "bert")
    return tale


def end_tale(tale):
    """Return the history: what lives at the end, and the one job that is still open."""
    return tale.history(
        jobs=(FinalJob(JobId("quarantined"), "engine-2", to_snapshot(tale.replayed("quarantined"))),),
        armed=(ArmedWait(JobId("quarantined"), "operator:i1", "engine-2", "operator"),),
        bots=(
            FinalBot(BotId("ada"), True, "held", "engine-2", activities=("sap",)),
            FinalBot(BotId("bert"), True, "held", "engine-2", activities=("sap",)),
            FinalBot(BotId("cleo"), True, "quarantined", "engine-2", activities=("sap",)),
            FinalBot(BotId("wilma"), True, activities=("http",), worker=True),
        ),
    )


@pytest.fixture(scope="session")
def good():
    """A history in which all is well."""
    return end_tale(write_tale())


@pytest.fixture
def tale():
    """A tale with an engine, two bots that are leased and a worker, to go on from."""
    begun = Tale()
    begun.start_engine("engine-1")
    begun.start_bot("ada", "ada-1", "ledger-a")
    begun.start_bot("bert", "bert-1", "ledger-b")
    begun.start_bot("wilma", "wilma-1", worker=True)
    begun.lease("ada", 100)
    begun.lease("bert", 101)
    return begun


def pytest_generate_tests(metafunc):
    """Give a test that wants one every lie of its module: the functions whose names begin with an invariant's id."""
    if "told" in metafunc.fixturenames:
        lies = {name: tell for name, tell in vars(metafunc.module).items() if re.match(r"i\d+_", name)}
        metafunc.parametrize("told", lies.values(), ids=lies)
