"""The message broker on NATS: work, inbox and reply on JetStream, broadcasts and requests on NATS itself.

The entry point ``nats`` of ``ee.brokers``. What the streams are is in `ee_nats.streams`, how they are read in
`ee_nats.consumer`, how they are written in `ee_nats.publisher`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

import nats.errors

from ee_core.contracts.broker import BrokerTraits, ChannelKind
from ee_core.contracts.envelope import (
    MAX_HEADER_BYTES,
    check_dedupe,
    check_headers,
    check_pattern,
    check_subject,
)
from ee_core.errors import BrokerError, BrokerUnavailableError, PayloadTooLargeError
from ee_core.hookspecs import hookimpl
from ee_nats.broadcast import BroadcastConsumer, Responder
from ee_nats.connection import NoResponderError, connect
from ee_nats.consumer import PullConsumer
from ee_nats.publisher import Publisher
from ee_nats.settings import NatsSettings
from ee_nats.streams import durable_name, ensure_streams, find_plan, plan_streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from ee_core.contracts.broker import Channel, Delivery
    from ee_core.contracts.env import Env
    from ee_nats.connection import Connection
    from ee_nats.delivery import JetStreamDelivery
    from ee_nats.mailbox import Leavable
    from ee_nats.streams import StreamPlan

EE_API: Final = 1
DEFAULT_MAX_PAYLOAD: Final = 1024 * 1024  # a NATS server's, headers included
_REDELIVERY_SLACK_S: Final = 1.0  # the server looks at its clock now and then
_MOST_SUBJECTS: Final = 100_000  # remembered as checked


@hookimpl
def ee_open_broker(settings: Mapping[str, Any], namespace: str, env: Env) -> NatsBroker:
    """Make one; it connects when its context is entered. The settings are those of `ee_nats.settings`."""
    return NatsBroker(NatsSettings.parse(settings, namespace=namespace))


class NatsBroker:
    """Keeps the contract `Broker` on a NATS server, version 2.11 or newer, with JetStream."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._state = "new"  # then open, then closed
        self._connection: Connection | None = None
        self._publisher: Publisher | None = None
        self._plans: tuple[StreamPlan, ...] = ()
        self._streams: dict[tuple[ChannelKind, str], str] = {}  # what was looked up before
        self.traits = self._make_traits(DEFAULT_MAX_PAYLOAD)  # the server's own is known when open
        self._restoring = asyncio.Lock()
        self._members: dict[Leavable, None] = {}  # in their contexts now

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise BrokerError("this NATS broker was opened before; make a new one")
        connection = await connect(self._settings)
        try:
            self._plans = plan_streams(connection.prefix)
            await ensure_streams(connection, self._plans)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        self._publisher = Publisher(connection)
        self.traits = self._make_traits(connection.nc.max_payload)
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def publish(
        self,
        channel: Channel,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        dedupe: str | None = None,
    ) -> None:
        connection, publisher = self._opened()
        subject = check_subject(channel.subject)
        sent = check_headers(headers)
        self._check_size(subject, body)
        if channel.kind is ChannelKind.BROADCAST:
            try:
                await connection.nc.publish(subject, body, headers=sent or None)
            except nats.errors.Error as error:
                raise connection.outage.make_error(
                    f"not connected to NATS; nothing was sent to {subject!r}"
                ) from error
            return
        self._check_kind(channel.kind, subject)
        if dedupe is not None:
            sent["Nats-Msg-Id"] = (
                f"{subject} {check_dedupe(dedupe)}"  # a stream would else compare all its subjects
            )
        try:
            await publisher.publish(subject, body, sent or None)
        except NoResponderError:  # the stream was lost
            await self._restore()
            await publisher.publish(subject, body, sent or None)

    def consume(
        self, channel: Channel, *, group: str, prefetch: int = 256
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        connection, _ = self._opened()
        pattern = check_pattern(channel.subject)
        if channel.kind is ChannelKind.BROADCAST:
            return BroadcastConsumer(connection, pattern, self._members)
        return PullConsumer(
            connection,
            stream=self._check_kind(channel.kind, pattern),
            durable=durable_name(pattern.removeprefix(connection.named(""))),
            pattern=pattern,
            prefetch=prefetch,
            restore=self._restore,
            keep_aside=self._keep_aside,
            members=self._members,
        )

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        connection, _ = self._opened()
        self._check_size(check_subject(subject), body)
        return await connection.request(subject, body, timeout_s=timeout_s, asks_server=False)

    def respond(
        self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> AbstractAsyncContextManager[object]:
        connection, _ = self._opened()
        return Responder(connection, check_subject(subject), answer, self._members)

    async def close(self) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        await asyncio.gather(*(member.leave() for member in tuple(self._members)))
        if self._publisher is not None:
            self._publisher.close()
        if self._connection is not None:
            await self._connection.close()

    def _make_traits(self, max_payload: int) -> BrokerTraits:
        return BrokerTraits(
            durable=True,
            shared=True,
            max_payload=max_payload - MAX_HEADER_BYTES,  # the server counts headers as well
            redelivery_s=self._settings.redelivery_s + _REDELIVERY_SLACK_S,
        )

    def _opened(self) -> tuple[Connection, Publisher]:
        if self._state != "open" or self._connection is None or self._publisher is None:
            raise BrokerUnavailableError(f"the NATS broker is not open ({self._state})")
        return self._connection, self._publisher

    def _check_size(self, subject: str, body: bytes) -> None:
        if len(body) > self.traits.max_payload:
            raise PayloadTooLargeError(
                size=len(body), limit=self.traits.max_payload, what=f"message on {subject!r}"
            )

    def _check_kind(self, kind: ChannelKind, pattern: str) -> str:
        """Return the stream that has a subject or pattern, or say that none will ever take it."""
        stream = self._streams.get((kind, pattern))
        if stream is None:
            stream = find_plan(self._plans, kind, pattern).name
            if len(self._streams) >= _MOST_SUBJECTS:
                self._streams.clear()
            self._streams[kind, pattern] = stream
        return stream

    async def _restore(self) -> None:
        connection, _ = self._opened()
        async with self._restoring:
            await ensure_streams(connection, self._plans)

    async def _keep_aside(self, delivery: JetStreamDelivery, reason: str) -> None:
        connection, publisher = self._opened()
        headers = {"x-rejected-subject": delivery.subject, "x-rejected-reason": _printable(reason)}
        await publisher.publish(connection.named("rejected.messages"), delivery.body, headers)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:1000].strip() or "-"
