"""What an activity type plugin promises.

An activity type says what an attempt does. The same object serves a bot, a worker for stateless work, and the
engine's own process. Bots written with `ee_core.bot` make activity types of decorated functions.

[A1] `traits_for` depends on its argument only; it is asked once, at load, and its answer is stored with the workflow (R9a).
[A2] `run` returns plain JSON, or raises `ActivityError` (the attempt failed; with `LostActivityError` it is Lost: nobody knows what happened); any other exception counts as
failed with code ``error``.
[A3] `run` is one attempt: it never repeats an effect by itself.
[A4] When its task is cancelled `run` stops the effect, and returns or raises only when it has stopped.
[A5] `run` keeps nothing between attempts that another attempt could see, unless that is the point of the bot.
[A6] Files, network and time are used inside `run` alone, never at import or `traits_for`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from ee_core.model.ids import Fence


@dataclass(frozen=True, slots=True)
class ActivityTraits:
    """What may be done with work of a type."""

    stateless: bool = False  # needs no bot
    idempotent: bool = False  # may be carried out more than once


@runtime_checkable
class ActivityContext(Protocol):
    """What one attempt may know and say; only for the duration of `run`."""

    @property
    def job(self) -> str:
        """The job's id."""

    @property
    def node(self) -> str:
        """The node's id."""

    @property
    def visit(self) -> str:
        """The visit's id, ``node#k``."""

    @property
    def attempt(self) -> int:
        """From 1."""

    @property
    def idempotency_key(self) -> str:
        """``job/visit``: the same for all attempts of a visit; pass it to the outside world."""

    @property
    def fence(self) -> Fence | None:
        """The assignment's number, to pass on to what can check it; None for stateless work."""

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Carries job, visit and attempt."""

    @property
    def is_cancelled(self) -> bool:
        """True once the engine asked to stop; for code in threads, which cannot be cancelled."""

    def progress(self, fraction: float, text: str = "") -> None:
        """Report how far it is, 0 to 1; sent with the next heartbeat. May be called from a thread.

        Raises:
            AttemptStoppedError: The attempt was asked to stop: a function in a thread ends by letting it pass.
            ValueError: The fraction is outside 0 to 1.
        """


@runtime_checkable
class ActivityType(Protocol):
    """A kind of work."""

    @property
    def name(self) -> str:
        """As in workflow files: lower case, may have dots."""

    @property
    def input_schema(self) -> Mapping[str, Any] | None:
        """JSON Schema of the input, checked at load where values are literal; None: anything. Bots ask often: make it once."""

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """JSON Schema of the output, for load-time checks of expressions; None: anything."""

    def traits_for(self, template: Any) -> ActivityTraits:
        """Return the traits for an input as written, expressions not yet evaluated (http: by a literal method)."""

    async def run(self, context: ActivityContext, value: Any) -> Any:
        """Carry out one attempt.

        Raises:
            ActivityError: It failed; `TransientActivityError` and `PermanentActivityError` advise the retry policy,
                `LostActivityError` says that the effect may have happened: the attempt is answered ``lost``.
        """
