"""Brings visits and bots together: one fact carries a free, leased bot to the first visit that fits it.

The Reactor says who waits (`want`), who works (`occupy`) and who still may work (`drain`); these calls never wait
and may be repeated. Matching runs once per turn of the loop, after all of a job's waits are known, so that a bot is
not free for a moment between the end of an attempt and the begin of its drain.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from ee_core.contracts.hooks import BotView, VisitView
from ee_core.errors import ConflictError, EngineError, LockLostError
from ee_core.fleet.leases import Leases
from ee_core.fleet.lines import Lines
from ee_core.fleet.looks import Looks
from ee_core.fleet.quarantine import Quarantine
from ee_core.fleet.roster import Roster
from ee_core.fleet.seats import Seat
from ee_core.model.facts import BotFound, BotGranted, BotMissing
from ee_core.model.ids import BotId, Fence, JobId
from ee_core.tasks import begin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

    from ee_core.contracts.env import Env
    from ee_core.contracts.lock import LockProvider
    from ee_core.fleet.leases import BotAddress, SendToBot
    from ee_core.fleet.lines import Want
    from ee_core.fleet.looks import BotRow
    from ee_core.fleet.roster import Requirement
    from ee_core.fleet.seats import Occupant
    from ee_core.messages.activity import ActivityResponse
    from ee_core.messages.bots import BotHello
    from ee_core.model.facts import AnyFact
    from ee_core.model.ids import EngineId
    from ee_core.model.waits import DrainWait, LeaseWait, ResponseWait, WaitKey

_log = logging.getLogger(__name__)

_SWEEP_S = 0.5
_MISSING_S = 2.0  # a bot gets this long to say hello before a visit is told that none fits
_IDLE_S = 60.0  # an idle lease is given back after this


class TellJob(Protocol):
    """Tells a fact to a job's Executor."""

    def __call__(self, job: JobId, fact: AnyFact) -> Awaitable[object]:
        """Done when what came of it is durable; raises `EngineError` when the job is not driven here."""


class ChooseBot(Protocol):
    """Asks the hooks when more than one bot fits."""

    def __call__(self, visit: VisitView, candidates: Sequence[BotView]) -> BotId:
        """Return the id of one candidate."""


class ViewVisit(Protocol):
    """Shows a waiting visit to a hook."""

    def __call__(self, job: JobId, wait: LeaseWait, /) -> VisitView: ...


