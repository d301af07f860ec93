"""Fake activities for a rehearsal: they take a second, give what was stated or what is plausible, and touch nothing.

The activity types `noop`, `delay` and `log` are harmless, and do what they do; only a delay longer than a minute is
shortened, for its bot gives signs of life all the time. What a person states for a node, or else for a type, goes
before anything else: one answer, or the answers to successive attempts, of which the last stays. Who asks again for what was
done, under the same idempotency key, gets the same output; an attempt that died before its effect has used no answer.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import ActivityError
from ee_core.local.activities import DelayActivity, LogActivity, NoopActivity, read_duration_s
from ee_core.model.events import Error
from ee_core.simulation.activities import Player
from ee_core.simulation.bots import BotSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ee_core.contracts.activity import ActivityContext, ActivityType
    from ee_core.definitions import Definition
    from ee_core.model.workflow import Activity, Node, Workflow
    from ee_core.simulation.activities import Doer, Work
    from ee_core.simulation.recorder import Recorder

Point = Literal["during", "after"]  # before the effect of an attempt, and after it

SLOW_S: Final = 120.0
_SECONDS: Final = 1.0  # that a fake attempt takes
_SHARE: Final = 0.25  # of the run time-out, at most
_SLOW_SHARE: Final = 0.9
_SHORT_S: Final = 60.0  # a delay so long is as long as it says
_REAL: Final[Mapping[str, Callable[[], ActivityType]]] = {
    "noop": NoopActivity,
    "delay": DelayActivity,
    "log": LogActivity,
}


@dataclass(frozen=True, slots=True)
class Stub:
    """What a fake gives: an output, or an error."""

    output: Any = None
    error: Error | None = None


def to_stub(stated: Any) -> Stub | None:
    """Return a stub as plain values state it, ``{output: ...}`` or ``{error: {code, message}}``; None if they do not."""
    if isinstance(stated, Mapping) and stated.keys() == {"output"}:
        return Stub(stated["output"])
    error = stated.get("error") if isinstance(stated, Mapping) and stated.keys() == {"error"} else None
    if isinstance(error, Mapping) and "code" in error and error.keys() <= {"code", "message"}:
        code, message = error["code"], error.get("message", "")
        if isinstance(code, str) and isinstance(message, str):
            return Stub(error=Error(code, message))
    return None


def to_stubs(stated: Any) -> tuple[Stub, ...] | None:
    """Return what successive attempts give, stated as one stub or a list of them; None if it is not stated so."""
    several = stated if isinstance(stated, list) else [stated]
    found = [stub for stub in map(to_stub, several) if stub is not None]
    return tuple(found) if found and len(found) == len(several) else None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A workflow and all that is needed to rehearse it; plain data, so that other processes can take part."""

    definition: Definition
    content: Any  # as a command brings it
    bindings: Any = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    stubs: Mapping[str, Sequence[Stub]] = field(default_factory=dict)  # by node or activity type
    outputs: Mapping[str, Any] = field(default_factory=dict)  # of types whose schema says what they give
    bots: int = 2  # of each sort that is asked for

    @property
    def workflow(self) -> Workflow:
        """What is executed."""
        return self.definition.workflow


def cast_bots(workflow: Workflow, count: int) -> tuple[BotSpec, ...]:
    """Make the bots that a workflow asks for: one of each id, and some of each other sort."""
    works = [node.activity for node in workflow.nodes if node.activity is not None]
    wanted = [work for work in works if not work.stateless and work.type]
    types = tuple(sorted({work.type for work in wanted}))
    named: dict[str, dict[str, str]] = {}
    sorts: list[dict[str, str]] = []
    for work in wanted:
        labels = _labels(work)
        if work.bot.id:
            named.setdefault(work.bot.id, {}).update(labels)
        elif not work.bot.same_as and labels not in sorts:
            sorts.append(labels)
    # who has more labels than are asked for will do
    least = [
        one for one in sorts if not any(one != other and one.items() <= other.items() for other in sorts)
    ]
    bots = [BotSpec(name, types, labels) for name, labels in named.items()]
    for labels in least:
        bots += [BotSpec(f"bot-{len(bots) + n}", types, labels) for n in range(1, count + 1)]
    return tuple(bots)


def _labels(work: Activity) -> dict[str, str]:
    return work.bot.labels | ({"pool": work.bot.pool} if work.bot.pool else {})


