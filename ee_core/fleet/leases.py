"""How this engine comes to have a bot: the lock first, then the bot's own word.

A lock record alone says nothing about what the bot does. So a lease counts as Held only after the bot has answered
a claim: it writes ``highest = [lease, 0]`` durably before it says idle, and from then on every request of an earlier
lease is stale. A bot that answers busy keeps its lease Unknown until it is idle, or until the attempt it names is
known here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.lock import LeaseState
from ee_core.contracts.outage import level_of
from ee_core.errors import (
    BrokerUnavailableError,
    LockError,
    LockHeldError,
    LockLostError,
    LockUnavailableError,
)
from ee_core.messages.activity import ActivityCancel, BotQuery
from ee_core.model.ids import JobId, VisitId

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.contracts.env import Env
    from ee_core.contracts.lock import Lease, LockProvider, LockRecord
    from ee_core.fleet.roster import Roster
    from ee_core.fleet.seats import Occupant, Seat
    from ee_core.messages.activity import ActivityResponse
    from ee_core.model.ids import BotId, EngineId

_log = logging.getLogger(__name__)

_CLAIM_REPEAT_S = 2.0
_DENIED_S = 3.0
_MAX_AHEAD_US = 86_400 * 1_000_000  # a bot whose fences are further ahead than a day is not believed
_KEY_REPEAT_S = 1.0
TTL_S = 10.0  # of the engine's key


class SendToBot(Protocol):
    """Publishes to a bot's inbox."""

    async def __call__(self, subject: str, body: bytes) -> None:
        """Raises `BrokerUnavailableError`; the caller repeats."""


class BotAddress(Protocol):
    """Subjects of one bot, as the engine uses them."""

    def query(self, bot: BotId) -> str: ...
    def cancel(self, bot: BotId) -> str: ...
    def reply_to(self, bot: BotId) -> str: ...


