"""Lock records and engine keys in memory: what a lock server would hold.

A `LockTable` outlives the providers on it as a server outlives its clients, so a simulation can have several engines
share one. All is done at once, in one turn of the loop, so nothing here can be half done. Where records are also kept on
a disk, `save` is called with the whole table before a change counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ee_core.contracts.leasing import release_record, take_record
from ee_core.contracts.lock import Lease, LockRecord
from ee_core.errors import LockLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ee_core.contracts.env import Env
    from ee_core.contracts.lock import LeaseState
    from ee_core.model.ids import BotId, EngineId


@dataclass(frozen=True, slots=True)
class _Stored:
    record: LockRecord
    change: int  # which one since the start wrote it; 0: it was kept from before
    proved: bool = True  # written since the start, so its bot's state is the holder's knowledge

    @property
    def revision(self) -> str:
        # with the lease number, which no later process gives again: one that was kept proves nothing
        return f"{self.record.lease}.{self.change}"


class LockTable:
    """Keeps records, and the deadlines of engines' keys.

    Args:
        env: Its `boottime_s` is the clock of the keys.
        records: Those that were kept from before.
        save: Makes all records durable; what it raises leaves the table as it was.
    """

    def __init__(
        self,
        env: Env,
        *,
        records: Iterable[LockRecord] = (),
        save: Callable[[Iterable[LockRecord]], None] | None = None,
    ) -> None:
        self._env = env
        self._save = save
        self._stored = {record.bot: _Stored(record, 0, proved=False) for record in records}
        self._changes = 0  # of the whole table, since the start
        self._keys: dict[EngineId, float] = {}  # until when
        self._watchers: dict[int, Callable[[LockRecord], None]] = {}

    def keep_alive(self, engine: EngineId, ttl_s: float) -> None:
        """Set the engine's deadline.

        Raises:
            LockLostError: It was over; the key is gone.
        """
        if engine in self._keys and not self.is_alive(engine):
            del self._keys[engine]
            raise LockLostError(
                f"the key of engine {engine!r} had expired: others may have taken its leases; renew it sooner"
            )
        self._keys[engine] = self._env.boottime_s() + ttl_s

    def retire(self, engine: EngineId) -> None:
        """Remove the engine's key, if it has one."""
        self._keys.pop(engine, None)

    def is_alive(self, engine: EngineId) -> bool:
        """Return whether the engine's deadline is still to come."""
        return self._env.boottime_s() < self._keys.get(engine, float("-inf"))

    def take(
        self, bot: BotId, *, engine: EngineId, now_us: int, floor: int, even_quarantined: bool = False
    ) -> Lease:
        """Take a bot's lock. Raises as `take_record`, and what `save` raises."""
        stored = self._stored.get(bot)
        found = None if stored is None else stored.record
        holder = None if found is None else found.holder
        record = take_record(
            bot,
            found,
            engine=engine,
            holder_lives=holder is not None and self.is_alive(holder),
            now_us=now_us,
            floor=floor,
            even_quarantined=even_quarantined,
            proved=stored is None or stored.proved,
        )
        return self._write(record)

    def write(self, lease: Lease, state: LeaseState, reason: str) -> Lease:
        """Change the state of a lease.

        Raises:
            LockLostError: The record was written since.
        """
        self._check_held(lease)
        return self._write(replace(lease.record, state=state, reason=reason))

    def release(self, lease: Lease) -> None:
        """Give a lease back. Raises as `write`."""
        self._check_held(lease)
        self._write(release_record(lease.record))

    def records(self) -> list[LockRecord]:
        """List all records, in the order in which their bots were first seen."""
        return [stored.record for stored in self._stored.values()]

    def add_watcher(self, on_change: Callable[[LockRecord], None]) -> Callable[[], None]:
        """Call back at once with each record, then after each change; return what ends it."""
        for record in self.records():
            on_change(record)
        number = max(self._watchers, default=0) + 1
        self._watchers[number] = on_change

        def stop() -> None:
            self._watchers.pop(number, None)

        return stop

    def _check_held(self, lease: Lease) -> None:
        stored = self._stored.get(lease.record.bot)
        if stored is None or lease.revision != stored.revision:
            raise LockLostError(
                f"lease {lease.record.lease} of bot {lease.record.bot!r} is lost: its record was written since"
            )

    def _write(self, record: LockRecord) -> Lease:
        stored = _Stored(record, self._changes + 1)
        if self._save is not None:
            table = {bot: other.record for bot, other in self._stored.items()} | {record.bot: record}
            self._save(table.values())
        self._changes += 1
        self._stored[record.bot] = stored
        for on_change in [*self._watchers.values()]:
            on_change(record)
        return Lease(record, stored.revision)
