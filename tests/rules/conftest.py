"""A stage for one job: a workflow in a few words, facts in a few words, every record checked on the way.

After each fact the stage holds what holds always: a fact that changes nothing leaves the job equal, the waits equal
the oracle's, and the records replayed make the same job.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ee_core.errors import ExpressionError
from ee_core.model import facts
from ee_core.model.compiled import compile_workflow
from ee_core.model.decide import Ignored, decide
from ee_core.model.events import ON_ERROR, AnyEvent, Choice, Error, Record
from ee_core.model.evolve import apply
from ee_core.model.facts import ResponseKind
from ee_core.model.ids import Fence
from ee_core.model.job import Job
from ee_core.model.oracle import recompute_waits
from ee_core.model.record import decode_record, encode_record
from ee_core.model.workflow import (
    Activity,
    BotSelector,
    Node,
    NodeKind,
    Pointer,
    Workflow,
    content_hash,
    to_content,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = re.compile(r"\b(?:inputs|nodes|job)(?:\.\w+)+|\b(?:amount|context)\b")


class PlainProgram:
    """An expression in Python's own words; names are read from the scope."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.references = tuple(sorted(set(_NAME.findall(source))))

    def evaluate(self, scope: Any) -> Any:
        try:
            return eval(_NAME.sub(lambda match: f"scope[{match.group()!r}]", self.source), {"scope": scope})
        except (KeyError, TypeError, ZeroDivisionError) as error:
            raise ExpressionError(f"{error!r}", source=self.source, column=1) from error


