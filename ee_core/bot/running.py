"""Carries out one attempt, and says what came of it in words of the wire.

It puts secrets into its input, stops an attempt, enforces its run time, and turns whatever it returns or raises into an `Outcome`. It knows no
broker and no ledger: a bot, a worker and the engine's own process do this alike.

An attempt ends only when its code has ended (clause A4): to stop it is a request, and until the code obeys, it runs.
A run time that is over stops it likewise; it then counts as `stopped`, since nothing of it goes on.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.bot.entry import least_size, plain_size
from ee_core.bot.secrets import Secrets
from ee_core.errors import (
    ActivityError,
    AttemptStoppedError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.messages.wire import ErrorBody
from ee_core.model.limits import MAX_OUTPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from ee_core.bot.context import Context
    from ee_core.bot.redaction import Redactor
    from ee_core.bot.secrets import Resolver
    from ee_core.contracts.activity import ActivityType
    from ee_core.messages.activity import ResponseKindName
    from ee_core.model.references import Path

_MAX_CODE: Final = 100  # characters, as the wire has it
_MAX_TEXT: Final = 10_000
_LET_GO_S: Final = 1.0
_LIBRARY: Final = "ee_core.bot."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; the body of its response."""

    kind: ResponseKindName  # succeeded, failed, stopped or lost
    output: Any = None  # plain JSON, with succeeded
    error: ErrorBody | None = None  # with failed; with stopped and lost the reason
    retryable: bool | None = None  # with failed: the author's advice
    retry_after_ms: int | None = None  # with failed


