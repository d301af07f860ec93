"""What one attempt may know and say while it runs: the contract `ActivityContext` for code inside a bot or worker.

It is shared by the attempt's code, maybe in a thread, and the host on the loop's thread. Each shared field is
replaced as a whole, so neither needs a lock.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.errors import AttemptStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from ee_core.messages.activity import ActivityRequest
    from ee_core.model.ids import Fence

_LOG: Final = logging.getLogger("ee_core.bot.activity")
MAX_PROGRESS_TEXT: Final = 1000  # characters, as the wire has it


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt says it is."""

    fraction: float
    text: str


class Context:
    """One attempt's view of itself. See `ee_core.contracts.activity.ActivityContext`.

    Attributes:
        last_progress: What was reported last; None before.
    """

    def __init__(
        self,
        *,
        job: str,
        node: str,
        visit: str,
        attempt: int,
        idempotency_key: str,
        fence: Fence | None = None,
        activity: str = "",
    ) -> None:
        self.last_progress: Progress | None = None
        self._job = job
        self._node = node
        self._visit = visit
        self._attempt = attempt
        self._idempotency_key = idempotency_key
        self._fence = fence
        self._activity = activity
        self._cancelled = threading.Event()
        self._redact: Callable[[str], str] | None = None
        self._log = _AttemptLog(_LOG, {"job": job, "visit": visit, "attempt": attempt, "activity": activity})

    @classmethod
    def of(cls, request: ActivityRequest) -> Context:
        """Make the context of a requested attempt."""
        return cls(
            job=request.job,
            node=request.node,
            visit=request.visit,
            attempt=request.attempt,
            idempotency_key=request.idempotency_key,
            fence=request.fence,
            activity=request.activity,
        )

    @property
    def job(self) -> str:
        return self._job

    @property
    def node(self) -> str:
        return self._node

    @property
    def visit(self) -> str:
        return self._visit

    @property
    def attempt(self) -> int:
        return self._attempt

    @property
    def activity(self) -> str:
        """The activity type's name."""
        return self._activity

    @property
    def idempotency_key(self) -> str:
        return self._idempotency_key

    @property
    def fence(self) -> Fence | None:
        return self._fence

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return self._log

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def progress(self, fraction: float, text: str = "") -> None:
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress goes from 0 to 1, not {fraction!r}")
        if self.is_cancelled:
            # a function in a thread cannot be cancelled: here it learns that it should end
            raise AttemptStoppedError(f"attempt {self._attempt} of {self._visit} was asked to stop")
        if self._redact is not None:  # before it is cut: half a value would not be found
            text = self._redact(text)
        self.last_progress = Progress(float(fraction), text[:MAX_PROGRESS_TEXT])

    def wait_for_cancel(self, timeout_s: float) -> bool:
        """Sleep in a thread until the attempt is asked to stop, and return whether it was; never on a loop."""
        return self._cancelled.wait(timeout_s)

    def redact_with(self, redact: Callable[[str], str]) -> None:
        """Keep the values of secrets out of what is reported from now on; the host's to call."""
        self._redact = redact

    def mark_cancelled(self) -> None:
        """Note that the attempt shall stop; the host's to call, idempotent."""
        self._cancelled.set()


class _AttemptLog(logging.LoggerAdapter[logging.Logger]):
    """Names the attempt in each line, for readers, and in `extra`, for programs."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        own = dict(self.extra or {})
        kwargs["extra"] = {**own, **kwargs.get("extra", {})}
        return f"{own['job']}/{own['visit']}/{own['attempt']}: {msg}", kwargs
