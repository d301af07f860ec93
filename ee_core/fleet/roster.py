"""Who is there: bots and workers, as far as their own broadcasts tell.

A presence is a guess that fades: it says who may be asked, never who is idle. What a bot really does is proved by
its answer to a claim (`ee_core.fleet.leases`).

Two processes under one bot id: on one machine the ledger's lock refuses the second. From two machines both are heard
here, and a process that is heard again after a newer one came shows it. While it is heard the bot gets no new work, and
its answer to a claim does not count. What is under way goes on: a request names one ledger, so only its process begins it.
When the newer one says that it leaves, the older one is the bot.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ee_core.model.ids import BotId, Fence

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from ee_core.messages.bots import BotHello
    from ee_core.model.workflow import BotSelector

_log = logging.getLogger(__name__)
_REMEMBERED = 8  # older instances of one bot
_DEPARTED = 100  # bots that are not heard any more, for words about them
_MISSED = 3.0  # so many intervals without a sign of life, and it is taken for gone


@dataclass(slots=True)
class Presence:
    """What a bot or worker last said of itself."""

    bot: BotId
    instance: str
    ledger: str
    activities: frozenset[str]
    labels: Mapping[str, str]
    stateless: bool
    highest: Fence
    seen_s: float  # loop time of its last sign of life
    until_s: float  # loop time at which it counts as gone
    leaving: bool
    older: tuple[str, ...] = ()  # instances that came before this one, as far as is remembered
    contested_until_s: float = 0.0  # an older one was heard: until then it counts as alive


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a visit asks of a bot; visits with equal ones wait in one line."""

    activity: str
    id: str
    pool: str
    labels: tuple[tuple[str, str], ...]
    like: str  # `same_as` as written: a node
    same_as: BotId | None  # its bot; None when that node had none, which then nobody is

    def admits(self, presence: Presence) -> bool:
        """Say whether a bot fits, busy or not."""
        return (
            self.activity in presence.activities
            and (not self.id or presence.bot == self.id)
            and (not self.pool or presence.labels.get("pool") == self.pool)
            and all(presence.labels.get(name) == value for name, value in self.labels)
            and (not self.like or presence.bot == self.same_as)
        )

    def describe_misfit(self, presence: Presence) -> str:
        """Say why a bot that serves the activity type does not fit; empty when it does."""
        if self.id and presence.bot != self.id:
            return "has another id"
        pool = presence.labels.get("pool")
        if self.pool and pool != self.pool:
            return f"is in pool {pool!r}" if pool else "is in no pool"
        for name, value in self.labels:
            if presence.labels.get(name) != value:
                has = presence.labels.get(name)
                return f"has {name}={has}" if has is not None else f"has no label {name!r}"
        return f"is not the bot of node {self.like!r}" if self.like and presence.bot != self.same_as else ""

    def describe(self) -> str:
        """Return words for messages, as ``'sap.post' with app=sap in pool 'night'``."""
        wishes = [f"{name}={value}" for name, value in self.labels]
        text = f"{self.activity!r}"
        if wishes:
            text += f" with {', '.join(wishes)}"
        if self.pool:
            text += f" in pool {self.pool!r}"
        if self.id:
            text += f" and is {self.id!r}"
        if self.like:
            text += f" and is {repr(self.same_as) if self.same_as else 'a bot that was never assigned'}, the bot of node {self.like!r}"
        return text


def to_requirement(activity: str, selector: BotSelector, same_as: BotId | None) -> Requirement:
    """Return what a lease wait asks for."""
    labels = tuple(sorted(selector.labels.items()))
    return Requirement(activity, selector.id, selector.pool, labels, selector.same_as, same_as)