class Flow:
    """A workflow that grows node by node; the first one is the start."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.settings: dict[str, Any] = {}

    def _add(self, node: str, kind: NodeKind, to: str, **members: Any) -> Flow:
        pointers = []
        for word in to.split():
            target, _, when = word.partition("?")
            is_otherwise = when == "otherwise"
            pointers.append(Pointer(target, "" if is_otherwise else when.replace("~", " "), is_otherwise))
        self.nodes.append(Node(node, kind, pointers=tuple(pointers), **members))
        return self

    def activity(self, node: str, to: str = "", *, on_error: str | None = None, **members: Any) -> Flow:
        """Add an activity: stateless and idempotent, unless `bot=True`, a selector or a trait is given."""
        if members.get("bot") is True:
            members["bot"] = BotSelector()
        if not {"bot", "stateless", "idempotent"} & set(members):
            members |= {"stateless": True, "idempotent": True}
        content = Activity(**{"type": "work"} | members)
        return self._add(node, NodeKind.ACTIVITY, to, activity=content, on_error=on_error)

    def parallel(self, node: str, to: str) -> Flow:
        return self._add(node, NodeKind.PARALLEL, to)

    def inclusive(self, node: str, to: str) -> Flow:
        return self._add(node, NodeKind.INCLUSIVE, to)

    def exclusive(self, node: str, to: str) -> Flow:
        return self._add(node, NodeKind.EXCLUSIVE, to)

    def join(self, node: str, to: str, rule: Any = "reachable") -> Flow:
        return self._add(node, NodeKind.JOIN, to, join=rule)

    def end(self, node: str = "end", outcome: Any = "succeeded") -> Flow:
        return self._add(node, NodeKind.END, "", outcome=outcome)

    def having(self, **settings: Any) -> Flow:
        """Set members of the workflow."""
        self.settings |= settings
        return self

    def stage(self, **command: Any) -> Stage:
        """Return a stage with a job of this workflow, started."""
        stage = self.blank()
        stage.execute(**command)
        return stage

    def blank(self) -> Stage:
        workflow = Workflow(
            **{"name": "flow", "start": self.nodes[0].id, "nodes": tuple(self.nodes)} | self.settings
        )
        return Stage(compile_workflow(workflow, content_hash(to_content(workflow)), PlainProgram))


class Stage:
    """One job, told facts."""

    def __init__(self, workflow: Any) -> None:
        self.workflow = workflow
        self.job = Job.blank("job", workflow)
        self.records: list[Record] = []
        self.now_us = 0
        self.fences = 0

    # -- facts -----------------------------------------------------------------------------------------------

    def tell(self, fact: Any, *, later_ms: int = 1) -> tuple[AnyEvent, ...] | Ignored:
        """Tell a fact a little later, and check what holds always."""
        self.now_us += later_ms * 1000
        before = self.job.fork()
        decided = decide(self.job, replace(fact, at_us=self.now_us))
        assert self.job == before
        if isinstance(decided, Ignored):
            return decided
        record = Record("job", self.job.next_index, self.now_us, decided)
        apply(self.job, record)
        self.records.append(decode_record(encode_record(record)))
        assert self.job.waits == recompute_waits(self.job)
        assert self.replay() == self.job
        return decided

    def replay(self) -> Job:
        job = Job.blank("job", self.workflow)
        for record in self.records:
            apply(job, record)
        return job

    def execute(self, *, inputs: Any = None, hold: bool = False, digest: str = "d") -> Any:
        name = self.workflow.name
        return self.tell(
            facts.ExecuteCommanded(
                at_us=0, workflow=name, name="flow", digest=digest, inputs=inputs or {}, hold=hold
            )
        )

    def admit(self) -> Any:
        return self.tell(facts.JobAdmitted(at_us=0))

    def cancel(self) -> Any:
        return self.tell(facts.CancelCommanded(at_us=0, reason="because", who="me"))

    def answer(self, choice: Choice, incident: str = "i1", *, id: str = "", output: Any = None) -> Any:
        return self.tell(
            facts.OperatorCommanded(
                at_us=0,
                id=id or f"{incident}-{choice}",
                incident=incident,
                choice=choice,
                output=output,
                who="ann",
                reason="it is done",
            )
        )

    def grant(self, visit: str, bot: str = "bot") -> Any:
        self.fences += 1
        fence = Fence(1, self.fences)
        return self.tell(facts.BotGranted(at_us=0, visit=visit, bot=bot, ledger="ledger", fence=fence))

    def respond(self, visit: str, kind: ResponseKind, **members: Any) -> Any:
        """Answer for the newest attempt as its bot would."""
        state = self.job.visits.get(visit)
        attempt = state.attempts[-1] if state and state.attempts else None
        told = {
            "attempt": attempt.number if attempt else 1,
            "bot": attempt.bot if attempt else None,
            "fence": attempt.fence if attempt else None,
        }
        return self.tell(facts.ResponseReceived(at_us=0, visit=visit, kind=kind, **told | members))

    def succeed(self, *visits: str, output: Any = None) -> Any:
        return [self.respond(visit, ResponseKind.SUCCEEDED, output=output) for visit in visits][-1]

    def fail(self, visit: str, code: str = "broken", *, retry_ms: int | None = None, **members: Any) -> Any:
        return self.respond(
            visit, ResponseKind.FAILED, error=Error(code, "it broke"), retry_delay_ms=retry_ms, **members
        )

    def silence(self, visit: str, why: str = "run", *, asked: bool = False) -> Any:
        number = self.job.visits[visit].last_attempt
        return self.tell(facts.AttemptSilent(at_us=0, visit=visit, attempt=number, why=why, asked=asked))

    def drain_timed_out(self, visit: str, attempt: int = 1, reason: str = "it does not stop") -> Any:
        return self.tell(facts.DrainTimedOut(at_us=0, visit=visit, attempt=attempt, reason=reason))

    def idle(self, visit: str, attempt: int = 1, **members: Any) -> Any:
        """Prove as the attempt's bot would that it is idle; a question names no fence."""
        state = self.job.visits.get(visit)
        known = state.find_attempt(attempt) if state else None
        told = {"bot": known.bot if known else None, "fence": None}
        return self.tell(facts.IdleProved(at_us=0, visit=visit, attempt=attempt, **told | members))

    def due(self, wait: str, *, later_ms: int = 1) -> Any:
        return self.tell(facts.TimerDue(at_us=0, wait=wait), later_ms=later_ms)

    # -- what is seen ------------------------------------------------------------------------------------------

    @property
    def events(self) -> list[AnyEvent]:
        """All events so far."""
        return [event for record in self.records for event in record.events]

    def kinds(self) -> list[str]:
        """The names of all events so far."""
        return [type(event).__name__ for event in self.events]

    @property
    def statuses(self) -> dict[str, str]:
        return {str(name): visit.status.value for name, visit in self.job.visits.items()}

    @property
    def waits(self) -> list[str]:
        return sorted(self.job.waits)

    @property
    def end(self) -> tuple[str | None, str | None, int]:
        """Outcome, what ended it, warnings."""
        job = self.job
        return (
            job.outcome.value if job.outcome else None,
            job.ended_by.value if job.ended_by else None,
            job.warnings,
        )

    @property
    def incident(self) -> tuple[str, tuple[str, ...]]:
        """Kind and choices of the newest open incident."""
        incident = list(self.job.incidents.values())[-1]
        return incident.kind.value, tuple(sorted(choice.value for choice in incident.choices))


@pytest.fixture
def flow() -> Callable[[], Flow]:
    """Return a new `Flow`; words of its `to`: ``target``, ``target?condition`` (~ for a blank), ``target?otherwise``."""
    return Flow


@pytest.fixture
def on_error() -> int:
    """The slot of the error pointer."""
    return ON_ERROR
