"""The conformance kit of bot-lock providers: one test or more per numbered clause of `ee_core.contracts.lock`.

Derive from `LockConformance`, and override the fixture `store`::

    class MyStore(LockStore):
        def connect(self): return MyLock(...)

    class TestMyLock(LockConformance):
        @pytest_asyncio.fixture
        async def store(self): return MyStore(...)

Keys expire by sleeping, a second or two for most; in virtual time that costs nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

import pytest
import pytest_asyncio

from ee_core.contracts import lock as contract
from ee_core.contracts.lock import Lease, LeaseState, LockProvider, LockRecord
from ee_core.errors import LockHeldError, LockLostError, LockUnavailableError
from ee_core.model.ids import BotId, EngineId
from ee_core.testing.conformance import Conformance, need
from ee_core.testing.lock_store import LockStore, watching

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

_T = TypeVar("_T")
_BOT, _OTHER_BOT, _THIRD_BOT = BotId("robot-1"), BotId("robot-2"), BotId("robot_3")
_ANNA, _BERT, _CARL = EngineId("anna"), EngineId("bert"), EngineId("carl")
_NOW_US: Final = 1_767_225_600_000_000
_GRACE_S: Final = 2.0  # of L8
_RACERS: Final = 12


class LockConformance(Conformance):
    """One test or more for each clause; override `store`."""

    contract: ClassVar[ModuleType] = contract
    ttl_s: ClassVar[float] = 2.0  # of keys that are to expire
    wait_s: ClassVar[float] = 10.0  # what must come comes within
    quiet_s: ClassVar[float] = 0.3  # what must not come has not come

    @pytest_asyncio.fixture
    async def store(self) -> LockStore:
        """Give a store without records."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture store")

    # -- take ----------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("before", ["no record", "a released record", "a dead holder's record"])
    async def test_l1_of_many_engines_one_takes(self, store: LockStore, before: str) -> None:
        async with AsyncExitStack() as stack:
            locks = [await stack.enter_async_context(store.connect()) for _ in range(4)]
            racers = [(locks[number % 4], EngineId(f"e{number}")) for number in range(_RACERS)]
            for lock, engine in racers:
                await lock.keep_alive(engine, ttl_s=60)
            if before != "no record":
                first = await take(locks[0], engine=_ANNA)
                if before == "a released record":
                    await locks[0].release(first)

            taken = await asyncio.gather(*(caught(take(lock, engine=engine)) for lock, engine in racers))

            winners = [lease for lease in taken if isinstance(lease, Lease)]
            assert [type(error) for error in taken if error not in winners] == [LockHeldError] * (_RACERS - 1)
            assert [lease.record.holder for lease in winners] == [
                engine for (_, engine), lease in zip(racers, taken, strict=True) if lease in winners
            ]
            lock = next(lock for (lock, _), lease in zip(racers, taken, strict=True) if lease in winners)
            assert (await lock.write(winners[0], LeaseState.HELD)).record.state is LeaseState.HELD

    async def test_l2_lease_number_is_the_largest_of_three(self, store: LockStore) -> None:
        numbers = []
        async with store.connect() as anna, store.connect() as bert:
            for number, (now_us, floor) in enumerate(
                [(1000, 0), (10, 0), (10, 5000), (5000, 10), (9000, 8000), (0, 0)]
            ):
                lock, engine = ((anna, _ANNA), (bert, _BERT))[number % 2]
                lease = await lock.take(_BOT, engine=engine, now_us=now_us, floor=floor)
                numbers.append(lease.record.lease)
                if number < 2:  # the others are taken over
                    await lock.release(lease)

        assert numbers == [1000, 1001, 5000, 5001, 9000, 9001]

    async def test_l2_lease_number_rises_over_a_restart(self, store: LockStore) -> None:
        async with store.connect() as lock:
            need(lock.traits, durable=True)
            held = await take(lock, now_us=7000)
            await lock.release(await take(lock, _OTHER_BOT, now_us=8000))

        await store.restart()
        async with store.connect() as lock:
            again = await self.at_last(lambda: take(lock, engine=_BERT, now_us=10))
            released = await take(lock, _OTHER_BOT, engine=_BERT, now_us=10)

        assert (held.record.lease, again.record.lease, released.record.lease) == (7000, 7001, 8001)

    async def test_l2_lease_number_goes_on_from_clock_and_floor_after_a_loss(self, store: LockStore) -> None:
        async with store.connect() as lock:
            need(lock.traits, durable=True)
            await take(lock, now_us=7000)

        await store.lose()
        async with store.connect() as lock:
            by_clock = await self.at_last(lambda: take(lock, now_us=7500))
            by_floor = await lock.take(_OTHER_BOT, engine=_ANNA, now_us=10, floor=7001)

        assert (by_clock.record.lease, by_floor.record.lease) == (7500, 7001)
        assert by_clock.record.state is LeaseState.FREE

    @pytest.mark.parametrize("state", [LeaseState.FREE, LeaseState.HELD, LeaseState.DRAINING])
    async def test_l3_what_a_living_engine_holds_is_not_taken(
        self, store: LockStore, state: LeaseState
    ) -> None:
        async with store.connect() as anna, store.connect() as bert:
            await anna.keep_alive(_ANNA, ttl_s=60)
            lease = await anna.write(await take(anna), state, "why")
            for _ in range(2):
                with pytest.raises(LockHeldError, match=_ANNA):
                    await take(bert, engine=_BERT, now_us=2 * _NOW_US)

            assert (await anna.write(lease, state, "why")).record == lease.record

    async def test_l3_holder_takes_again_with_a_new_number(self, store: LockStore) -> None:
        async with store.connect() as lock:
            await lock.keep_alive(_ANNA, ttl_s=60)
            first = await take(lock)
            second = await take(lock)
            await lock.write(second, LeaseState.HELD)
            third = await take(lock)

            assert [lease.record.state for lease in (first, second, third)] == [
                LeaseState.FREE,
                LeaseState.FREE,
                LeaseState.UNKNOWN,
            ]
            assert first.record.lease < second.record.lease < third.record.lease
            await lock.release(third)

    @pytest.mark.parametrize("state", [*LeaseState][:-1])
    async def test_l4_what_a_dead_engine_held_is_taken_as_unknown(
        self, store: LockStore, state: LeaseState
    ) -> None:
        async with store.connect() as anna, store.connect() as bert:
            await bert.keep_alive(_BERT, ttl_s=60)  # anna has no key
            lease = await take(anna)
            if state is not LeaseState.FREE:
                lease = await anna.write(lease, state, "why")
            taken = await take(bert, engine=_BERT)

        assert taken.record.lease > lease.record.lease
        assert taken.record == LockRecord(_BOT, _BERT, taken.record.lease, LeaseState.UNKNOWN)

    async def test_l4_what_a_silent_engine_held_is_taken_when_its_key_has_expired(
        self, store: LockStore
    ) -> None:
        async with store.connect() as anna, store.connect() as bert:
            await anna.keep_alive(_ANNA, ttl_s=self.ttl_s)
            await anna.write(await take(anna), LeaseState.HELD)
            with pytest.raises(LockHeldError):
                await take(bert, engine=_BERT)
            await asyncio.sleep(self.ttl_s + _GRACE_S)
            taken = await take(bert, engine=_BERT)

        assert (taken.record.holder, taken.record.state) == (_BERT, LeaseState.UNKNOWN)

    async def test_l4_what_is_kept_in_one_process_is_unknown_after_its_restart(
        self, store: LockStore
    ) -> None:
        async with store.connect() as lock:
            need(lock.traits, shared=False, durable=True)
            await take(lock)
            await lock.release(await take(lock, _OTHER_BOT))

        await store.restart()
        async with store.connect() as lock:
            await lock.keep_alive(_CARL, ttl_s=60)
            first = [await take(lock, bot, engine=_CARL) for bot in (_BOT, _OTHER_BOT, _THIRD_BOT)]
            await lock.release(await lock.write(first[1], LeaseState.HELD))
            second = await take(lock, _OTHER_BOT, engine=_CARL)

        assert [lease.record.state for lease in (*first, second)] == [
            LeaseState.UNKNOWN,
            LeaseState.UNKNOWN,
            LeaseState.FREE,
            LeaseState.FREE,
        ]

    async def test_l5_what_nobody_had_or_was_released_idle_is_free(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            new = await take(anna)
            await anna.release(new)
            from_free = await take(bert, engine=_BERT)
            await bert.release(await bert.write(from_free, LeaseState.HELD, "busy"))
            from_held = await take(anna)

        assert [lease.record.state for lease in (new, from_free, from_held)] == [LeaseState.FREE] * 3
        assert {lease.record.reason for lease in (new, from_free, from_held)} == {""}

    @pytest.mark.parametrize("state", [LeaseState.UNKNOWN, LeaseState.DRAINING])
    async def test_l5_what_was_released_in_doubt_is_unknown(
        self, store: LockStore, state: LeaseState
    ) -> None:
        async with store.connect() as anna, store.connect() as bert:
            await anna.release(await anna.write(await take(anna), state))
            taken = await take(bert, engine=_BERT)

        assert taken.record.state is LeaseState.UNKNOWN

    # -- write, release ------------------------------------------------------------------------------------------------

    async def test_l6_lease_that_was_taken_over_is_lost(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            old = await take(anna)
            await bert.keep_alive(_BERT, ttl_s=60)
            new = await take(bert, engine=_BERT)  # anna has no key
            for change in (lambda: anna.write(old, LeaseState.HELD), lambda: anna.release(old)):
                with pytest.raises(LockLostError):
                    await change()
                with pytest.raises(LockHeldError, match=_BERT):
                    await take(anna)
            await bert.release(await bert.write(new, LeaseState.HELD))

    async def test_l6_each_write_replaces_the_lease(self, store: LockStore) -> None:
        async with store.connect() as lock:
            await lock.keep_alive(_ANNA, ttl_s=60)
            taken = await take(lock)
            held = await lock.write(taken, LeaseState.HELD, "why")
            assert held.record == replace(taken.record, state=LeaseState.HELD, reason="why")
            with pytest.raises(LockLostError):
                await lock.write(taken, LeaseState.DRAINING)
            await lock.release(held)
            for stale in (taken, held):
                with pytest.raises(LockLostError):
                    await lock.release(stale)
                with pytest.raises(LockLostError):
                    await lock.write(stale, LeaseState.HELD)
            assert (await take(lock)).record.state is LeaseState.FREE

    async def test_l7_quarantined_bot_is_not_taken(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            lease = await anna.write(await take(anna), LeaseState.QUARANTINED, "the arm does not stop")
            await refuses_quarantined(anna)
            await refuses_quarantined(bert, engine=_BERT)  # though anna has no key
            await anna.release(lease)
            await refuses_quarantined(bert, engine=_BERT)

    async def test_l7_quarantined_bot_is_taken_on_an_operators_word(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            dead = await anna.write(await take(anna), LeaseState.QUARANTINED, "the arm does not stop")
            back = await bert.take(_BOT, engine=_BERT, now_us=_NOW_US, floor=0, even_quarantined=True)
            assert (back.record.state, back.record.reason) == (LeaseState.UNKNOWN, "")
            assert back.record.lease > dead.record.lease

            await anna.keep_alive(_ANNA, ttl_s=60)
            lease = await anna.write(await take(anna, _OTHER_BOT), LeaseState.QUARANTINED, "likewise")
            with pytest.raises(LockHeldError, match=_ANNA):  # she lives, and decides herself
                await bert.take(_OTHER_BOT, engine=_BERT, now_us=_NOW_US, floor=0, even_quarantined=True)
            await anna.write(lease, LeaseState.HELD)

    async def test_l7_quarantine_outlives_a_restart(self, store: LockStore) -> None:
        async with store.connect() as lock:
            need(lock.traits, durable=True)
            await lock.write(await take(lock), LeaseState.QUARANTINED, "the arm does not stop")

        await store.restart()
        async with store.connect() as lock:
            await self.at_last(lambda: lock.is_alive(_BERT))
            await refuses_quarantined(lock, engine=_BERT)

    # -- keys ----------------------------------------------------------------------------------------------------------

    async def test_l8_key_lives_while_it_is_renewed(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            await bert.keep_alive(_BERT, ttl_s=60)
            assert not await bert.is_alive(_ANNA)
            for _ in range(4):
                await anna.keep_alive(_ANNA, ttl_s=self.ttl_s)
                for _ in range(2):
                    await asyncio.sleep(self.ttl_s * 0.35)
                    assert await bert.is_alive(_ANNA)
                    assert await anna.is_alive(_ANNA)
            # the last renewal was 0.7 ttl ago
            await asyncio.sleep(self.ttl_s * 0.3 + _GRACE_S)
            assert not await bert.is_alive(_ANNA)
            assert not await anna.is_alive(_ANNA)
            assert await anna.is_alive(_BERT)

    async def test_l8_late_renewal_is_told_once(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            await bert.keep_alive(_BERT, ttl_s=self.ttl_s)
            for lock, engine in ((anna, _ANNA), (bert, _CARL)):
                await lock.keep_alive(engine, ttl_s=60)
            await asyncio.sleep(self.ttl_s + _GRACE_S)
            with pytest.raises(LockLostError):
                await bert.keep_alive(_BERT, ttl_s=60)
            assert not await anna.is_alive(_BERT)
            for _ in range(2):
                await bert.keep_alive(_BERT, ttl_s=60)
                assert await anna.is_alive(_BERT)
            for lock, engine in ((anna, _ANNA), (bert, _CARL)):
                await lock.keep_alive(engine, ttl_s=60)

    # -- watch, close, retire ------------------------------------------------------------------------------------------

    async def test_l9_watch_shows_what_is_there_once(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            records = [(await anna.write(await take(anna), LeaseState.HELD)).record]
            records.append((await take(anna, _OTHER_BOT)).record)
            async with watching(bert) as seen:
                await seen.until(
                    lambda seen: len(seen.records) >= 2, within_s=self.wait_s, what="two records"
                )
                await asyncio.sleep(self.quiet_s)

        assert sorted(seen.records, key=lambda record: record.bot) == records
        assert seen.error is None

    async def test_l9_watch_shows_each_change_of_any_engine(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert, watching(bert) as seen:

            async def shows(bot: BotId, holder: EngineId | None, state: LeaseState) -> None:
                def reached() -> bool:
                    last = seen.last(bot)
                    return last is not None and (last.holder, last.state) == (holder, state)

                await seen.until(lambda _: reached(), within_s=self.wait_s, what=f"{bot} {state}, {holder}")

            lease = await take(anna)
            await shows(_BOT, _ANNA, LeaseState.FREE)
            await anna.write(lease, LeaseState.HELD, "why")
            await shows(_BOT, _ANNA, LeaseState.HELD)
            taken = await take(bert, engine=_BERT)  # over, since anna has no key
            await shows(_BOT, _BERT, LeaseState.UNKNOWN)
            other = await take(bert, _OTHER_BOT, engine=_BERT)
            await shows(_OTHER_BOT, _BERT, LeaseState.FREE)
            await bert.write(taken, LeaseState.QUARANTINED, "the arm does not stop")
            await shows(_BOT, _BERT, LeaseState.QUARANTINED)
            await bert.release(other)
            await shows(_OTHER_BOT, None, LeaseState.FREE)

        numbers = [record.lease for record in seen.records if record.bot == _BOT]
        assert numbers == sorted(numbers)
        assert seen.records[-1].lease == other.record.lease

    async def test_l9_slow_watch_shows_the_last_change(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert, bert.watch() as changes:
            for bot in (_BOT, _OTHER_BOT) * 5:
                lease = await anna.write(await take(anna, bot), LeaseState.HELD, "one more")
                await anna.release(lease)
            last = await anna.write(await take(anna), LeaseState.DRAINING)
            try:
                async with asyncio.timeout(self.wait_s):
                    async for record in changes:
                        if record == last.record:
                            break
            except TimeoutError:
                pytest.fail(f"the watch did not show {last.record} within {self.wait_s} s")

    async def test_l10_nothing_works_after_close(self, store: LockStore) -> None:
        async with store.connect() as lock, watching(lock) as seen:
            await lock.keep_alive(_ANNA, ttl_s=60)
            lease = await take(lock)
            await lock.close()
            await lock.close()
            calls: list[Callable[[], Awaitable[object]]] = [
                lambda: take(lock, _OTHER_BOT),
                lambda: lock.write(lease, LeaseState.HELD),
                lambda: lock.release(lease),
                lambda: lock.keep_alive(_ANNA, ttl_s=60),
                lambda: lock.is_alive(_ANNA),
                lambda: lock.retire(_ANNA),
                lambda: lock.watch().__aenter__(),
            ]
            found = [type(await caught(call())) for call in calls]
            await seen.until(lambda seen: seen.error is not None, within_s=self.wait_s, what="the end")

        assert found == [LockUnavailableError] * len(calls)
        assert isinstance(seen.error, LockUnavailableError)

    async def test_l10_leases_and_keys_outlive_a_close(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            await anna.keep_alive(_ANNA, ttl_s=60)
            await anna.write(await take(anna), LeaseState.HELD)
            await anna.close()

            assert await bert.is_alive(_ANNA)
            with pytest.raises(LockHeldError):
                await take(bert, engine=_BERT)

    async def test_l11_retired_engine_is_dead_at_once(self, store: LockStore) -> None:
        async with store.connect() as anna, store.connect() as bert:
            for lock, engine in ((anna, _ANNA), (bert, _BERT)):
                await lock.keep_alive(engine, ttl_s=60)
            await take(anna)
            await anna.retire(_ANNA)
            await anna.retire(_ANNA)
            assert [await bert.is_alive(engine) for engine in (_ANNA, _BERT)] == [False, True]
            taken = await take(bert, engine=_BERT)
            assert taken.record.holder == _BERT
            await anna.keep_alive(_ANNA, ttl_s=60)
            assert await bert.is_alive(_ANNA)

    async def at_last(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call, again and again while the provider is out of reach."""
        async with asyncio.timeout(self.wait_s):
            while True:
                try:
                    return await call()
                except LockUnavailableError:
                    await asyncio.sleep(0.05)


async def take(
    lock: LockProvider, bot: BotId = _BOT, *, engine: EngineId = _ANNA, now_us: int = _NOW_US
) -> Lease:
    """Take a bot's lock with what is usual here."""
    return await lock.take(bot, engine=engine, now_us=now_us, floor=0)


async def caught(call: Awaitable[object]) -> object:
    """Return a call's result, or what it raised."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - the caller compares what was raised
        return error


async def refuses_quarantined(lock: LockProvider, *, engine: EngineId = _ANNA) -> None:
    """See that the bot is not to be had, and why."""
    with pytest.raises(LockHeldError, match="the arm does not stop"):
        await take(lock, engine=engine)