class FakeCast:
    """The activity types of one run.

    Attributes:
        on_point: Told when an attempt is before and after its effect; may end the process that carries it out.
        is_slow: Asked once of each attempt whether it takes very long.
    """

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.nodes: dict[str, Node] = {node.id: node for node in rehearsal.workflow.nodes}
        self.on_point: Callable[[Point, str, int], None] = lambda point, visit, attempt: None
        self.is_slow: Callable[[str, int], bool] = lambda visit, attempt: False
        works = [node.activity for node in rehearsal.workflow.nodes if node.activity is not None]
        self._in_house = frozenset(work.type for work in works if work.stateless)
        self._used: Counter[str] = Counter()  # answers of each node that were given
        self._outputs: dict[str, Stub] = {}  # by visit

    @property
    def in_house(self) -> Collection[str]:
        return self._in_house

    def make_type(self, name: str, recorder: Recorder, who: Callable[[ActivityTraits], Doer]) -> ActivityType:
        return _Fake(name, recorder, who, self)

    def activity(self, node: str) -> Activity:
        """Return what a node does."""
        found = self.nodes[node].activity
        assert found is not None, "an attempt is of an activity"
        return found

    def find_stub(self, context: ActivityContext) -> Stub | None:
        """Return what was stated for an attempt of a node, by the node's id or name, or for its type."""
        if context.visit in self._outputs:
            return self._outputs[context.visit]
        node, stubs = context.node, self.rehearsal.stubs
        answers = stubs.get(node) or stubs.get(self.nodes[node].name) or stubs.get(self.activity(node).type)
        return answers[min(self._used[node], len(answers) - 1)] if answers else None

    def use(self, stub: Stub, context: ActivityContext) -> None:
        """Note that an attempt came to its end with a stub."""
        if context.visit not in self._outputs:
            self._used[context.node] += 1
            if stub.error is None:
                self._outputs[context.visit] = stub

    def seconds(self, context: ActivityContext, seconds: float = _SECONDS) -> float:
        """Say how long an attempt takes; within its run time-out."""
        run_ms = self.activity(context.node).timeouts.run_ms
        limit_s = math.inf if run_ms is None else run_ms / 1000
        if self.is_slow(context.visit, context.attempt):
            return min(SLOW_S, limit_s * _SLOW_SHARE)
        return min(seconds, limit_s * _SHARE)


class _Fake(Player):
    """An activity type that is not really carried out."""

    def __init__(
        self, name: str, recorder: Recorder, who: Callable[[ActivityTraits], Doer], cast: FakeCast
    ) -> None:
        super().__init__(name, recorder, who)
        self._cast = cast
        self._real = _REAL[name]() if name in _REAL else None

    def traits_for(self, template: Any) -> ActivityTraits:
        raise AssertionError(f"{self.name!r}: the workflow was loaded with the real types")

    def _traits_of(self, context: ActivityContext) -> ActivityTraits:
        activity = self._cast.activity(context.node)
        return ActivityTraits(stateless=activity.stateless, idempotent=activity.idempotent)

    async def _act(self, work: Work, context: ActivityContext, value: Any) -> Any:
        self._cast.on_point("during", context.visit, context.attempt)
        output = await self._perform(context, value)
        work.effect()
        self._cast.on_point("after", context.visit, context.attempt)
        return output

    async def _perform(self, context: ActivityContext, value: Any) -> Any:
        if self._real is not None and self._cast.find_stub(context) is None:
            return await self._perform_really(context, value)
        await asyncio.sleep(self._cast.seconds(context))
        stub = self._cast.find_stub(
            context
        )  # not before: another attempt of the node may have ended meanwhile
        if stub is None:
            return self._cast.rehearsal.outputs.get(self.name, value)
        self._cast.use(stub, context)
        if stub.error is not None:
            raise ActivityError(stub.error.text, code=stub.error.code)
        return stub.output

    async def _perform_really(self, context: ActivityContext, value: Any) -> Any:
        assert self._real is not None, "only those are called"
        await asyncio.sleep(self._cast.seconds(context, 0.0))
        if self.name != "delay":
            return await self._real.run(context, value)
        duration_s = read_duration_s(value)
        await asyncio.sleep(shorten_s(duration_s))
        return {"seconds": duration_s}


def shorten_s(duration_s: float) -> float:
    """Return how long a delay takes in a rehearsal: one that is longer than another still is; a day takes 12 minutes."""
    if duration_s <= _SHORT_S:
        return duration_s
    return _SHORT_S * (1 + math.log2(duration_s / _SHORT_S))
