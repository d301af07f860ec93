"""Publishes to JetStream and waits for its acknowledgement, with many in flight and one timer for all."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from ee_core.errors import BrokerError, BrokerUnavailableError
from ee_nats.connection import ApiError, NoResponderError
from ee_nats.requests import UNKNOWN

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from ee_nats.connection import Connection


class Publisher:
    """Publishes on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._requests = connection.requests
        self._timeout_s = connection.settings.timeout_s
        self._waiting: dict[
            int, tuple[float, asyncio.Future[Msg]]
        ] = {}  # by number, with deadline; oldest first
        self._timer: asyncio.TimerHandle | None = None

    async def publish(self, subject: str, body: bytes, headers: dict[str, str] | None) -> None:
        """Publish, and return when the message is stored.

        Raises:
            NoResponderError: No stream takes the subject.
            BrokerUnavailableError: No acknowledgement in time; the outcome is unknown. Retryable.
            BrokerError: The stream refuses it.
        """
        number, stored = await self._requests.send(subject, body, headers)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._timeout_s
        self._waiting[number] = deadline_s, stored
        if self._timer is None:
            self._timer = loop.call_at(deadline_s, self._give_up_late_ones)
        try:
            _check(await stored, subject)
            self._connection.outage.end()
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Forget the timer; whoever waits is told by the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up_late_ones(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for number, (deadline_s, stored) in tuple(self._waiting.items()):
            if deadline_s > loop.time():
                self._timer = loop.call_at(deadline_s, self._give_up_late_ones)
                return
            self._requests.forget(number)
            if not stored.done():
                why = f"NATS did not acknowledge the message in {self._timeout_s} s; {UNKNOWN}"
                stored.set_exception(self._connection.unanswered(why, since_s=deadline_s - self._timeout_s))


def _check(answer: Msg, subject: str) -> None:
    if answer.headers and answer.headers.get("Status") == "503":
        raise NoResponderError(f"no stream takes {subject!r}")
    if b'"error"' not in answer.data:  # names of streams have no quotes, so this is never one
        return
    error = ApiError(f"JetStream did not store the message on {subject!r}", json.loads(answer.data)["error"])
    if error.status == 503:  # full, or without a leader
        raise BrokerUnavailableError(str(error)) from error
    raise BrokerError(str(error)) from error
