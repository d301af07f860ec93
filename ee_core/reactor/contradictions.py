"""Holds what bots' heartbeats say against what is known here, so that every wait for a response has a living producer.

One heartbeat proves nothing: it may have been sent before the bot began, or after it finished and before its answer
came. Two in a row that say the same lead to a question about an attempt that the bot accepted and does not run, and to
a cancel of one that it runs and nobody knows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.messages.activity import ActivityCancel
from ee_core.model.ids import BotId, JobId, VisitId
from ee_core.reactor.outbox import Letter

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.fleet.seats import Occupant
    from ee_core.messages.activity import RunningAttempt
    from ee_core.messages.bots import BotHello
    from ee_core.messages.subjects import Subjects
    from ee_core.reactor.outbox import Outbox
    from ee_core.reactor.requests import Requests

_log = logging.getLogger(__name__)


class IsStrange(Protocol):
    """Says whether a bot is this engine's, and works on what nobody here waits for."""

    def __call__(self, bot: BotId, occupant: Occupant) -> bool: ...


class Contradictions:
    """What the last heartbeat of each bot contradicted."""

    def __init__(
        self,
        *,
        partition: int,
        subjects: Subjects,
        outbox: Outbox,
        requests: Requests,
        is_strange: IsStrange,
    ) -> None:
        self._partition = partition
        self._subjects = subjects
        self._outbox = outbox
        self._requests = requests
        self._is_strange = is_strange
        self._before: dict[BotId, frozenset[Occupant]] = {}

    def heard(self, heartbeat: BotHello) -> None:
        """Compare a heartbeat."""
        bot, running = BotId(heartbeat.bot), heartbeat.running
        found: dict[Occupant, Callable[[], None]] = {}
        named = _occupant(running) if running is not None else None
        for armed in self._requests.accepted_by(bot):
            attempt: Occupant = (armed.job, armed.wait.visit, armed.wait.attempt)
            if attempt != named:
                found[attempt] = lambda armed=armed: self._requests.question(armed)  # type: ignore[misc] # bound now, not later
        if running is not None and named is not None and self._is_strange(bot, named):
            found[named] = lambda: self._stop(bot, running)
        before = self._before.pop(bot, frozenset())
        for attempt in found.keys() & before:
            found[attempt]()
        # what was acted on needs two more to be acted on again
        if rest := found.keys() - before:
            self._before[bot] = frozenset(rest)

    def _stop(self, bot: BotId, running: RunningAttempt) -> None:
        _log.warning(
            "bot %s works on attempt %s of %s of job %s, which nobody waits for; it is told to stop",
            bot,
            running.attempt,
            running.visit,
            running.job,
            extra={"action": "bot_strays", "bot": bot, "job": running.job},
        )
        cancel = ActivityCancel(
            job=running.job,
            visit=running.visit,
            attempt=running.attempt,
            fence=running.fence,
            reply_to=self._subjects.response(self._partition, bot),
        )
        channel = Channel(ChannelKind.INBOX, self._subjects.cancel(bot))
        self._outbox.post(Letter(channel, cancel.to_bytes(), JobId(running.job), VisitId(running.visit)))


def _occupant(running: RunningAttempt) -> Occupant:
    return JobId(running.job), VisitId(running.visit), running.attempt
