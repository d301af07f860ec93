"""A job told any fact at any time: what must hold whatever happens.

* A fact that changes nothing leaves the job equal; so does deciding.
* The records replayed make the same job, and its waits equal the oracle's, at every prefix.
* A finished job records nothing but late responses, drains and quarantines.
* A job that is Processing waits for an outside fact, or a person can move it; nothing hangs.
* No attempt is made twice, no bot has two open attempts by one assignment, a final visit stays final.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ee_core.errors import ExpressionError
from ee_core.model import events, facts
from ee_core.model.compiled import CompiledWorkflow, compile_workflow
from ee_core.model.decide import Ignored, decide
from ee_core.model.events import Choice, Error, Record
from ee_core.model.evolve import apply
from ee_core.model.facts import ResponseKind
from ee_core.model.ids import Fence, WorkflowHash
from ee_core.model.job import Job, JobStatus
from ee_core.model.oracle import recompute_waits
from ee_core.model.record import decode_record, encode_record
from ee_core.model.waits import DrainWait, LeaseWait, OperatorWait, ResponseWait, TimerWait
from ee_core.model.workflow import Workflow, content_hash, to_content

AFTER_THE_END = events.LateResponse | events.BotDrained | events.BotQuarantined
ANY = {"stateless": True, "idempotent": True}
LOCAL = {"stateless": True}


class Words:
    """``yes``, ``no``, ``bad`` (an error), or a name that is read."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.references = () if source in {"yes", "no", "bad"} else (source,)

    def evaluate(self, scope: Any) -> Any:
        if self.source == "bad":
            raise ExpressionError("it is bad", source="bad")
        if not self.references:
            return self.source == "yes"
        try:
            return scope[self.source]
        except KeyError as error:
            raise ExpressionError(f"no {error}", source=self.source) from error


def shape(nodes: dict[str, tuple[str, str, dict[str, Any]]], **members: Any) -> CompiledWorkflow:
    """Compile a workflow: node -> kind, pointers (``target`` or ``target?condition``), members."""

    def pointer(text: str) -> dict[str, Any]:
        to, _, when = text.partition("?")
        return {"to": to, "otherwise": True} if when == "otherwise" else {"to": to, "when": when}

    content: dict[str, Any] = {"name": "shape", "start": next(iter(nodes)), "nodes": [], **members}
    for name, (kind, to, more) in nodes.items():
        node = {"id": name, "kind": kind, "pointers": [pointer(text) for text in to.split()]}
        of_node = {key: more[key] for key in more if kind != "activity" or key == "on_error"}
        if kind == "activity":
            node["activity"] = {"type": "work"} | {key: more[key] for key in more if key not in of_node}
        content["nodes"].append(node | of_node)
    workflow = msgspec.convert(content, Workflow)
    return compile_workflow(workflow, content_hash(to_content(workflow)), Words)


RETRY = {"retry": {"attempts": 2}}
SHAPES = {
    "line": shape({"a": ("activity", "b", RETRY), "b": ("activity", "end", LOCAL), "end": ("end", "", {})}),
    "fan": shape(
        {
            "p": ("parallel", "a b c", {}),
            "a": ("activity", "j", ANY | RETRY),
            "b": ("activity", "j", {"on_error": "j", "on_lost": "ask"}),
            "c": ("activity", "j", {"fail_job": False, "idempotent": True, "on_lost": "ask"}),
            "j": ("join", "d", {}),
            "d": ("activity", "", {"bot": {"same_as": "b"}, "timeouts": {"bot_ms": 5}}),
        },
        on_failure="finish",
    ),
    "first of three": shape(
        {
            "p": ("parallel", "a b c e", {}),
            "a": ("activity", "near", {}),
            "b": ("activity", "near", {}),
            "near": ("join", "far", {"join": "all"}),
            "c": ("activity", "far", {"on_lost": "retry", "lost_attempts": 2}),
            "e": ("activity", "end", {"timeouts": {"bot_ms": 5}}),
            "far": ("join", "d", {"join": 1}),
            "d": ("activity", "", {}),
            "end": ("end", "", {"outcome": "failed"}),
        }
    ),
    "stuck": shape(
        {
            "p": ("parallel", "i x", {}),
            "i": ("inclusive", "a b?no c?nodes.x.visits", {}),
            "a": ("activity", "j", {"stateless": True, "fail_job": False}),
            "b": ("activity", "j", {}),
            "c": ("activity", "k", {}),
            "x": ("activity", "k j", ANY),
            "j": ("join", "k", {"join": "all"}),
            "k": ("join", "end", {"join": "all"}),
            "end": ("end", "", {}),
        },
        on_failure="finish",
    ),
    "loop": shape(
        {
            "p": ("parallel", "a", {}),
            "a": ("activity", "x y", ANY | {"input": "${ nodes.a.output }"}),
            "x": ("exclusive", "p?yes", {}),
            "y": ("exclusive", "z?no", {}),
            "z": ("activity", "y", {"type": ""}),
        }
    ),
    "unbound": shape({"z": ("activity", "w?bad", {"type": "", "fail_job": False}), "w": ("end", "", {})}),
    "endless": shape(
        {"a": ("activity", "p b", LOCAL), "p": ("parallel", "p", {}), "b": ("activity", "", {})}
    ),
}

