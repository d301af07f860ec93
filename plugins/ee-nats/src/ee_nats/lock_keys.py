"""Engines' keys: one message with a life time per engine, which the server itself removes.

A key is renewed by compare-and-set on its own last message. That is refused exactly when the key was gone, were it for
a moment, because the server compares with what it has not yet removed. Each message carries the life time again, and a
name of its own, so that a renewal whose answer was lost is known again as one's own.

A retired engine's key is replaced by an empty message. That one lives as long as the key would have, since a server that
was killed may bring a replaced message back when the one in its place has expired (nats-server#8505).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ee_core.errors import LockLostError, LockUnavailableError
from ee_nats.lock_stream import RefusedError, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.model.ids import EngineId
    from ee_nats.lock_stream import LockStream, Stored

_TRIES: Final = 5  # each one more means that another client writes the same engine's key


@dataclass(slots=True)
class _Key:
    """What is known here of an engine's key."""

    sequence: int | None = None  # of its last message; None: not made yet, or lost
    unanswered: Unanswered = field(default_factory=Unanswered)


class EngineKeys:
    """The keys that this client renews, and a look at others'."""

    def __init__(self, stream: LockStream, new_id: Callable[[], str]) -> None:
        self._stream = stream
        self._new_id = new_id
        self._keys: dict[EngineId, _Key] = {}
        self._writing = asyncio.Lock()  # two renewals at once would refuse each other

    async def keep_alive(self, engine: EngineId, ttl_s: float) -> None:
        """Make or renew a key.

        Raises:
            LockLostError, LockUnavailableError: As the contract's `keep_alive`.
        """
        async with self._writing:
            key = self._keys.setdefault(engine, _Key())
            if key.sequence is None:
                await self._make(engine, key, ttl_s)
            else:
                await self._renew(engine, key, key.sequence, ttl_s)

    async def retire(self, engine: EngineId) -> None:
        """Remove a key, whoever made it."""
        async with self._writing:
            self._keys.pop(engine, None)
            subject = self._stream.engine_subject(engine)
            for _ in range(_TRIES):
                found = await self._stream.get(subject)
                if found is None or not found.body:
                    return
                try:
                    await self._stream.put(subject, b"", expected=found.sequence, ttl_s=_ttl_of(found))
                except RefusedError:
                    continue
                return
        raise LockUnavailableError(f"the key of engine {engine!r} changes all the time; it was not removed")

    async def is_alive(self, engine: EngineId) -> bool:
        """Say whether the server has a key of the engine."""
        found = await self._stream.get(self._stream.engine_subject(engine))
        return found is not None and bool(found.body)

    async def _make(self, engine: EngineId, key: _Key, ttl_s: float) -> None:
        for _ in range(_TRIES):
            found = await self._stream.get(self._stream.engine_subject(engine))
            try:
                await self._put(engine, key, 0 if found is None else found.sequence, ttl_s)
            except RefusedError:  # it has just expired, or an earlier message has just arrived
                continue
            return
        raise LockUnavailableError(f"the key of engine {engine!r} changes all the time; it was not made")

    async def _renew(self, engine: EngineId, key: _Key, sequence: int, ttl_s: float) -> None:
        try:
            await self._put(engine, key, sequence, ttl_s)
            return
        except RefusedError:
            found = await self._stream.get(self._stream.engine_subject(engine))
        if found is not None and _name_of(found) in key.unanswered:
            try:
                await self._put(engine, key, found.sequence, ttl_s)
                return
            except RefusedError:
                pass  # it expired in between: lost like any other
        del self._keys[engine]
        raise LockLostError(
            f"the key of engine {engine!r} had expired: others may have taken its leases; renew it sooner"
        )

    async def _put(self, engine: EngineId, key: _Key, expected: int, ttl_s: float) -> None:
        name = self._new_id()
        body = json.dumps({"v": 1, "name": name, "ttl_s": ttl_s}).encode()
        key.unanswered.add(name)
        try:
            key.sequence = await self._stream.put(
                self._stream.engine_subject(engine), body, expected=expected, ttl_s=ttl_s
            )
        except RefusedError:
            key.unanswered.discard(name)
            raise
        key.unanswered.clear()


def _name_of(stored: Stored) -> str:
    return str(json.loads(stored.body)["name"]) if stored.body else ""


def _ttl_of(stored: Stored) -> float:
    return float(json.loads(stored.body)["ttl_s"])
