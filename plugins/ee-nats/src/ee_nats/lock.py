"""The bot lock on NATS JetStream: for engines of many processes and machines.

The entry point ``nats`` of ``ee.locks``. Records and keys lie in one stream, see `ee_nats.lock_stream`; engines' keys are
in `ee_nats.lock_keys`, the watch in `ee_nats.lock_watch`. Every change is a compare-and-set, which JetStream decides.

The rule for an editor: a write whose answer did not come is unknown, and its name is kept; only by that name is a record
that was changed since known as one's own. A sequence alone proves nothing across a restart of the server, which may have
lost its last messages and gives their numbers out again.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from ee_core.contracts.leasing import record_from_json, record_to_json, release_record, take_record
from ee_core.contracts.lock import Lease, LeaseState, LockTraits
from ee_core.errors import BrokerUnavailableError, LockError, LockLostError, LockUnavailableError
from ee_core.hookspecs import hookimpl
from ee_nats.connection import connect
from ee_nats.lock_keys import EngineKeys
from ee_nats.lock_stream import LockStream, RefusedError, Unanswered
from ee_nats.lock_watch import RecordWatch
from ee_nats.settings import NatsSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from ee_core.contracts.env import Env
    from ee_core.contracts.lock import LockRecord
    from ee_core.model.ids import BotId, EngineId
    from ee_nats.connection import Connection
    from ee_nats.lock_stream import Stored

EE_API: Final = 1
_TRIES: Final = 20  # each one more means that another engine was first


@hookimpl
def ee_open_lock(settings: Mapping[str, Any], namespace: str, env: Env) -> NatsLock:
    """Make one; it connects when its context is entered. The settings are those of `ee_nats.settings`."""
    return NatsLock(NatsSettings.parse(settings, namespace=namespace), env)


class NatsLock:
    """Keeps the contract `LockProvider` on a NATS server, version 2.11 or newer, with JetStream."""

    def __init__(self, settings: NatsSettings, env: Env) -> None:
        self.traits = LockTraits(shared=True, durable=True)
        self._settings = settings
        self._env = env
        self._state = "new"  # then open, then closed
        self._connection: Connection | None = None
        self._watches: dict[RecordWatch, None] = {}
        self._unanswered: dict[BotId, Unanswered] = {}
        self._era = 0  # counts reconnects: since then the server may have lost its last messages

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise LockError("this NATS lock was opened before; make a new one")
        try:
            connection = await connect(self._settings)
        except BrokerUnavailableError as error:
            raise LockUnavailableError(str(error)) from error
        self._stream = LockStream(connection)
        self._keys = EngineKeys(self._stream, self._env.new_id)
        try:
            await self._stream.ensure()
        except BaseException:
            await connection.close()
            raise
        connection.on_change(self._connection_changed)
        self._connection = connection
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def keep_alive(self, engine: EngineId, *, ttl_s: float) -> None:
        self._opened()
        await self._keys.keep_alive(engine, ttl_s)

    async def retire(self, engine: EngineId) -> None:
        self._opened()
        await self._keys.retire(engine)

    async def is_alive(self, engine: EngineId) -> bool:
        self._opened()
        return await self._keys.is_alive(engine)

    async def take(
        self, bot: BotId, *, engine: EngineId, now_us: int, floor: int, even_quarantined: bool = False
    ) -> Lease:
        self._opened()
        for _ in range(_TRIES):
            stored = await self._stream.get(self._stream.bot_subject(bot))
            found = None if stored is None else record_from_json(bot, stored.body)
            holder = None if found is None or found.holder == engine else found.holder
            record = take_record(
                bot,
                found,
                engine=engine,
                holder_lives=holder is not None and await self._keys.is_alive(holder),
                now_us=now_us,
                floor=floor,
                even_quarantined=even_quarantined,
            )
            try:
                return await self._write(record, 0 if stored is None else stored.sequence)
            except RefusedError:  # another engine was first
                continue
        raise LockUnavailableError(f"bot {bot!r} is taken by others all the time; try again later")

    async def write(self, lease: Lease, state: LeaseState, reason: str = "") -> Lease:
        self._opened()
        return await self._change(lease, replace(lease.record, state=state, reason=reason))

    async def release(self, lease: Lease) -> None:
        self._opened()
        await self._change(lease, release_record(lease.record))

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[LockRecord]]:
        watch = RecordWatch(self._opened(), self._stream)
        async with watch:
            self._watches[watch] = None
            try:
                yield watch
            finally:
                del self._watches[watch]

    async def close(self) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        for watch in self._watches:
            watch.end(LockUnavailableError("the NATS lock was closed"))
        if self._connection is not None:
            await self._connection.close()

    def _opened(self) -> Connection:
        if self._state != "open" or self._connection is None:
            raise LockUnavailableError(f"the NATS lock is not open ({self._state})")
        return self._connection

    async def _connection_changed(self, connected: bool) -> None:
        self._era += 1
        if connected:
            for watch in self._watches:
                watch.begin_anew()

    async def _change(self, lease: Lease, record: LockRecord) -> Lease:
        sequence, era = map(int, lease.revision.split("."))
        try:
            if era != self._era:
                sequence = await self._find_own(lease, sequence)
            return await self._write(record, sequence)
        except RefusedError:
            pass
        # another's by now, or our own by a write that had no answer; that shows once and for all
        try:
            return await self._write(record, await self._find_own(lease, sequence))
        except RefusedError:
            raise _lost(lease) from None

    async def _find_own(self, lease: Lease, sequence: int) -> int:
        """Return the sequence of our record as it lies there.

        Raises:
            LockLostError: It is not ours any more.
        """
        bot = lease.record.bot
        stored = await self._stream.get(self._stream.bot_subject(bot))
        if stored is not None:
            found = record_from_json(bot, stored.body)
            untouched = stored.sequence == sequence and found == lease.record
            own = found.lease == lease.record.lease and _name_of(stored) in self._unanswered.get(bot, ())
            if untouched or own:
                return stored.sequence
        raise _lost(lease)

    async def _write(self, record: LockRecord, expected: int) -> Lease:
        """Write a record in the place of the expected one. Raises as `LockStream.put`."""
        name, era = self._env.new_id(), self._era
        body = json.dumps(json.loads(record_to_json(record)) | {"name": name}, ensure_ascii=False).encode()
        unanswered = self._unanswered.setdefault(record.bot, Unanswered())
        unanswered.add(name)
        try:
            sequence = await self._stream.put(self._stream.bot_subject(record.bot), body, expected=expected)
        except RefusedError:
            unanswered.discard(name)
            raise
        self._unanswered.pop(record.bot, None)
        return Lease(record, f"{sequence}.{era}")


def _name_of(stored: Stored) -> str:
    return str(json.loads(stored.body).get("name", ""))


def _lost(lease: Lease) -> LockLostError:
    return LockLostError(
        f"lease {lease.record.lease} of bot {lease.record.bot!r} is lost: its record was written since, or is gone"
    )
