"""Activity types that do what their input says, and leave a line of it: what bots and engines of a simulation carry out.

An input has, all of them optional: `seconds`, how long it takes; `output`; `fail`, so many attempts that fail, and
`advice`, how (permanent, transient, lost); `hang`, it never ends by itself; `stubborn`, so many seconds that it goes on
when it is asked to stop. The effect, the one thing that the world sees, comes after half of the time.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import (
    ActivityError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.model.events import Error
from ee_core.simulation import lines
from ee_core.simulation.life import current_life

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ee_core.contracts.activity import ActivityContext, ActivityType
    from ee_core.simulation.recorder import Recorder

KINDS: Final[Mapping[str, ActivityTraits]] = {
    "work": ActivityTraits(),
    "scan": ActivityTraits(idempotent=True),
    "fetch": ActivityTraits(stateless=True, idempotent=True),
    "post": ActivityTraits(stateless=True),
}


@dataclass(frozen=True, slots=True)
class Doer:
    """Who carries out an attempt."""

    by: Literal["bot", "worker", "engine"]
    bot: str | None
    instance: str
    ledger: str | None = None


class Cast(Protocol):
    """Who plays the activity types of a run."""

    @property
    def in_house(self) -> Collection[str]:
        """The types that engines serve themselves; bots are told theirs by the plan."""

    def make_type(self, name: str, recorder: Recorder, who: Callable[[ActivityTraits], Doer]) -> ActivityType:
        """Make a type for one process; `who` is asked when an attempt begins, as the process that carries it out."""


class Player(ABC):
    """A type whose attempts leave lines: where they begin, at their effect, and how they end.

    Args:
        who: Asked when an attempt begins, as the process that carries it out.
    """

    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None

    def __init__(self, name: str, recorder: Recorder, who: Callable[[ActivityTraits], Doer]) -> None:
        self.name = name
        self._recorder = recorder
        self._who = who

    @abstractmethod
    def traits_for(self, template: Any) -> ActivityTraits:
        """As `ActivityType`."""

    async def run(self, context: ActivityContext, value: Any) -> Any:
        traits = self._traits_of(context)
        work = Work(self._recorder, self._who(traits), context)
        work.begin(self.name, traits)
        try:
            output = await self._act(work, context, value)
        except asyncio.CancelledError:
            work.end("stopped")
            raise
        except ActivityError as error:
            how: Literal["lost", "failed"] = "lost" if isinstance(error, LostActivityError) else "failed"
            work.end(how, error=Error(error.error_code, error.text))
            raise
        work.end("succeeded", output)
        return output

    @abstractmethod
    def _traits_of(self, context: ActivityContext) -> ActivityTraits:
        """Return what may be done with the work of an attempt."""

    @abstractmethod
    async def _act(self, work: Work, context: ActivityContext, value: Any) -> Any:
        """Carry it out, and tell `work` of its effect."""


class Script(Player):
    """One of the types that do what their input says."""

    def traits_for(self, template: Any) -> ActivityTraits:
        return KINDS[self.name]

    def _traits_of(self, context: ActivityContext) -> ActivityTraits:
        return KINDS[self.name]

    async def _act(self, work: Work, context: ActivityContext, value: Any) -> Any:
        script: Mapping[str, Any] = value or {}
        half_s = script.get("seconds", 0) / 2
        try:
            await asyncio.sleep(half_s)
            if context.attempt <= script.get("fail", 0):
                raise _failure(script.get("advice", ""), context.attempt)
            work.effect()
            await asyncio.sleep(half_s)
            if script.get("hang"):
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            if "stubborn" not in script or work.is_over:
                raise
            await asyncio.sleep(script["stubborn"])
        return script.get("output", {"visit": context.visit})


class Work:
    """One call of an activity's code, and its lines."""

    def __init__(self, recorder: Recorder, doer: Doer, context: ActivityContext) -> None:
        self._recorder = recorder
        self._doer = doer
        self._life = current_life()
        self._about = {
            "job": context.job,
            "visit": context.visit,
            "attempt": context.attempt,
            "fence": context.fence,
        }
        self._work = recorder.next_work()

    @property
    def is_over(self) -> bool:
        """Whether its process has ended, killed or not: no code of it runs, so it leaves no line."""
        return self._life is not None and (self._life.is_dead or not self._life.is_running)

    def begin(self, activity: str, traits: ActivityTraits) -> None:
        doer = self._doer
        self._recorder.add(
            lines.ActivityStarted,
            work=self._work,
            by=doer.by,
            bot=doer.bot,
            instance=doer.instance,
            ledger=doer.ledger,
            activity=activity,
            idempotent=traits.idempotent,
            **self._about,
        )

    def effect(self) -> None:
        if not self.is_over:
            self._recorder.add(lines.EffectDone, work=self._work)

    def end(
        self,
        how: Literal["succeeded", "failed", "stopped", "lost"],
        output: Any = None,
        error: Error | None = None,
    ) -> None:
        if self.is_over:
            return
        self._recorder.add(lines.ActivityEnded, work=self._work, how=how, output=output, error=error)
        if self._doer.by == "engine":
            self._recorder.add(
                lines.BotSaid,
                bot=None,
                instance=self._doer.instance,
                kind=how,
                output=output,
                error=error,
                **self._about,
            )


class ScriptedCast:
    """The types of `KINDS`; bots alone serve the first of them."""

    in_house: Final = tuple(sorted(set(KINDS) - {"work"}))

    def make_type(self, name: str, recorder: Recorder, who: Callable[[ActivityTraits], Doer]) -> ActivityType:
        return Script(name, recorder, who)


SCRIPTED: Final = ScriptedCast()


def _failure(advice: str, attempt: int) -> ActivityError:
    text = f"try {attempt} failed"
    match advice:
        case "permanent":
            return PermanentActivityError(text, code="no_use")
        case "lost":
            return LostActivityError(text)
    return TransientActivityError(text, code="soon")