visits = st.sampled_from(["a#1", "b#1", "c#1", "d#1", "e#1", "x#1", "a#2", "z#1", "k#1"])
numbers = st.integers(0, 3)


def blind_facts() -> st.SearchStrategy[Any]:
    """Facts that know nothing of the job."""
    at = st.just(0)
    fences = st.none() | st.builds(Fence, st.just(1), numbers)
    seen = [facts.BotMissing, facts.BotMissing, facts.PluginMissing]
    return st.one_of(
        *(st.builds(kind, at_us=at, visit=visits, text=st.just("nobody is there")) for kind in seen),
        *(st.builds(kind, at_us=at, visit=visits) for kind in (facts.BotFound, facts.PluginFound)),
        st.builds(
            facts.IdleProved, at_us=at, bot=st.just("bot"), visit=visits, attempt=numbers, fence=fences
        ),
        st.builds(
            facts.AttemptSilent,
            at_us=at,
            visit=visits,
            attempt=numbers,
            why=st.just("run"),
            asked=st.booleans(),
        ),
        st.builds(facts.DrainTimedOut, at_us=at, visit=visits, attempt=numbers),
        st.builds(facts.TimerDue, at_us=at, wait=visits.map(lambda visit: f"lease:{visit}")),
        st.builds(facts.JobAdmitted, at_us=at),
        st.builds(facts.CancelCommanded, at_us=at),
        st.builds(
            facts.BotGranted,
            at_us=at,
            visit=visits,
            bot=st.just("bot"),
            ledger=st.just("l"),
            fence=st.builds(Fence, st.just(0), numbers),
        ),
        st.builds(
            facts.ResponseReceived,
            at_us=at,
            visit=visits,
            attempt=numbers,
            bot=st.sampled_from([None, "bot"]),
            fence=fences,
            kind=st.sampled_from(ResponseKind),
        ),
    )


