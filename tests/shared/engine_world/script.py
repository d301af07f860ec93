"""An activity type that does what its input says, and notes what it did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import LostActivityError, PermanentActivityError, TransientActivityError
from engine_world.life import LIFE

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine_world.world import World


@dataclass(frozen=True)
class Effect:
    """Something that an attempt really did."""

    at_s: float
    where: str
    job: str
    visit: str
    attempt: int
    what: str  # start, done, failed, stopped, died


class Script:
    """An activity type that does what its input says.

    Input: ``seconds`` (how long), ``output`` or ``bytes`` (a text of that many), ``fail`` (so many attempts, with ``advice`` permanent, transient or
    lost), ``hang``, ``stubborn`` (finishes so many seconds after it was asked to stop, all the same).
    """

    input_schema = None
    output_schema = None

    def __init__(
        self, name: str, world: World, where: str = "", traits: ActivityTraits | None = None
    ) -> None:
        self.name = name
        self._world = world
        self._where = where
        self._traits = traits or ActivityTraits()

    def traits_for(self, template: Any) -> ActivityTraits:
        return self._traits

    async def run(self, context: Any, value: Any) -> Any:
        script = value or {}
        note = self._note(context)
        note("start")
        try:
            await self._spend(context, script)
        except asyncio.CancelledError:
            life = LIFE.get()
            note("died" if life is not None and life.is_dead else "stopped")
            raise
        if context.attempt <= script.get("fail", 0):
            note("failed")
            raise _error(script.get("advice", ""), context.attempt)
        note("done")
        if "bytes" in script:
            return "x" * script["bytes"]
        return script.get("output", {"visit": context.visit, "input": value})

    async def _spend(self, context: Any, script: dict[str, Any]) -> None:
        if "progress" in script:
            context.progress(script["progress"], "on the way")
        try:
            if script.get("hang"):
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(script.get("seconds", 0))
        except asyncio.CancelledError:
            if "stubborn" not in script:
                raise
            await asyncio.sleep(script["stubborn"])

    def _note(self, context: Any) -> Callable[[str], None]:
        life = LIFE.get()
        where = self._where or (life.name if life else "?")

        def note(what: str) -> None:
            now_s = asyncio.get_running_loop().time()
            self._world.effects.append(
                Effect(now_s, where, context.job, context.visit, context.attempt, what)
            )

        return note


def _error(advice: str, attempt: int) -> Exception:
    text = f"try {attempt} failed"
    match advice:
        case "permanent":
            return PermanentActivityError(text, code="no_use")
        case "transient":
            return TransientActivityError(text, code="soon", retry_after_s=7.0)
        case "lost":
            return LostActivityError(text)
    return ValueError(text)
