"""A durable pull consumer that is never silent for long.

It asks for messages ahead (pulls of at most `prefetch`, overlapping), all answered to one inbox. What a pull can meet:

* it ends by itself after `_EXPIRES_S`: ask again;
* the server says that consumer or stream are gone: make them again, then ask;
* the connection was lost: the server has forgotten the pulls, so ask again on a new inbox;
* nothing at all, as when somebody removed the consumer or a cluster's leader moved: the pull is overdue, likewise.

Deliveries that are held are reported as in progress, three times in `redelivery_s`; so they come back only when this
process has died. Leaving the consumer gives back what is held and what is still on its way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import nats.errors

from ee_core.errors import BrokerError, BrokerUnavailableError
from ee_nats.connection import ApiError
from ee_nats.delivery import IN_PROGRESS, NAK, JetStreamDelivery
from ee_nats.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from ee_nats.connection import Connection
    from ee_nats.mailbox import Leavable

_log = logging.getLogger(__name__)
_EXPIRES_S: Final = 5.0
_OVERDUE_S: Final = 2.0  # a pull that did not end this long after it should have
_LEAVE_S: Final = 2.0
_BACKOFF_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
_OVERLAPS: Final = (10099, 10100)
_SECOND_NS: Final = 1_000_000_000
_MOST_HELD: Final = 100_000  # by all consumers of a pattern together


class _Pull:
    """A request for messages that the server has not brought to its end."""

    __slots__ = ("deadline_s", "inbox", "rest")

    def __init__(self, inbox: str, rest: int, deadline_s: float) -> None:
        self.inbox = inbox
        self.rest = rest
        self.deadline_s = deadline_s


class PullConsumer(Mailbox[JetStreamDelivery]):
    """A consumer of one pattern of a stored channel, open inside its context."""

    def __init__(
        self,
        connection: Connection,
        *,
        stream: str,
        durable: str,
        pattern: str,
        prefetch: int,
        restore: Callable[[], Awaitable[None]],
        keep_aside: Callable[[JetStreamDelivery, str], Awaitable[None]],
        members: dict[Leavable, None],
    ) -> None:
        """Prepare.

        Args:
            restore: Makes the streams again, when they are gone.
            keep_aside: Publishes a copy of a rejected message.
            members: Holds the consumer while it is open.
        """
        super().__init__()
        self._connection = connection
        self._stream = stream
        self._durable = durable
        self._pattern = pattern
        self._prefetch = prefetch
        self._restore = restore
        self._keep_aside = keep_aside
        self._members = members
        self._held: dict[
            str, JetStreamDelivery
        ] = {}  # handed out or about to be, by where it is acknowledged
        self._unsent: list[tuple[str, bytes]] = []  # settled while disconnected
        self._pulls: dict[str, _Pull] = {}  # by inbox, oldest first
        self._asked = 0  # what they still have to bring
        self._numbers = itertools.count(1)
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._created = ""  # the stream's birth: acknowledgements must not go to a later one of the same name
        self._stir = asyncio.Event()
        self._is_broken = False  # must be restarted by the keeper
        self._is_leaving = False
        self._keeper: asyncio.Task[None] | None = None
        self._forget: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        if self._keeper is not None or self._is_leaving:
            raise BrokerError(f"the consumer of {self._pattern!r} was opened before; ask for a new one")
        try:
            await self._start()
        except BaseException as error:
            await self._stop_asking()
            if isinstance(error, nats.errors.Error):
                raise BrokerUnavailableError(f"cannot consume {self._pattern!r}: {error}") from error
            raise
        self._forget = self._connection.on_change(self._changed)
        self._keeper = asyncio.create_task(self._keep(), name=f"consumer of {self._pattern}")
        self._keeper.add_done_callback(self._kept)
        self._members[self] = None
        if self._connection.nc.is_closed:  # meanwhile
            await self.leave()
            raise BrokerUnavailableError("the connection to NATS was closed")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """End, and give back what is held; idempotent."""
        if self._is_leaving:
            return
        self._is_leaving = True
        self.end()
        self._members.pop(self, None)
        if self._keeper is not None:
            self._forget()
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._stop_asking()
        given_back, self._held = self._held, {}
        await self._send([(subject, NAK) for subject in given_back])

    async def settle(self, delivery: JetStreamDelivery, answer: bytes) -> None:
        if self._connection.nc.is_closed:
            raise BrokerUnavailableError("the connection to NATS is closed; the message will come again")
        if self._held.pop(delivery.ack_subject, None) is not None:
            await self._send([(delivery.ack_subject, answer)])
            await self._pull()

    async def keep_aside(self, delivery: JetStreamDelivery, reason: str) -> None:
        if delivery.ack_subject in self._held:
            await self._keep_aside(delivery, reason)

    # -- asking --------------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        """Make the consumer if need be, and ask on a new inbox."""
        self._is_broken = True  # nobody asks meanwhile
        await self._restore()
        created = await self._make()
        if created != self._created:
            # numbers begin anew in a new stream: an old acknowledgement would hit a message that nobody has seen
            self._held.clear()
            self._unsent.clear()
            self.clear()
            self._created = created
        old, self._subscription = self._subscription, None
        if old is not None:
            await old.unsubscribe()
        self._pulls.clear()
        self._asked = 0
        self._inbox = self._connection.nc.new_inbox()
        self._subscription = await self._connection.nc.subscribe(
            f"{self._inbox}.*", cb=self._came, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        unsent, self._unsent = self._unsent, []
        await self._send(unsent)
        self._is_broken = False
        await self._pull()

    async def _make(self) -> str:
        """Make the durable consumer or take the one that is there; return when its stream was created."""
        wait_s = self._connection.settings.redelivery_s
        config: dict[str, Any] = {
            "name": self._durable,
            "durable_name": self._durable,
            "filter_subject": self._pattern,
            "ack_policy": "explicit",
            "ack_wait": int(wait_s * _SECOND_NS),
            "max_deliver": -1,  # a message is never dropped for having come often
            "max_ack_pending": _MOST_HELD,
        }
        try:
            # with the pattern in the subject, so that a server's permissions can say who may read what
            await self._connection.api(
                f"CONSUMER.CREATE.{self._stream}.{self._durable}.{self._pattern}",
                {"stream_name": self._stream, "config": config},
            )
        except ApiError as error:
            if error.err_code in _OVERLAPS:
                raise BrokerError(
                    f"{self._pattern!r} overlaps the pattern of another consumer of stream {self._stream!r}; "
                    "use equal or disjoint patterns"
                ) from error
            raise
        found = await self._connection.api(f"STREAM.INFO.{self._stream}")
        return str(found["created"])

    async def _pull(self) -> None:
        """Ask for as many as there is room for, when it pays."""
        room = self._prefetch - len(self._held) - self._asked
        if room < 1 or (self._asked and room * 2 < self._prefetch) or self._is_leaving or self._is_broken:
            return
        inbox = f"{self._inbox}.{next(self._numbers)}"
        self._pulls[inbox] = _Pull(inbox, room, asyncio.get_running_loop().time() + _EXPIRES_S + _OVERDUE_S)
        self._asked += room
        body = json.dumps({"batch": room, "expires": int(_EXPIRES_S * _SECOND_NS)}).encode()
        try:
            await self._connection.nc.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._durable}", body, reply=inbox
            )
        except nats.errors.Error:
            self._break()  # not connected; the keeper starts again when it is

    async def _stop_asking(self) -> None:
        """Let no more messages come, and take those that are on their way; in this order, or one could be lost."""
        if self._subscription is not None and not self._connection.nc.is_closed:
            with suppress(nats.errors.Error, TimeoutError):
                async with asyncio.timeout(_LEAVE_S):
                    if self._connection.is_connected:
                        await self._subscription.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it out
                    else:
                        await self._subscription.unsubscribe()

    async def _came(self, message: Msg) -> None:
        """Take what the server sends to the inbox: a message, or the end of a pull."""
        if not message.reply:
            await self._pull_ended(message)
            return
        delivery = JetStreamDelivery(message, self)
        self._held[delivery.ack_subject] = delivery
        self.put(delivery)
        for pull in self._pulls.values():  # the server serves the oldest first
            pull.rest -= 1
            self._asked -= 1
            if not pull.rest:
                del self._pulls[pull.inbox]
            break
        await self._pull()

    async def _pull_ended(self, message: Msg) -> None:
        pull = self._pulls.pop(message.subject, None)
        if pull is not None:
            self._asked -= pull.rest
        headers = message.headers or {}
        if headers.get("Status") == "408":  # its time is over
            await self._pull()
        else:
            _log.info(
                "messages on %s do not come now, trying again: %s %s",
                self._pattern,
                headers.get("Status"),
                headers.get("Description", ""),
                extra={"action": "consumer_interrupted"},
            )
            self._break()

    # -- keeping -------------------------------------------------------------------------------------------------------

    def _break(self) -> None:
        self._is_broken = True
        self._stir.set()

    async def _changed(self, connected: bool) -> None:
        self._is_broken = True
        if connected:
            self._stir.set()
        elif self._connection.nc.is_closed:
            self.end(self._explain)

    def _explain(self) -> Exception:
        return BrokerUnavailableError(f"the connection to NATS closed: {self._connection.failure}")

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        report_s = self._connection.settings.redelivery_s / 3
        reported_s = loop.time()
        trials = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    _BACKOFF_S[min(trials, 4)] if trials else min(report_s, _OVERDUE_S)
                ):
                    await self._stir.wait()
            self._stir.clear()
            if not self._connection.is_connected:
                continue
            if self._is_broken or self._is_overdue():
                trials = 0 if await self._restart() else trials + 1
            if self._held and loop.time() >= reported_s + report_s:
                reported_s = loop.time()
                await self._send([(subject, IN_PROGRESS) for subject in self._held])

    def _is_overdue(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        return any(pull.deadline_s < now_s for pull in self._pulls.values())

    async def _restart(self) -> bool:
        try:
            await self._start()
        except (BrokerError, nats.errors.Error) as error:
            _log.log(
                self._connection.outage.level_of(error),
                "messages on %s do not come now, trying again: %s",
                self._pattern,
                error,
                extra={"action": "consumer_interrupted"},
            )
            return False
        return True

    def _kept(self, keeper: asyncio.Task[None]) -> None:
        """End the iterator with the error, if the keeper did: without it the consumer would be silent for ever."""
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            _log.error(
                "the consumer of %s ended", self._pattern, exc_info=error, extra={"action": "consumer_ended"}
            )
            self.end(lambda: BrokerError(f"the consumer of {self._pattern!r} ended: {error!r}"))

    async def _send(self, answers: list[tuple[str, bytes]]) -> None:
        """Tell the server what became of deliveries; while disconnected, remember it."""
        for place, (subject, answer) in enumerate(answers):
            try:
                await self._connection.nc.publish(subject, answer)
            except nats.errors.Error:
                if not self._is_leaving:
                    self._unsent += [told for told in answers[place:] if told[1] != IN_PROGRESS]
                return
