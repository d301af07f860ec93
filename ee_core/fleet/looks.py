"""What is said of bots: the state of each, why it is not to be had, and who could do what a visit waits for.

Only looks: nothing here decides who gets a bot.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ee_core.fleet.roster import to_requirement
from ee_core.fleet.seats import BotState
from ee_core.messages.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ee_core.contracts.env import Env
    from ee_core.fleet.quarantine import Quarantine
    from ee_core.fleet.roster import Presence, Requirement, Roster
    from ee_core.fleet.seats import Seat
    from ee_core.model.ids import BotId
    from ee_core.model.waits import DrainWait, LeaseWait

_MOST = 8  # bots in one text


@dataclass(frozen=True, slots=True)
class BotRow:
    """A bot as `eectl bot list` shows it."""

    bot: BotId
    state: BotState
    activities: tuple[str, ...]
    labels: Mapping[str, str]
    job: str
    visit: str
    stateless: bool
    reason: str = ""  # why it is not to be had, where its state does not say all


class Looks:
    """Looks at the bots of one Fleet, by id.

    Args:
        seats: As the Fleet has them, and changes them.
    """

    def __init__(
        self, roster: Roster, seats: Mapping[BotId, Seat], quarantine: Quarantine, *, env: Env
    ) -> None:
        self._roster = roster
        self._seats = seats
        self._quarantine = quarantine
        self._env = env

    def rows(self) -> list[BotRow]:
        """Return all bots and workers: those that are heard, and those that hold an attempt or are quarantined."""
        known = {presence.bot for presence in self._roster} | set(self._quarantine.bots())
        known |= {seat.bot for seat in self._seats.values() if seat.occupants}
        return [self._row(bot) for bot in sorted(known)]

    def describe_need(self, wait: LeaseWait) -> str:
        """Say what bot a visit waits for, and who that could be."""
        needs = to_requirement(wait.activity, wait.selector, wait.same_as)
        fitting = sorted(p.bot for p in self._roster if not p.stateless and needs.admits(p))
        fitting += [p.bot for p in self._roster.departed() if needs.admits(p)]
        shown = _list(f"{bot} ({self._remark(bot) or self._state(bot).value})" for bot in fitting)
        return f"{needs.describe()}: {shown or 'none is there'}"

    def describe_missing(self, needs: Requirement) -> str:
        """Say that no bot is there that a visit could get, and of those that serve its activity type why not."""
        near = [p for p in self._roster if not p.stateless and needs.activity in p.activities]
        near.sort(key=lambda presence: presence.bot)
        near += [p for p in self._roster.departed() if needs.activity in p.activities]
        if near:
            who = "not to be had: " + _list(f"{p.bot} ({self._misses(needs, p)})" for p in near)
        else:
            who = self._roster.describe()
            if quarantined := self._quarantine.bots():
                who += f", of which quarantined: {', '.join(quarantined)} (`eectl bot release`)"
        return f"no living bot serves {needs.describe()}; {who}; start one with `eectl bot run FILE`"

    def describe_drain(self, wait: DrainWait, due_us: int | None) -> str:
        """Say that a bot may still work on an attempt that has ended, and when that is over.

        Args:
            due_us: When it is quarantined, as far as is known.
        """
        text = f"bot {wait.bot!r} may still work on attempt {wait.attempt} of {wait.visit}, which has ended"
        at = f"at {_to_second(due_us)}" if due_us is not None else "in time"
        if self._roster.find(wait.bot) is not None:
            return f"{text}; it is asked to stop, and quarantined {at} if it has no word for it"
        return (
            f"{text}, and {self._silence(wait.bot)}; that is over when it comes back and answers, or {at}, when it is"
            f" quarantined until `eectl bot release {wait.bot}`"
        )

    def _row(self, bot: BotId) -> BotRow:
        presence, seat = self._roster.find(bot), self._seats.get(bot)
        job, visit, attempt = next(iter(seat.occupants), ("", "", 0)) if seat else ("", "", 0)
        state, reason = self._state(bot), self._remark(bot)
        if state is BotState.DRAINING:
            ended = f"may still work on attempt {attempt}, which has ended"
            reason = f"{ended}, and {reason}" if reason else ended
        return BotRow(
            bot,
            state,
            tuple(sorted(presence.activities)) if presence else (),
            presence.labels if presence else {},
            job,
            visit,
            presence is not None and presence.stateless,
            self._quarantine.reason(bot) or reason,
        )

    def _state(self, bot: BotId) -> BotState:
        seat, presence = self._seats.get(bot), self._roster.find(bot)
        if bot in self._quarantine:
            return BotState.QUARANTINED
        if seat is not None and seat.lease is None and seat.denied_until_s > _now_s():
            return BotState.LOCKED
        state = seat.state() if seat is not None else BotState.FREE
        if state is BotState.DRAINING:
            return state
        if presence is None:
            return BotState.LOST
        return BotState.LEAVING if presence.leaving and state is BotState.FREE else state

    def _remark(self, bot: BotId) -> str:
        """Say why a bot is not to be had, as far as it or its silence says so; empty when it may be."""
        presence = self._roster.find(bot)
        if bot in self._quarantine:
            return f"is quarantined until `eectl bot release {bot}`"
        if presence is None:
            return self._silence(bot)
        if presence.leaving:
            return "has said that it leaves"
        return "two processes run as it: stop one" if self._roster.is_contested(bot, _now_s()) else ""

    def _silence(self, bot: BotId) -> str:
        departed = self._roster.find_departed(bot)
        if departed is None:
            return "has given no sign of life yet"
        seen_us = self._env.now() - round((_now_s() - departed.seen_s) * 1_000_000)
        return f"has given no sign of life since {_to_second(seen_us)}"

    def _misses(self, needs: Requirement, presence: Presence) -> str:
        return (
            needs.describe_misfit(presence) or self._remark(presence.bot) or self._state(presence.bot).value
        )


def _to_second(at_us: int) -> str:
    """Return an instant that is told by the loop's clock: to the second it is the same each time it is asked for."""
    return to_text(round(at_us / 1_000_000) * 1_000_000).replace(".000000Z", "Z")


def _list(texts: Iterator[str]) -> str:
    """Return the first of some texts in one, and how many more there are."""
    shown = list(texts)
    more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return ", ".join(shown[:_MOST]) + more


def _now_s() -> float:
    return asyncio.get_running_loop().time()