class Attempt:
    """One attempt while it runs.

    Attributes:
        context: What its code sees.
    """

    def __init__(
        self,
        activity: ActivityType,
        context: Context,
        value: Any,
        *,
        run_ms: int | None = None,
        max_output_bytes: int = MAX_OUTPUT_BYTES,
        references: Sequence[Path] = (),
        secrets: Resolver | None = None,
    ) -> None:
        """Bind it; nothing is done.

        Args:
            references: Where the input refers to secrets.
            secrets: Puts their values there; without it an attempt with references fails.
        """
        self.context = context
        self._activity = activity
        self._value = value
        self._run_s = None if run_ms is None else run_ms / 1000
        self._max_output_bytes = max_output_bytes
        self._references = references
        self._secrets = secrets or Secrets()
        self._redactor: Redactor | None = None
        self._task: asyncio.Task[Any] | None = None
        self._why_stopped = ErrorBody(code="stopped", text="asked to stop")

    async def carry_out(self, *, grace_s: float | None = None) -> Outcome:
        """Run the activity to its end; call it once.

        Args:
            grace_s: How long its code may take to stop when this call is cancelled; None for as long as it takes.

        Raises:
            asyncio.CancelledError: This call was cancelled, and the code did not stop within the grace. It may still
                run, in a thread. If it stopped, its outcome is returned and the cancelling swallowed.
        """
        task = asyncio.create_task(self._perform(), name=f"attempt {self.context.visit}")
        self._task = task
        try:
            if self.context.is_cancelled:
                task.cancel()
            await self._wait(task)
        except asyncio.CancelledError:
            self.stop("the bot is stopped", code="bot_stopped")
            await asyncio.wait({task}, timeout=grace_s)
            if not task.done():
                task.cancel()  # the second time lets go of a thread
                await asyncio.wait({task}, timeout=_LET_GO_S)
                raise
        return self._outcome_of(task)

    def stop(self, text: str, *, code: str = "stopped") -> None:
        """Ask the code to stop; only the first time counts, so that its cleaning up is not disturbed."""
        if self.context.is_cancelled:
            return
        self._why_stopped = ErrorBody(code=code, text=text)
        self.context.mark_cancelled()
        if self._task is not None:
            self._task.cancel()

    async def _perform(self) -> Any:
        value = self._value
        self.context.redact_with(self._redact_text)
        if self._references:
            resolved = await self._secrets.resolve(value, self._references)
            value, self._redactor = resolved.value, resolved.redactor
        try:
            return await self._activity.run(self.context, value)
        except SystemExit as error:  # it would end the process, with whatever else is done in it
            raise RuntimeError(f"the activity wanted to end its process: {error.code}") from error

    async def _wait(self, task: asyncio.Task[Any]) -> None:
        await asyncio.wait({task}, timeout=self._run_s)
        if not task.done():
            self.stop(f"its run time of {self._run_s} s is over", code="run_timeout")
            await asyncio.wait({task})

    def _outcome_of(self, task: asyncio.Task[Any]) -> Outcome:
        if task.cancelled():
            if self.context.is_cancelled:
                return Outcome("stopped", error=self._why_stopped)
            return self._failed("error", "the activity cancelled itself")
        error = task.exception()
        if error is None:
            return self._result(task.result())
        if isinstance(error, AttemptStoppedError) and self.context.is_cancelled:
            return Outcome("stopped", error=self._why_stopped)
        if isinstance(error, ActivityError):
            return self._advised(error)
        # not with %r: the class of the error may have one that raises
        self.context.log.error(
            "the activity raised %s: %s", type(error).__name__, _text_of(error), exc_info=_own_part(error)
        )
        return self._failed("error", _told(error))

    def _result(self, value: Any) -> Outcome:
        name, limit = self._activity.name, self._max_output_bytes
        least = least_size(value, limit)  # first: JSON of something huge is as huge, and is made three times
        if least > limit:
            return self._too_large(f"at least {least}")
        try:
            output, size = plain_size(value)
            for redactor in self._redactors():
                output, size = plain_size(redactor.redact_json(output))
        except (ValueError, RecursionError) as error:
            return self._failed("bad_output", f"the output of {name!r} is not plain JSON: {error}")
        if size > limit:
            return self._too_large(str(size))
        return Outcome("succeeded", output=output)

    def _advised(self, error: ActivityError) -> Outcome:
        retryable, after_ms = None, None
        if isinstance(error, LostActivityError):
            return Outcome("lost", error=self._body(error.error_code, error.text))
        if isinstance(error, PermanentActivityError):
            retryable = False
        elif isinstance(error, TransientActivityError):
            retryable = True
            if error.retry_after_s is not None:
                after_ms = max(0, math.ceil(error.retry_after_s * 1000))
        return self._failed(error.error_code, error.text, retryable=retryable, retry_after_ms=after_ms)

    def _too_large(self, size: str) -> Outcome:
        return self._failed(
            "output_too_large",
            f"the output of {self._activity.name!r} has {size} bytes, the limit is {self._max_output_bytes};"
            " send large values by reference (a path or an object name)",
        )

    def _failed(
        self, code: str, text: str, *, retryable: bool | None = None, retry_after_ms: int | None = None
    ) -> Outcome:
        body = self._body(code, text)
        return Outcome("failed", error=body, retryable=retryable, retry_after_ms=retry_after_ms)

    def _body(self, code: str, text: str) -> ErrorBody:
        # before they are cut: half a value would not be found
        code, text = self._redact_text(code), self._redact_text(text)
        return ErrorBody(code=code[:_MAX_CODE], text=text[:_MAX_TEXT])

    def _redact_text(self, text: str) -> str:
        for redactor in self._redactors():
            text = redactor.redact_text(text)
        return text

    def _redactors(self) -> Iterator[Redactor]:
        """Find what keeps values in: those of this attempt, and those that its code may have kept from others."""
        yield from (each for each in (self._redactor, self._secrets.redactor) if each is not None)


def _told(error: BaseException) -> str:
    """Return the text of an error as the job has it: with the class where the text is no words, as that of KeyError('k')."""
    text, name = _text_of(error), type(error).__name__
    try:
        is_bare_value = len(error.args) == 1 and text == repr(error.args[0])
    except Exception:  # noqa: BLE001 - code of the value's own class, which may raise anything
        return text
    return f"{name}: {text}" if is_bare_value else text


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or f"the activity raised {type(error).__name__} without a text"
    except Exception:  # noqa: BLE001 - code of the error's own class, which may raise anything
        return f"the activity raised {type(error).__name__}, whose text cannot be read"


def _own_part(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return an error as `logging` takes it, with the lines of the activity's code and of what that called.

    How it was called is the same for all: a thread, a loop and a dozen lines of EE, before the one that is looked for.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(_LIBRARY):
        trace = trace.tb_next
    return type(error), error, trace or error.__traceback__
