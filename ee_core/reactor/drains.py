"""Bots that may still work on an attempt that has ended: asked to stop, again and again, until they have a word for it.

Time alone never frees a bot: one that has no word in time is given up by whoever is told so here. The cancel is also a question: a bot that does not know the attempt writes it down as
stopped before it says so, and a request that comes later finds that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.messages.activity import ActivityCancel
from ee_core.reactor.outbox import Letter

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.messages.subjects import Subjects
    from ee_core.model.ids import JobId
    from ee_core.model.waits import DrainWait, WaitKey
    from ee_core.reactor.outbox import Outbox
    from ee_core.reactor.timers import Timers

_REPEAT_S = (1.0, 2.0, 5.0, 15.0)  # the last one for ever


class Drains:
    """All drain waits.

    Args:
        timeout_s: A bot gets this long, counted from when its wait was armed.
        timed_out: Called when it is over; called again after another such time if the wait is still there.
    """

    def __init__(
        self,
        *,
        partition: int,
        subjects: Subjects,
        outbox: Outbox,
        timers: Timers,
        timeout_s: float,
        timed_out: Callable[[JobId, DrainWait], None],
    ) -> None:
        self._partition = partition
        self._subjects = subjects
        self._outbox = outbox
        self._timers = timers
        self._timeout_s = timeout_s
        self._timed_out = timed_out
        self._armed: dict[tuple[JobId, WaitKey], DrainWait] = {}

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, job: JobId, wait: DrainWait) -> None:
        """Tell the bot to stop."""
        if (job, wait.key) not in self._armed:
            self._armed[job, wait.key] = wait
            self._give_time(job, wait)
            self._send(job, wait, 0)

    def left_s(self, job: JobId, key: WaitKey) -> float | None:
        """Return how long a bot still has; None when its wait is not armed."""
        return self._timers.left_s(("undrained", job, key))

    def drop(self, job: JobId, key: WaitKey) -> DrainWait | None:
        """The bot has a word for it, or proved idle."""
        self._timers.drop(("drain", job, key))
        self._timers.drop(("undrained", job, key))
        return self._armed.pop((job, key), None)

    def _give_time(self, job: JobId, wait: DrainWait) -> None:
        def over() -> None:
            self._give_time(job, wait)  # what is tried now may fail
            self._timed_out(job, wait)

        self._timers.set(("undrained", job, wait.key), self._timeout_s, over)

    def _send(self, job: JobId, wait: DrainWait, times: int) -> None:
        cancel = ActivityCancel(
            job=job,
            visit=wait.visit,
            attempt=wait.attempt,
            fence=wait.fence,
            reply_to=self._subjects.response(self._partition, wait.bot),
        )
        channel = Channel(ChannelKind.INBOX, self._subjects.cancel(wait.bot))
        self._outbox.post(Letter(channel, cancel.to_bytes(), job, wait.visit))
        delay_s = _REPEAT_S[min(times, len(_REPEAT_S) - 1)]
        self._timers.set(("drain", job, wait.key), delay_s, lambda: self._send(job, wait, times + 1))