class Leases:
    """Takes, claims and gives back; one task per bot that is being taken.

    Args:
        on_change: Called when a seat has become free, or may not be had.
        on_record: Called with the record of a bot that was quarantined.
    """

    def __init__(
        self,
        lock: LockProvider,
        engine: EngineId,
        *,
        env: Env,
        roster: Roster,
        send: SendToBot,
        address: BotAddress,
        on_change: Callable[[Seat], None],
        on_record: Callable[[LockRecord], None],
    ) -> None:
        self._lock = lock
        self._engine = engine
        self._env = env
        self._roster = roster
        self._send = send
        self._address = address
        self._on_change = on_change
        self._on_record = on_record
        self._key_until_s = float("inf")  # on the boot clock; after it the key may be gone
        self._has_key = asyncio.Event()
        self._answers: dict[BotId, asyncio.Queue[ActivityResponse]] = {}

    def answered(self, bot: BotId, response: ActivityResponse) -> None:
        """Hand in a bot's answer to a claim; one that nobody waits for is dropped."""
        queue = self._answers.get(bot)
        if queue is not None:
            queue.put_nowait(response)

    async def take(self, seat: Seat) -> None:
        """Take the lock and claim the bot; ends when the seat is held, denied, or the bot is gone."""
        seat.taking = True
        try:
            async with seat.guard:
                await self._take(seat)
        except LockHeldError as error:
            seat.denied_until_s = asyncio.get_running_loop().time() + _DENIED_S
            _log.info(
                "bot %s is not to be had: %s",
                seat.bot,
                error,
                extra={"action": "lease_denied", "bot": seat.bot},
            )
        except LockLostError as error:
            await self.lose(seat, error)
        except LockUnavailableError as error:
            # the record may be ours all the same: its holder may take it again
            seat.denied_until_s = asyncio.get_running_loop().time() + _KEY_REPEAT_S
            _log.log(
                level_of(error),
                "the lock of bot %s is out of reach: %s",
                seat.bot,
                error,
                extra={"action": "lease_late"},
            )
        except LockError as error:
            # a record that cannot be used costs its bot; the others have theirs
            seat.denied_until_s = asyncio.get_running_loop().time() + _DENIED_S
            _log.error(
                "bot %s cannot be leased: %s",
                seat.bot,
                error,
                extra={"action": "lease_failed", "bot": seat.bot},
            )
        finally:
            seat.taking = False
            seat.claimed_s = None
            self._answers.pop(seat.bot, None)
        self._on_change(seat)

    async def _take(self, seat: Seat) -> None:
        floor = 0
        presence = self._roster.find(seat.bot)
        if presence is not None:
            floor = presence.highest.lease + 1
        while self._roster.find(seat.bot) is not None and not seat.condemned:
            lease = await self._lock_above(seat, floor)
            if lease is None:
                return
            answer = await self._claim(seat, lease)
            if answer is None:
                await self._release(seat, lease)
                return
            if answer.highest.lease <= lease.record.lease:
                held = await self._lock.write(lease, LeaseState.HELD)
                if seat.is_doubtful:
                    await self._release(seat, held)
                    continue
                seat.lease = held
                seat.ledger = answer.ledger
                seat.n = answer.highest.n if answer.highest.lease == lease.record.lease else 0
                seat.idle_since_s = asyncio.get_running_loop().time()
                _log.info("bot %s is leased", seat.bot, extra={"action": "bot_leased", "bot": seat.bot})
                return
            await self._release(seat, lease)
            floor = answer.highest.lease + 1

    async def _lock_above(self, seat: Seat, floor: int) -> Lease | None:
        """Take the lock with a number that the bot obeys; None: it was quarantined, its own is not to be believed."""
        if floor <= self._env.now() + _MAX_AHEAD_US:
            return await self._lock_now(seat, floor)
        lease = await self._lock_now(seat, 0)
        if floor > lease.record.lease + _MAX_AHEAD_US:
            await self._write_quarantined(lease, _too_high(floor - 1))
            return None
        # its last lease was as far ahead: not the bot is wrong, the clock went back
        return lease if lease.record.lease >= floor else await self._lock_now(seat, floor)

    async def _lock_now(self, seat: Seat, floor: int) -> Lease:
        while True:
            await self._has_key.wait()  # what is taken without it may be taken away at once
            try:
                return await self._lock.take(
                    seat.bot, engine=self._engine, now_us=self._env.now(), floor=floor
                )
            except LockUnavailableError as error:
                _log.log(
                    level_of(error),
                    "the lock of bot %s is out of reach, trying again: %s",
                    seat.bot,
                    error,
                    extra={"action": "lease_late"},
                )
                await asyncio.sleep(1.0)

    async def _claim(self, seat: Seat, lease: Lease) -> ActivityResponse | None:
        """Ask until the bot is idle or names work we know; None when it is gone."""
        queue = self._answers[seat.bot] = asyncio.Queue()
        seat.claimed_s = asyncio.get_running_loop().time()
        number = lease.record.lease
        query = BotQuery(lease=number, reply_to=self._address.reply_to(seat.bot)).to_bytes()
        while self._roster.find(seat.bot) is not None and not seat.condemned:
            await self._try_send(self._address.query(seat.bot), query)
            answer = await self._next_answer(queue, number)
            if answer is None:
                continue
            if not self._is_of_newest(seat, answer):
                await asyncio.sleep(_CLAIM_REPEAT_S)
                continue
            seat.works_on = _named_by(answer)
            if not seat.is_doubtful:
                return answer
            # it works on something nobody here waits for: let it stop, and ask again
            await self._stop(seat, answer)
            await asyncio.sleep(_CLAIM_REPEAT_S)
        return None

    def _is_of_newest(self, seat: Seat, answer: ActivityResponse) -> bool:
        """Refuse the word of a process that a newer one with the same id has followed."""
        presence = self._roster.find(seat.bot)
        if presence is None or answer.instance == presence.instance:
            return True
        _log.warning(
            "the claim of bot %s was answered by instance %s with ledger %s, the newest that said hello is %s with %s",
            seat.bot,
            answer.instance,
            answer.ledger,
            presence.instance,
            presence.ledger,
            extra={"action": "claim_by_another", "bot": seat.bot},
        )
        return answer.instance not in presence.older

    async def _next_answer(
        self, queue: asyncio.Queue[ActivityResponse], number: int
    ) -> ActivityResponse | None:
        try:
            async with asyncio.timeout(_CLAIM_REPEAT_S):
                while True:
                    answer = await queue.get()
                    if answer.lease == number:
                        return answer
        except TimeoutError:
            return None

    async def _stop(self, seat: Seat, answer: ActivityResponse) -> None:
        running = answer.running
        assert running is not None, "asked only for a bot that works"
        cancel = ActivityCancel(
            job=running.job,
            visit=running.visit,
            attempt=running.attempt,
            fence=running.fence,
            reply_to=self._address.reply_to(seat.bot),
        )
        await self._try_send(self._address.cancel(seat.bot), cancel.to_bytes())

    async def _try_send(self, subject: str, body: bytes) -> None:
        try:
            await self._send(subject, body)
        except BrokerUnavailableError as error:
            _log.log(
                level_of(error),
                "%s was not sent, it is repeated: %s",
                subject,
                error,
                extra={"action": "send_failed"},
            )

    async def give_back(self, seat: Seat) -> None:
        """Release an idle bot; what is not to be reached is left to the next take."""
        lease, seat.lease = seat.lease, None
        if lease is None:
            return
        try:
            await self._release(seat, lease)
        except LockError as error:
            _log.log(
                level_of(error),
                "bot %s was not given back: %s",
                seat.bot,
                error,
                extra={"action": "release_failed"},
            )

    async def lose(self, seat: Seat, error: LockError) -> None:
        """Stop using a bot whose record is no longer ours."""
        seat.lease = None
        _log.log(
            level_of(error),
            "the lease of bot %s is lost: %s",
            seat.bot,
            error,
            extra={"action": "lease_lost", "bot": seat.bot},
        )

    # -- quarantine ------------------------------------------------------------------------------------------

    async def quarantine(self, seat: Seat, reason: str) -> bool:
        """Write into the lock that an operator must see to a bot; from here on no engine gets it.

        Returns:
            False when the lock says that the bot has proved idle since: nothing is known against it.

        Raises:
            LockHeldError: Another engine has it, or it is quarantined already.
        """
        seat.condemned = reason
        try:
            async with seat.guard:
                lease, seat.lease = seat.lease, None
                if lease is not None and await self._try_quarantine(lease, reason):
                    return True
                lease = await self._lock_now(seat, 0)
                if lease.record.state is LeaseState.FREE:
                    # its last holder knew it idle, or the records are lost: what is to be known, a claim will show
                    await self._lock.release(await self._lock.write(lease, LeaseState.UNKNOWN))
                    return False
                return await self._try_quarantine(lease, reason)
        finally:
            seat.condemned = ""

    async def pardon(self, seat: Seat) -> LockRecord:
        """Take a quarantined bot back on an operator's word; whether it is idle a claim must show.

        Raises:
            LockHeldError: Another engine that lives has it.
            LockUnavailableError: Not known; ask again.
        """
        async with seat.guard:
            lease = await self._lock.take(
                seat.bot, engine=self._engine, now_us=self._env.now(), floor=0, even_quarantined=True
            )
            await self._lock.release(lease)
            return lease.record

    async def _try_quarantine(self, lease: Lease, reason: str) -> bool:
        try:
            await self._write_quarantined(lease, reason)
        except LockLostError as error:
            _log.warning(
                "the lease of bot %s was lost before it was quarantined: %s",
                lease.record.bot,
                error,
                extra={"action": "lease_lost", "bot": lease.record.bot},
            )
            return False
        return True

    async def _write_quarantined(self, lease: Lease, reason: str) -> None:
        written = await self._write_surely(lease, LeaseState.QUARANTINED, reason)
        self._on_record(written.record)
        try:
            # so that whichever engine an operator asks can take it
            await self._lock.release(written)
        except LockError as error:
            _log.warning(
                "bot %s was not given back: %s", lease.record.bot, error, extra={"action": "release_failed"}
            )

    async def _write_surely(self, lease: Lease, state: LeaseState, reason: str) -> Lease:
        while True:
            try:
                return await self._lock.write(lease, state, reason)
            except LockUnavailableError as error:
                _log.log(
                    level_of(error),
                    "the lock of bot %s is out of reach, trying again: %s",
                    lease.record.bot,
                    error,
                    extra={"action": "lease_late"},
                )
                await asyncio.sleep(_KEY_REPEAT_S)

    async def _release(self, seat: Seat, lease: Lease) -> None:
        """Give a bot back; one that somebody here waits for, or that may still work, is not given back as idle."""
        if seat.occupants or seat.works_on is not None:
            lease = await self._lock.write(lease, LeaseState.UNKNOWN)
        await self._lock.release(lease)

    # -- the engine's key ------------------------------------------------------------------------------------

    async def make_key(self) -> None:
        """Make the engine's key, before anything is taken under it; repeats until it is made."""
        while True:
            try:
                if await self._renew():
                    return
            except LockLostError:
                continue  # an old one had expired, which is known; the next call makes it anew
            await asyncio.sleep(_KEY_REPEAT_S)

    async def keep_alive(self, on_lost: Callable[[], None]) -> None:
        """Renew the engine's key for ever; `on_lost` when it had expired, or may have."""
        while True:
            await asyncio.sleep(TTL_S / 4)
            try:
                await self._renew()
            except LockLostError as error:
                _log.error("the engine's key had expired: %s", error, extra={"action": "engine_key_lost"})
                await self._make_anew(on_lost)
            if self._env.boottime_s() > self._key_until_s:
                # nobody has told us, but others may have seen it go
                _log.error(
                    "the engine's key was not renewed in %.0f s: other engines may take its bots; it takes them again"
                    " as soon as it reaches their locks",
                    TTL_S,
                    extra={"action": "engine_key_lost"},
                )
                await self._make_anew(on_lost)

    async def _make_anew(self, on_lost: Callable[[], None]) -> None:
        self._has_key.clear()
        on_lost()
        await self.make_key()

    async def _renew(self) -> bool:
        # counted from before the request was sent, on a clock that runs through suspend
        asked_s = self._env.boottime_s()
        try:
            await self._lock.keep_alive(self._engine, ttl_s=TTL_S)
        except LockUnavailableError as error:
            _log.log(
                level_of(error),
                "the engine's key was not renewed, trying again: %s",
                error,
                extra={"action": "engine_key_late"},
            )
            return False
        self._key_until_s = asked_s + TTL_S
        self._has_key.set()
        return True


def _named_by(answer: ActivityResponse) -> Occupant | None:
    running = answer.running
    return None if running is None else (JobId(running.job), VisitId(running.visit), running.attempt)


def _too_high(lease: int) -> str:
    return (
        f"it names a fence of lease {lease}, more than a day ahead of this clock and of its last lease;"
        " mend the clock, or give it a new ledger"
    )
