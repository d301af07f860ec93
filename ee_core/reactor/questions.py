"""Asks a bot's ledger what became of an attempt: the bot went silent, or its heartbeats contradict what it accepted.

The ledger answers with the stored response, with `accepted` for what runs, or writes an attempt that it does not know
down as stopped before it says `idle`. So a question is never harmless for what was not begun: while one is open, the
request is not sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.messages.activity import BotQuery
from ee_core.reactor.outbox import Letter
from ee_core.reactor.patience import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.messages.subjects import Subjects
    from ee_core.model.ids import JobId
    from ee_core.model.waits import ResponseWait, WaitKey
    from ee_core.reactor.outbox import Outbox
    from ee_core.reactor.timers import Timers

_REPEAT_S: Final = 2.0


class Questions:
    """The questions that are out.

    Args:
        unanswered: Called with the attempt and the reason of the question, when `Timeouts.ask_ms` has passed.
    """

    def __init__(
        self,
        *,
        partition: int,
        subjects: Subjects,
        outbox: Outbox,
        timers: Timers,
        unanswered: Callable[[JobId, ResponseWait, str], None],
    ) -> None:
        self._partition = partition
        self._subjects = subjects
        self._outbox = outbox
        self._timers = timers
        self._unanswered = unanswered
        self._open: dict[tuple[JobId, WaitKey], str] = {}  # with the reason

    def ask(self, job: JobId, wait: ResponseWait, why: str, *, grace_s: float = 0.0) -> None:
        """Ask until there is an answer or the time is up; asked again for another reason, the time starts anew."""
        key = (job, wait.key)
        self._open[key] = why

        def over() -> None:
            self.close(job, wait.key)
            self._unanswered(job, wait, why)

        def again() -> None:
            self.ask_once(job, wait)
            self._timers.set(("question", *key), _REPEAT_S, again)

        expect(self._timers, ("asked", *key), wait.timeouts.ask_ms / 1000 + grace_s, over)
        again()

    def ask_once(self, job: JobId, wait: ResponseWait) -> None:
        """Ask, and leave it at that: whoever asks has other means to notice that nobody answers."""
        assert wait.bot is not None and wait.fence is not None, "only a bot has a ledger"
        query = BotQuery(
            lease=wait.fence.lease,
            job=job,
            visit=wait.visit,
            attempt=wait.attempt,
            reply_to=self._subjects.response(self._partition, wait.bot),
        )
        channel = Channel(ChannelKind.INBOX, self._subjects.query_bot(wait.bot))
        self._outbox.post(Letter(channel, query.to_bytes(), job, wait.visit))

    def reason(self, job: JobId, key: WaitKey) -> str | None:
        """Return why a question about an attempt is open; None when none is."""
        return self._open.get((job, key))

    def close(self, job: JobId, key: WaitKey) -> None:
        """Ask no more, if anything was asked."""
        if self._open.pop((job, key), None) is not None:
            self._timers.drop(("asked", job, key))
            self._timers.drop(("question", job, key))