class Fleet:
    """All seats, lines and leases of one engine; used from the engine's loop only."""

    def __init__(
        self,
        lock: LockProvider,
        engine: EngineId,
        *,
        env: Env,
        send: SendToBot,
        address: BotAddress,
        tell: TellJob,
        choose: ChooseBot,
        view: ViewVisit,
    ) -> None:
        self.started = asyncio.Event()
        self.roster = Roster()
        self._seats: dict[BotId, Seat] = {}
        self._lines = Lines()
        self._lock = lock
        self._quarantine = Quarantine(self._match_soon)
        self._looks = Looks(self.roster, self._seats, self._quarantine, env=env)
        self._env = env
        self._tell = tell
        self._choose = choose
        self._view = view
        self._leases = Leases(
            lock,
            engine,
            env=env,
            roster=self.roster,
            send=send,
            address=address,
            on_change=self._lease_changed,
            on_record=self._quarantine.note,
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._match_due = False
        self._is_forming = False
        self._on_worker: list[Callable[[], None]] = []

    # -- life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep leases and lines going until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._leases.make_key()
            tasks.create_task(self._leases.keep_alive(self._key_lost), name="fleet-key")
            tasks.create_task(self._quarantine.follow(self._lock), name="fleet-quarantine")
            self._match_soon()
            self.started.set()
            try:
                await self._sweep()
            finally:
                self._tasks = None  # from here on nobody is asked any more

    async def give_back(self) -> None:
        """Release every bot that does nothing; for a clean stop."""
        for seat in self._seats.values():
            if seat.is_free:
                await self._leases.give_back(seat)

    @contextmanager
    def forming(self) -> Iterator[None]:
        """Give no bot away inside: not all who wait for one are in line yet, nor is all known that bots work on."""
        self._is_forming = True
        try:
            yield
        finally:
            self._is_forming = False
        self._match_soon()

    # -- what the Reactor says -----------------------------------------------------------------------------

    def want(self, job: JobId, priority: int, wait: LeaseWait) -> None:
        """A visit waits for a bot."""
        self._lines.add(job, priority, wait, self._now_s())
        self._match_soon()

    def unwant(self, job: JobId, key: WaitKey) -> None:
        """It does no more."""
        self._lines.remove(job, key)

    def occupy(self, job: JobId, wait: ResponseWait) -> None:
        """A bot works on an attempt, or is about to."""
        assert wait.bot is not None, "only a bot can be occupied"
        self._seat(wait.bot).occupants[job, wait.visit, wait.attempt] = False
        self._match_soon()

    def drain(self, job: JobId, wait: DrainWait) -> None:
        """A bot may still work on an attempt that has ended."""
        self._seat(wait.bot).occupants[job, wait.visit, wait.attempt] = True
        self._match_soon()

    def vacate(self, bot: BotId, occupant: Occupant) -> None:
        """The bot works on it no more, by its own word, or was given up with it."""
        seat = self._seat(bot)
        if not seat.vacate(occupant):
            return
        seat.idle_since_s = self._now_s()
        seat.last_used_us = self._env.now()
        if seat.is_held and seat.is_doubtful:
            # pardoned before the record of its quarantine was durable: what it said when it was claimed still holds
            self._reclaim(seat)
        self._match_soon()

    async def quarantine(self, bot: BotId, occupant: Occupant, reason: str) -> str | None:
        """Let nobody use a bot that had no word for an attempt in time; returns when the lock says so.

        Returns:
            The reason in the lock, by an earlier attempt's perhaps; None when the bot is not draining for this
            attempt any more, or has proved idle to another engine.

        Raises:
            LockHeldError: Another engine has it.
        """
        seat = self._seat(bot)
        if self._quarantine.reason(bot) is None and seat.occupants.get(occupant):
            await self._leases.quarantine(seat, reason)
            self._match_soon()
        known = self._quarantine.reason(bot)
        if known is not None and occupant in seat.occupants:
            seat.given_up.add(occupant)
        return known

    async def pardon(self, bot: BotId) -> None:
        """Let a quarantined bot be used again, on an operator's word and once it proves idle.

        Raises:
            ConflictError: It is not quarantined.
            LockError: The lock did not let it go.
        """
        if bot not in self._quarantine:
            quarantined = ", ".join(self._quarantine.bots())
            raise ConflictError(f"bot {bot!r} is not quarantined; quarantined are: {quarantined or 'none'}")
        self._quarantine.note(await self._leases.pardon(self._seat(bot)))

    # -- what bots say -------------------------------------------------------------------------------------

    def saw(self, hello: BotHello) -> None:
        """Take in a hello or a heartbeat."""
        if not self.roster.saw(hello, self._now_s()):
            return
        if hello.stateless:
            self._tell_workers()
            return
        seat = self._seat(BotId(hello.bot))
        presence = self.roster.find(seat.bot)
        if seat.is_held and presence is not None and seat.ledger != presence.ledger:
            # another memory: what the claim's answer proved is proved no more
            seat.ledger = ""
            self._reclaim(seat)
        self._match_soon()

    def claim_answered(self, bot: BotId, response: ActivityResponse) -> None:
        """Take in a bot's answer to a claim."""
        self._leases.answered(bot, response)

    def saw_fence(self, bot: BotId, highest: Fence) -> None:
        """Take in the highest fence that a bot names: of a lease above ours it would begin nothing that we send it."""
        seat = self._seats.get(bot)
        if seat is not None and seat.lease is not None and seat.lease.record.lease < highest.lease:
            error = LockLostError(f"it has answered a claim of lease {highest.lease}: another engine has it")
            self._spawn(self._leases.lose(seat, error), f"lose-{bot}")

    def is_strange(self, bot: BotId, occupant: Occupant) -> bool:
        """Say whether a bot that this engine has works on something that nobody here waits for."""
        seat = self._seats.get(bot)
        return seat is not None and seat.is_held and occupant not in seat.occupants

    def on_worker(self, callback: Callable[[], None]) -> None:
        """Call back whenever workers for stateless work came or went."""
        self._on_worker.append(callback)

    # -- views ---------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many visits wait for a bot."""
        return len(self._lines)

    def describe_need(self, wait: LeaseWait) -> str:
        """Say what bot a visit waits for, and who that could be."""
        return self._looks.describe_need(wait)

    def describe_drain(self, wait: DrainWait, due_us: int | None) -> str:
        """Say what a bot may still do, and when that is over; `due_us`: when it is quarantined."""
        return self._looks.describe_drain(wait, due_us)

    def rows(self) -> list[BotRow]:
        """Return all bots and workers, by id."""
        return self._looks.rows()

    # -- matching ------------------------------------------------------------------------------------------

    def _seat(self, bot: BotId) -> Seat:
        return self._seats.setdefault(bot, Seat(bot))

    def _match_soon(self) -> None:
        if not self._match_due and self._tasks is not None:
            self._match_due = True
            asyncio.get_running_loop().call_soon(self._match)

    def _match(self) -> None:
        self._match_due = False
        if self._is_forming:
            return
        free = {seat.bot: seat for seat in self._seats.values() if seat.is_free and self._is_usable(seat)}
        while free:
            want = self._lines.first(lambda needs: any(self._admits(needs, seat) for seat in free.values()))
            if want is None:
                break
            seat = self._pick(want, [seat for seat in free.values() if self._admits(want.needs, seat)])
            del free[seat.bot]
            self._grant(want, seat)
        self._take_more()

    def _is_usable(self, seat: Seat) -> bool:
        presence = self.roster.find(seat.bot)
        is_there = presence is not None and not presence.leaving
        return is_there and seat.bot not in self._quarantine and not self._is_contested(seat.bot)

    def _is_contested(self, bot: BotId) -> bool:
        return self.roster.is_contested(bot, self._now_s())

    def _admits(self, needs: Requirement, seat: Seat) -> bool:
        presence = self.roster.find(seat.bot)
        return presence is not None and needs.admits(presence)

    def _pick(self, want: Want, fitting: list[Seat]) -> Seat:
        if len(fitting) == 1:
            return fitting[0]
        fitting.sort(key=lambda seat: (seat.last_used_us or 0, seat.bot))
        views = [self._view_bot(seat) for seat in fitting]
        chosen = self._choose(self._view(want.job, want.wait), views)
        return next(seat for seat in fitting if seat.bot == chosen)

    def _view_bot(self, seat: Seat) -> BotView:
        presence = self.roster.find(seat.bot)
        assert presence is not None, "a candidate is there"
        return BotView(seat.bot, presence.labels, tuple(sorted(presence.activities)), seat.last_used_us)

    def _grant(self, want: Want, seat: Seat) -> None:
        self._lines.remove(want.job, want.wait.key)
        seat.granting = want.job
        self._spawn(self._tell_grant(want, seat, seat.next_fence()), f"grant-{seat.bot}")

    async def _tell_grant(self, want: Want, seat: Seat, fence: Fence) -> None:
        fact = BotGranted(
            at_us=self._env.now(), visit=want.wait.visit, bot=seat.bot, ledger=seat.ledger, fence=fence
        )
        try:
            await self._tell(want.job, fact)
        except EngineError as error:
            _log.warning(
                "a bot was not assigned: %s", error, extra={"action": "grant_failed", "job": want.job}
            )
        finally:
            seat.granting = None
            self._match_soon()

    def _take_more(self) -> None:
        """Lease what is needed: bots that somebody waits for, and those that work for us already."""
        now = self._now_s()
        wanted = self._lines.requirements()
        for presence in self.roster:
            if presence.stateless:
                continue
            seat = self._seat(presence.bot)
            if seat.taking or seat.lease is not None or seat.denied_until_s > now:
                continue
            if seat.condemned or seat.bot in self._quarantine:
                continue
            is_usable = not presence.leaving and not self._is_contested(presence.bot)
            is_wanted = is_usable and any(needs.admits(presence) for needs in wanted)
            if seat.occupants or is_wanted:
                seat.taking = True
                self._spawn(self._leases.take(seat), f"lease-{seat.bot}")

    def _lease_changed(self, seat: Seat) -> None:
        del seat
        self._match_soon()

    # -- changes of bots and engine --------------------------------------------------------------------------

    def _reclaim(self, seat: Seat) -> None:
        self._spawn(self._give_up_and_match(seat), f"reclaim-{seat.bot}")

    async def _give_up_and_match(self, seat: Seat) -> None:
        await self._leases.give_back(seat)
        self._match_soon()

    def _key_lost(self) -> None:
        error = LockLostError("the engine's key had expired: others may have taken its bots")
        error.is_told = True  # of the key, and so of all its bots
        for seat in self._seats.values():
            if seat.lease is not None:
                self._spawn(self._leases.lose(seat, error), f"lose-{seat.bot}")
        self._match_soon()

    def _tell_workers(self) -> None:
        for callback in self._on_worker:
            callback()

    # -- time ------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            gone = self.roster.expire(self._now_s())
            for bot in gone:
                if (
                    self.roster.find_departed(bot) is None
                ):  # others take its work, and most are an engine's own
                    _log.info(
                        "worker %s is gone: no sign of life", bot, extra={"action": "bot_gone", "bot": bot}
                    )
                    continue
                _log.warning(
                    "bot %s is gone: no sign of life; see whether its process runs and reaches the broker",
                    bot,
                    extra={"action": "bot_gone", "bot": bot},
                )
            if gone:
                self._tell_workers()
            self._tell_missing()
            await self._give_back_idle()
            self._match_soon()

    def _tell_missing(self) -> None:
        """Tell visits that no living bot fits, and those told so that one has come."""
        unusable = set(self._quarantine.bots())
        there = {needs: self.roster.has_bot(needs, unusable) for needs in self._lines.requirements()}
        for want in list(self._lines):
            is_there = there.get(want.needs, False)
            if is_there == (not want.missing_told):
                continue
            if not is_there and self._now_s() - want.since_s < _MISSING_S:
                continue
            want.missing_told = not is_there
            self._spawn(self._tell_presence(want, is_there=is_there), f"presence-{want.job}")

    async def _tell_presence(self, want: Want, *, is_there: bool) -> None:
        at_us = self._env.now()
        visit = want.wait.visit
        fact: AnyFact = (
            BotFound(at_us=at_us, visit=visit)
            if is_there
            else BotMissing(at_us=at_us, visit=visit, text=self._looks.describe_missing(want.needs))
        )
        try:
            await self._tell(want.job, fact)
        except EngineError as error:
            _log.warning(
                "job %s was not told about bots: %s", want.job, error, extra={"action": "tell_failed"}
            )

    async def _give_back_idle(self) -> None:
        horizon = self._now_s() - _IDLE_S
        for seat in list(self._seats.values()):
            if seat.is_free and seat.idle_since_s < horizon:
                await self._leases.give_back(seat)

    # -- helpers of its own ------------------------------------------------------------------------------------

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        begin(self._tasks, work, name=name)