class Roster:
    """All presences by bot id; not a judge of identity, the subject's token is the bot."""

    def __init__(self) -> None:
        self._present: dict[BotId, Presence] = {}
        self._departed: dict[BotId, Presence] = {}  # oldest first

    def saw(self, hello: BotHello, now_s: float) -> bool:
        """Take in a hello or heartbeat.

        Returns:
            True when it changes who may be asked: new, other process, other abilities, leaving.
        """
        bot = BotId(hello.bot)
        before = self._present.get(bot)
        older: tuple[str, ...] = ()
        if before is not None:
            older = before.older
            if hello.instance in older and (hello.leaving or not before.leaving):
                return self._contest(before, hello, now_s)
            older = tuple(each for each in older if each != hello.instance)
            if hello.instance != before.instance:
                older = (*older, before.instance)[-_REMEMBERED:]
        after = Presence(
            bot=bot,
            instance=hello.instance,
            ledger=hello.ledger,
            activities=frozenset(hello.activities),
            labels=hello.labels,
            stateless=hello.stateless,
            highest=hello.highest,
            seen_s=now_s,
            until_s=now_s + _MISSED * hello.interval_ms / 1000,
            leaving=hello.leaving,
            older=older,
            # of two processes one is left when the newer one leaves
            contested_until_s=0.0 if before is None or before.leaving else before.contested_until_s,
        )
        self._present[bot] = after
        self._departed.pop(bot, None)
        return before is None or (
            (before.instance, before.ledger, before.activities, before.labels, before.leaving)
            != (after.instance, after.ledger, after.activities, after.labels, after.leaving)
        )

    def _contest(self, newest: Presence, hello: BotHello, now_s: float) -> bool:
        """Note that a process is alive which a newer one seemed to follow; what it says of itself does not count."""
        was_contested = newest.contested_until_s > now_s
        if hello.leaving:
            return False
        newest.contested_until_s = now_s + _MISSED * hello.interval_ms / 1000
        if not was_contested:
            _log.error(
                "two processes run as bot %s: instance %s, ledger %s, and the newer %s, ledger %s; it gets no new work"
                " while both are heard, stop one of them",
                newest.bot,
                hello.instance,
                hello.ledger,
                newest.instance,
                newest.ledger,
                extra={"action": "bot_twice", "bot": newest.bot},
            )
        return not was_contested

    def is_contested(self, bot: BotId, now_s: float) -> bool:
        """Say whether two processes go by the id."""
        presence = self._present.get(bot)
        return presence is not None and presence.contested_until_s > now_s

    def expire(self, now_s: float) -> list[BotId]:
        """Forget those that were silent too long, and return them."""
        gone = [bot for bot, presence in self._present.items() if presence.until_s < now_s]
        for bot in gone:
            presence = self._present.pop(bot)
            if not presence.stateless:
                self._departed[bot] = presence
        for bot in list(self._departed)[: max(0, len(self._departed) - _DEPARTED)]:
            del self._departed[bot]
        return gone

    def departed(self) -> list[Presence]:
        """Return the bots that were heard and are not any more, the last ones that went."""
        return list(self._departed.values())

    def find_departed(self, bot: BotId) -> Presence | None:
        """Return what a bot said of itself that is not heard any more; None when it never was, or long ago."""
        return self._departed.get(bot)

    def find(self, bot: BotId) -> Presence | None:
        """Return a bot's presence, None when it is not there."""
        return self._present.get(bot)

    def __iter__(self) -> Iterator[Presence]:
        return iter(self._present.values())

    def has_worker(self, activity: str) -> bool:
        """Say whether a worker for stateless work of the type is there."""
        return any(p.stateless and not p.leaving and activity in p.activities for p in self._present.values())

    def has_bot(self, wanted: Requirement, unusable: Container[BotId] = ()) -> bool:
        """Say whether a bot that fits is there, busy or not."""
        return any(
            not p.stateless and not p.leaving and p.bot not in unusable and wanted.admits(p)
            for p in self._present.values()
        )

    def describe(self) -> str:
        """Return words for messages: who is there and what they serve."""
        bots = sorted(p.bot for p in self._present.values() if not p.stateless)
        if not bots:
            return "no bot is there"
        shown = ", ".join(f"{bot} ({', '.join(sorted(self._present[bot].activities))})" for bot in bots[:8])
        return f"there are: {shown}" + (f" and {len(bots) - 8} more" if len(bots) > 8 else "")
