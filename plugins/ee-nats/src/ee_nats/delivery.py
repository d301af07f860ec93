"""Messages in a consumer's hands: of JetStream, which are settled, and broadcasts, which are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.aio.msg import Msg

ACK: Final = b"+ACK"
NAK: Final = b"-NAK"
TERM: Final = b"+TERM"
IN_PROGRESS: Final = b"+WPI"
# $JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<time stamp>.<pending>; newer servers may put a domain
# and an account before the stream, and something after the end.
_SHORT: Final = 9


class Settling(Protocol):
    """What a delivery's consumer does for it."""

    async def settle(self, delivery: JetStreamDelivery, answer: bytes) -> None:
        """Tell the server, unless the delivery is no longer in the consumer's hands."""

    async def keep_aside(self, delivery: JetStreamDelivery, reason: str) -> None:
        """Keep a copy for people."""


def read_headers(message: Msg) -> Mapping[str, str]:
    """Return the headers that the sender gave."""
    headers = message.headers
    if not headers:
        return {}
    return {name.lower(): value for name, value in headers.items() if not name.lower().startswith("nats-")}


class JetStreamDelivery:
    """A message of work, inbox or reply: `ee_core.contracts.broker.Delivery`."""

    __slots__ = ("_consumer", "_headers", "ack_subject", "body", "subject")

    def __init__(self, message: Msg, consumer: Settling) -> None:
        self.subject: str = message.subject
        self.body: bytes = message.data
        self.ack_subject: str = message.reply
        self._headers = read_headers(message)
        self._consumer = consumer

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def attempt(self) -> int:
        return int(self._field(4))

    @property
    def origin(self) -> str:
        # the time stamp tells messages of one number apart after the stream was lost and made anew
        return f"{self._field(2)}/{self._field(5)}/{self._field(7)}"

    @property
    def reply_to(self) -> str | None:
        return self._headers.get("reply-to")

    async def ack(self) -> None:
        await self._consumer.settle(self, ACK)

    async def retry(self, *, delay_s: float = 0.0) -> None:
        answer = NAK if delay_s <= 0 else b'%s {"delay": %d}' % (NAK, delay_s * 1e9)
        await self._consumer.settle(self, answer)

    async def reject(self, reason: str) -> None:
        await self._consumer.keep_aside(self, reason)
        await self._consumer.settle(self, TERM)

    def _field(self, place: int) -> str:
        fields = self.ack_subject.split(".")
        return fields[place if len(fields) == _SHORT else place + 2]


class Broadcast:
    """A message that nobody keeps; settling it means nothing."""

    __slots__ = ("_check_open", "_headers", "_number", "body", "subject")
    attempt = 1

    def __init__(self, message: Msg, number: str, check_open: _Check) -> None:
        self.subject: str = message.subject
        self.body: bytes = message.data
        self._headers = read_headers(message)
        self._number = number
        self._check_open = check_open

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def origin(self) -> str:
        return self._number

    @property
    def reply_to(self) -> str | None:
        return self._headers.get("reply-to")

    async def ack(self) -> None:
        self._check_open()

    async def retry(self, *, delay_s: float = 0.0) -> None:
        self._check_open()

    async def reject(self, reason: str) -> None:
        self._check_open()


class _Check(Protocol):
    def __call__(self) -> None:
        """Raise when the broker is closed."""
