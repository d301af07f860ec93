"""Questions in flight: one inbox for all answers, told apart by a number.

The client's own `request` leaves the asker waiting for its whole time when the connection is lost; here it is told at
once. It also costs less, which counts where each publish waits for an acknowledgement.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Final

import nats.errors

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from ee_nats.outage import Outage

UNKNOWN: Final = "it may have arrived all the same"


class Requests:
    """The questions of one connection that have no answer yet."""

    def __init__(self, client: Client, outage: Outage) -> None:
        self._client = client
        self._outage = outage
        self._heard_s = 0.0  # when the last answer came
        self._inbox = ""
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}  # each gives a Msg

    async def listen(self) -> None:
        """Subscribe to the inbox, on a client that is connected."""
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(
            f"{self._inbox}.*", cb=self._answered, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def send(
        self, subject: str, body: bytes, headers: dict[str, str] | None
    ) -> tuple[int, asyncio.Future[Msg]]:
        """Send a question; return its number, and the answer when it comes.

        Raises:
            BrokerUnavailableError: Not connected; nothing was sent.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            await self._client.publish(subject, body, reply=f"{self._inbox}.{number}", headers=headers)
        except nats.errors.Error as error:
            del self._open[number]
            reason = "not connected to NATS" if not self._client.is_connected else str(error)
            raise self._outage.make_error(f"{reason}; nothing was sent to {subject!r}") from error
        return number, answer

    def forget(self, number: int) -> None:
        """Expect no answer any more."""
        self._open.pop(number, None)

    def note_heard(self) -> None:
        """The server has said something."""
        self._heard_s = asyncio.get_running_loop().time()

    def is_silent(self, since_s: float) -> bool:
        """Whether no question at all was answered since an instant of the loop's time."""
        return self._heard_s < since_s

    def fail(self, reason: str) -> None:
        """Tell all who wait that no answer will come."""
        waiting, self._open = self._open, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(self._outage.make_error(f"{reason}; {UNKNOWN}"))

    async def _answered(self, message: Msg) -> None:
        self.note_heard()
        answer = self._open.pop(int(message.subject.rpartition(".")[2]), None)
        if answer is not None and not answer.done():
            answer.set_result(message)
