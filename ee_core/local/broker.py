"""The broker that needs nothing installed: all in one process, nothing kept after it.

Whoever opens a `MemoryBroker` hands the same object to the engine and to the bots in the process; there is no other
way to meet on it. It uses neither threads nor sockets, takes delays from the running loop, and therefore runs in
virtual time. A message costs its reader one turn of the loop, and a publisher none.

How messages wait is in `ee_core.local.queues`, how consumers read them in `ee_core.local.reader`.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Final, Self

from ee_core.contracts.broker import BrokerTraits, ChannelKind
from ee_core.contracts.envelope import check_dedupe, check_headers, check_pattern, check_subject
from ee_core.errors import BrokerError, BrokerUnavailableError, ConfigError, PayloadTooLargeError
from ee_core.hookspecs import hookimpl
from ee_core.local.broadcast import BroadcastReader, Fan
from ee_core.local.queues import QueueReader, Shelf
from ee_core.local.reader import Message
from ee_core.local.requests import Switchboard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from ee_core.contracts.broker import Channel
    from ee_core.contracts.env import Env
    from ee_core.local.reader import Reader

EE_API: Final = 1
DEFAULT_MAX_PAYLOAD: Final = 1024 * 1024  # as a NATS server's, so that what runs here runs there
_DEDUPE_WINDOW_S: Final = 120.0  # likewise


@hookimpl
def ee_open_broker(settings: Mapping[str, Any], env: Env) -> MemoryBroker:
    """Make one; the only setting is `max_payload`, in bytes."""
    if "servers" in settings:
        raise ConfigError(
            "broker 'memory' lives in one process and has no address (broker.servers);"
            " say --broker nats, or leave the address out"
        )
    unknown = sorted(set(settings) - {"max_payload"})
    if unknown:
        raise ConfigError(f"broker 'memory' has no setting {unknown[0]!r}; it has 'max_payload'")
    max_payload = settings.get("max_payload", DEFAULT_MAX_PAYLOAD)
    if not isinstance(max_payload, int) or isinstance(max_payload, bool) or max_payload < 1:
        raise ConfigError(f"broker setting max_payload is {max_payload!r}; use a number of bytes, 1 or more")
    return MemoryBroker(env, max_payload=max_payload)


class MemoryBroker:
    """Keeps the contract `Broker` inside one process and one loop."""

    def __init__(self, env: Env, *, max_payload: int = DEFAULT_MAX_PAYLOAD) -> None:
        self.traits = BrokerTraits(durable=False, shared=False, max_payload=max_payload, redelivery_s=0.0)
        self._env = env
        self._state = "new"  # then open, then closed
        self._name = ""
        self._numbers = itertools.count(1)
        self._fan = Fan(self._check_open)
        self._shelves: dict[ChannelKind, Shelf] = {
            kind: Shelf(self._check_open) for kind in ChannelKind if kind is not ChannelKind.BROADCAST
        }
        self._deduped: dict[tuple[str, str], float] = {}  # until when, oldest first
        self._switchboard = Switchboard()

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise BrokerError("this memory broker was opened before; make a new one")
        self._name = self._env.new_id()  # new messages must not look like those of an earlier process
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
        self._check_open()
        subject = check_subject(channel.subject)
        sent_headers = check_headers(headers)
        self._check_size(subject, body)
        kind = channel.kind
        is_kept = kind is not ChannelKind.BROADCAST
        if dedupe is not None and is_kept and self._is_repeated(subject, check_dedupe(dedupe)):
            return
        number = next(self._numbers)
        message = Message(subject, body, sent_headers, number, f"{self._name}/{number}/{self._env.now()}")
        if is_kept:
            self._shelves[kind].put(message)
        else:
            self._fan.put(message)

    def consume(self, channel: Channel, *, group: str, prefetch: int = 256) -> Reader:
        self._check_open()
        pattern = check_pattern(channel.subject)
        if channel.kind is ChannelKind.BROADCAST:
            return BroadcastReader(pattern, self._fan)
        return QueueReader(pattern, self._shelves[channel.kind], prefetch)

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        self._check_open()
        self._check_size(check_subject(subject), body)
        return await self._switchboard.request(subject, body, timeout_s=timeout_s)

    def respond(
        self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> AbstractAsyncContextManager[None]:
        self._check_open()
        return self._switchboard.respond(check_subject(subject), answer)

    async def close(self) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        self._fan.close()
        for shelf in self._shelves.values():
            shelf.close()
        self._switchboard.close()

    def _check_open(self) -> None:
        if self._state != "open":
            raise BrokerUnavailableError(f"the memory broker is not open ({self._state})")

    def _check_size(self, subject: str, body: bytes) -> None:
        if len(body) > self.traits.max_payload:
            raise PayloadTooLargeError(
                size=len(body), limit=self.traits.max_payload, what=f"message on {subject!r}"
            )

    def _is_repeated(self, subject: str, dedupe: str) -> bool:
        now_s = asyncio.get_running_loop().time()
        for key in [*itertools.takewhile(lambda key: self._deduped[key] <= now_s, self._deduped)]:
            del self._deduped[key]
        if (subject, dedupe) in self._deduped:
            return True
        self._deduped[subject, dedupe] = now_s + _DEDUPE_WINDOW_S
        return False