class JobMachine(RuleBasedStateMachine):
    """Tells facts: aimed ones, that some wait asks for, and blind ones."""

    @initialize(
        name=st.sampled_from(sorted(SHAPES)), begin=st.sampled_from(["execute"] * 6 + ["hold", "none"])
    )
    def begin(self, name: str, begin: str) -> None:
        self.workflow = SHAPES[name]
        self.job = Job.blank("job", self.workflow)
        self.shadow = Job.blank("job", self.workflow)
        self.now_us = 0
        self.fences = 0
        self.actions = 0
        self.finals: set[str] = set()
        if begin != "none":
            self.execute(hold=begin == "hold")

    def tell(self, fact: Any) -> Any:
        was_finished = self.job.is_finished
        before = self.job.fork()
        decided = decide(self.job, fact)
        assert self.job == before
        if isinstance(decided, Ignored):
            return decided
        assert decided
        record = Record("job", self.job.next_index, fact.at_us, decided)
        delta = apply(self.job, record)
        apply(self.shadow, decode_record(encode_record(record)))
        assert self.shadow == self.job
        self.check_delta(before, delta)
        if was_finished:
            assert all(isinstance(event, AFTER_THE_END) for event in decided)
        return decided

    def check_delta(self, before: Job, delta: Any) -> None:
        waits = dict(before.waits)
        for key in delta.dropped:
            del waits[key]
        for wait in delta.added:
            assert waits.get(wait.key) != wait
            waits[wait.key] = wait
        assert waits == self.job.waits

    def at(self) -> int:
        self.now_us += 1000
        return self.now_us

    def fence(self) -> Fence:
        self.fences += 1
        return Fence(1, self.fences)

    # -- facts that a wait asks for --------------------------------------------------------------------------

    def pick(self, data: st.DataObject, kind: Any) -> Any:
        """Draw a wait of a kind; None if there is none."""
        waits = [key for key, wait in sorted(self.job.waits.items()) if isinstance(wait, kind)]
        return self.job.waits[data.draw(st.sampled_from(waits))] if waits else None

    @rule(data=st.data())
    def grant(self, data: st.DataObject) -> None:
        wait = self.pick(data, LeaseWait)
        if wait is not None:
            bot = f"bot-{wait.node}"
            self.tell(
                facts.BotGranted(at_us=self.at(), visit=wait.visit, bot=bot, ledger="l", fence=self.fence())
            )

    @rule(
        data=st.data(),
        kind=st.sampled_from([ResponseKind.SUCCEEDED, ResponseKind.FAILED]),
        output=st.sampled_from([None, {"k": 1}, True]),
    )
    def finish(self, data: st.DataObject, kind: ResponseKind, output: Any) -> None:
        wait = self.pick(data, ResponseWait)
        if wait is not None:
            bot = wait.bot if wait.bot or wait.local else "worker"
            self.respond(wait.visit, wait.attempt, bot, wait.fence, kind, output)

    @rule(data=st.data(), output=st.sampled_from([None, 1, True]))
    def answer_an_incident(self, data: st.DataObject, output: Any) -> None:
        wait = self.pick(data, OperatorWait)
        if wait is not None:
            choices = sorted(self.job.incidents[wait.incident].choices)
            self.answer(wait.incident, data.draw(st.sampled_from(choices)), output)

    @rule(data=st.data())
    def ring(self, data: st.DataObject) -> None:
        wait = self.pick(data, TimerWait)
        if wait is not None:
            self.tell(facts.TimerDue(at_us=self.at(), wait=wait.key))

    @rule(chance=st.randoms(use_true_random=False), steps=st.integers(1, 12))
    def go_on(self, chance: random.Random, steps: int) -> None:
        """Take some steps forward, as a job does most of the time."""
        for _ in range(steps):
            waits = [key for key in sorted(self.job.waits) if not key.startswith("drain:")]
            if not waits:
                return
            self.satisfy(self.job.waits[chance.choice(waits)], chance)
            self.check_state()

    def satisfy(self, wait: Any, chance: random.Random) -> None:
        if isinstance(wait, LeaseWait):
            bot = f"bot-{wait.node}"
            self.tell(
                facts.BotGranted(at_us=self.at(), visit=wait.visit, bot=bot, ledger="l", fence=self.fence())
            )
        elif isinstance(wait, ResponseWait):
            bot = wait.bot if wait.bot or wait.local else "worker"
            kind = chance.choice([ResponseKind.SUCCEEDED] * 4 + [ResponseKind.FAILED, ResponseKind.STALE])
            self.respond(wait.visit, wait.attempt, bot, wait.fence, kind, chance.choice([None, {"k": 1}]))
        elif isinstance(wait, OperatorWait):
            choices = sorted(self.job.incidents[wait.incident].choices)
            usual = [choice for choice in choices if choice is not Choice.FAIL]
            self.answer(wait.incident, chance.choice(usual * 3 + choices), chance.choice([None, True]))
        elif isinstance(wait, TimerWait):
            self.tell(facts.TimerDue(at_us=self.at(), wait=wait.key))
        else:
            self.tell(facts.JobAdmitted(at_us=self.at()))

    @rule(data=st.data(), kind=st.sampled_from(ResponseKind))
    def say_anything_of_an_attempt(self, data: st.DataObject, kind: ResponseKind) -> None:
        attempts = [(visit.id, each) for visit in self.job.visits.values() for each in visit.attempts]
        if attempts:
            visit, attempt = data.draw(st.sampled_from(attempts))
            self.respond(visit, attempt.number, attempt.bot, attempt.fence, kind, "late")

    @rule(data=st.data(), why=st.sampled_from(["accept", "bot_dead"]), asked=st.booleans())
    def lose(self, data: st.DataObject, why: str, *, asked: bool) -> None:
        wait = self.pick(data, ResponseWait)
        if wait is not None:
            self.tell(
                facts.AttemptSilent(
                    at_us=self.at(), visit=wait.visit, attempt=wait.attempt, why=why, asked=asked
                )
            )

    @rule(data=st.data())
    def quarantine(self, data: st.DataObject) -> None:
        wait = self.pick(data, DrainWait)
        if wait is not None:
            (event,) = self.tell(
                facts.DrainTimedOut(at_us=self.at(), visit=wait.visit, attempt=wait.attempt, reason="slow")
            )
            assert (event.bot, event.reason) == (wait.bot, "slow")

    def lose_one(self, visit: Any, attempt: Any, chance: random.Random) -> None:
        kind = chance.choice(
            [
                facts.BotMissing,
                facts.PluginMissing,
                facts.IdleProved,
                facts.AttemptSilent,
                facts.DrainTimedOut,
            ]
        )
        more: dict[str, Any] = {"text": "nobody is there"}
        if kind is facts.AttemptSilent:
            more = {"attempt": attempt.number, "why": "run", "asked": chance.random() < 0.5}
        elif kind is facts.DrainTimedOut:
            more = {"attempt": attempt.number}
        elif kind is facts.IdleProved:
            more = {"attempt": attempt.number, "bot": attempt.bot, "fence": attempt.fence}
        self.tell(kind(at_us=self.at(), visit=visit, **more))

    # -- any fact at any time ------------------------------------------------------------------------------------

    @rule(fact=blind_facts())
    def tell_blindly(self, fact: Any) -> None:
        self.tell(replace(fact, at_us=self.at()))

    @rule(number=numbers, choice=st.sampled_from(Choice), output=st.sampled_from([None, 1]))
    def operate_blindly(self, number: int, choice: Choice, output: Any) -> None:
        self.answer(f"i{number}", choice, output)

    @rule(hold=st.booleans())
    def execute(self, *, hold: bool) -> None:
        name = WorkflowHash(self.workflow.name)
        self.tell(facts.ExecuteCommanded(at_us=self.at(), workflow=name, name="shape", digest="d", hold=hold))

    # -- parts -----------------------------------------------------------------------------------------------

    def respond(
        self, visit: Any, attempt: int, bot: Any, fence: Fence | None, kind: ResponseKind, output: Any
    ) -> None:
        error = Error("broken", "it broke") if kind is ResponseKind.FAILED else None
        self.tell(
            facts.ResponseReceived(
                at_us=self.at(),
                visit=visit,
                attempt=attempt,
                bot=bot,
                fence=fence,
                kind=kind,
                output=output,
                error=error,
                retry_delay_ms=1,
            )
        )

    def answer(self, incident: Any, choice: Choice, output: Any) -> None:
        self.actions += 1
        self.tell(
            facts.OperatorCommanded(
                at_us=self.at(), id=f"act{self.actions}", incident=incident, choice=choice, output=output
            )
        )

    # -- what holds always -----------------------------------------------------------------------------------

    @invariant()
    def check_state(self) -> None:
        self.the_waits_are_the_oracles()
        self.a_processing_job_can_be_moved()
        self.every_token_is_watched()
        self.joins_have_a_reason_to_wait()
        self.final_visits_stay_final()

    def the_waits_are_the_oracles(self) -> None:
        assert self.job.waits == recompute_waits(self.job)

    def a_processing_job_can_be_moved(self) -> None:
        job = self.job
        if job.status is JobStatus.PROCESSING:
            moving = [key for key in job.waits if not key.startswith("drain:")]
            assert moving
            assert all(incident.choices for incident in job.incidents.values())
        if job.is_finished:
            assert all(key.startswith("drain:") for key in job.waits)
            assert not job.live
            assert not job.incidents
        assert job.drains == sum(key.startswith("drain:") for key in job.waits)

    def every_token_is_watched(self) -> None:
        """A visit that is not final has a wait or an incident, unless a Runaway holds all."""
        if self.job.runaway is None:
            for visit in self.job.live.values():
                assert visit.armed is not None or visit.incident in self.job.incidents, visit

    def joins_have_a_reason_to_wait(self) -> None:
        job = self.job
        if job.status is not JobStatus.PROCESSING or job.runaway is not None:
            return
        graph = self.workflow.graph
        travelling = [visit.node for visit in job.live.values()] + list(job.stuck)
        for join, queues in job.queues.items():
            reached = any(graph.reach[node] & graph.own[join] for node in travelling)
            assert reached or join in job.stuck, graph.nodes[join]
            first = graph.first_input[join]
            filled = sum(1 << (first + place) for place, queue in enumerate(queues.by_place) if queue)
            assert queues.filled == filled > 0
        lengths = [len(queue) for queues in job.queues.values() for queue in queues.by_place]
        assert job.queued == sum(lengths)
        assert sum(job.classes.values()) == len(travelling)

    def final_visits_stay_final(self) -> None:
        finals = {visit.id for visit in self.job.visits.values() if visit.final}
        assert self.finals <= finals
        self.finals = finals


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_long_walks_keep_the_rules(name: str) -> None:
    """What hypothesis seldom does: get far. Now and then a late or silent bot, or a person missing a bot."""
    for seed in range(40):
        chance = random.Random(seed)
        machine = JobMachine()
        machine.begin(name, "execute")
        for _ in range(12):
            machine.go_on(chance, 4)
            attempts = [(visit.id, each) for visit in machine.job.visits.values() for each in visit.attempts]
            if attempts:
                visit, attempt = chance.choice(attempts)
                kind = chance.choice(list(ResponseKind))
                machine.respond(visit, attempt.number, attempt.bot, attempt.fence, kind, "late")
                machine.lose_one(*chance.choice(attempts), chance)
            machine.check_state()


def test_any_fact_at_any_time_keeps_the_rules() -> None:
    run_state_machine_as_test(
        JobMachine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_any_fact_at_any_time_keeps_the_rules_for_longer() -> None:
    run_state_machine_as_test(
        JobMachine, settings=settings(max_examples=800, stateful_step_count=80, deadline=None)
    )
