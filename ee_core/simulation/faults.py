"""What can go wrong in a simulation, and the chance that decides when.

Faults are of two sorts. Those with a *rate* strike a single call now and then: a message is lost, a commit's answer
does not come. They are applied by the decorators `faulty_broker`, `faulty_journal`, `faulty_lock` and
`faulty_ledger`, which ask `Faults.hits`. The others are *strokes* at an instant, such as the death of an engine, and
are the world's.

Every fault has a chance of its own, so leaving one out of a plan does not move the others.
"""

from __future__ import annotations

import random
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ee_core.simulation.lines import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Fault(StrEnum):
    """What may happen."""

    # messages, each with a rate
    MESSAGE_LOST = "message_lost"
    MESSAGE_DOUBLED = "message_doubled"
    MESSAGE_DELAYED = "message_delayed"  # and so overtaken by others
    MESSAGE_LATE = "message_late"  # a second copy comes long after
    MESSAGE_GARBLED = "message_garbled"  # another one comes that nobody sent so
    SEND_FAILED = "send_failed"  # refused, nothing sent
    SEND_UNKNOWN = "send_unknown"  # sent, and the sender is told that it may not be
    ACK_LOST = "ack_lost"  # what was settled comes again

    # the journal's calls
    COMMIT_FAILED = "commit_failed"  # nothing written
    COMMIT_UNKNOWN = "commit_unknown"  # written, and the answer is lost
    COMMIT_SLOW = "commit_slow"
    COMMIT_LATE = "commit_late"  # given up, and it lands after that
    JOURNAL_FAILED = "journal_failed"  # another call than a commit
    JOURNAL_SLOW = "journal_slow"  # likewise: what was read may be old when it is used

    # the lock's and the ledger's
    LOCK_FAILED = "lock_failed"  # nothing changed
    LOCK_UNKNOWN = "lock_unknown"  # changed, and the answer is lost
    LEDGER_FAILED = "ledger_failed"  # a bot's disk is full for a moment

    # strokes
    ENGINE_CRASH = "engine_crash"
    CRASH_BEFORE_COMMIT = "crash_before_commit"
    CRASH_AFTER_COMMIT = "crash_after_commit"
    ENGINE_STOP = "engine_stop"  # as a service is stopped
    ENGINE_PAUSE = "engine_pause"  # it stands still and goes on
    ENGINE_RIVAL = "engine_rival"  # a second one starts while the first one runs, or stands still
    BOT_CRASH = "bot_crash"
    BOT_PAUSE = "bot_pause"
    BOT_DISK_LOST = "bot_disk_lost"
    BROKER_DOWN = "broker_down"  # out of reach for a while
    BROKER_RESTART = "broker_restart"  # likewise, and what it had of `activity.*` is gone
    JOURNAL_DOWN = "journal_down"
    LOCK_DOWN = "lock_down"  # longer than an engine's key lives: it expires while work goes on
    CLOCK_JUMP = "clock_jump"
    BOT_GONE = "bot_gone"  # it dies and never comes back

    @property
    def line_kind(self) -> FaultKind:
        """What a history calls it."""
        return _LINE_KINDS[self]


_LINE_KINDS: Final = {
    Fault.MESSAGE_LOST: FaultKind.MESSAGE_LOST,
    Fault.MESSAGE_DOUBLED: FaultKind.MESSAGE_DOUBLED,
    Fault.MESSAGE_DELAYED: FaultKind.MESSAGE_REORDERED,
    Fault.MESSAGE_LATE: FaultKind.MESSAGE_DELAYED,
    Fault.MESSAGE_GARBLED: FaultKind.MESSAGE_DOUBLED,
    Fault.SEND_FAILED: FaultKind.PUBLISH_UNKNOWN,
    Fault.SEND_UNKNOWN: FaultKind.PUBLISH_UNKNOWN,
    Fault.ACK_LOST: FaultKind.MESSAGE_DOUBLED,
    Fault.COMMIT_FAILED: FaultKind.COMMIT_FAILED,
    Fault.COMMIT_UNKNOWN: FaultKind.COMMIT_UNKNOWN,
    Fault.COMMIT_SLOW: FaultKind.COMMIT_UNKNOWN,
    Fault.COMMIT_LATE: FaultKind.COMMIT_LATE,
    Fault.JOURNAL_FAILED: FaultKind.COMMIT_FAILED,
    Fault.JOURNAL_SLOW: FaultKind.COMMIT_UNKNOWN,
    Fault.LOCK_FAILED: FaultKind.ENGINE_KEY_EXPIRED,
    Fault.LOCK_UNKNOWN: FaultKind.ENGINE_KEY_EXPIRED,
    Fault.LEDGER_FAILED: FaultKind.COMMIT_FAILED,
    Fault.ENGINE_CRASH: FaultKind.ENGINE_KILLED,
    Fault.CRASH_BEFORE_COMMIT: FaultKind.ENGINE_KILLED,
    Fault.CRASH_AFTER_COMMIT: FaultKind.ENGINE_KILLED,
    Fault.ENGINE_STOP: FaultKind.ENGINE_KILLED,
    Fault.ENGINE_PAUSE: FaultKind.ENGINE_PAUSED,
    Fault.ENGINE_RIVAL: FaultKind.PARTITION_MOVED,
    Fault.BOT_CRASH: FaultKind.BOT_KILLED,
    Fault.BOT_PAUSE: FaultKind.BOT_PAUSED,
    Fault.BOT_DISK_LOST: FaultKind.DISK_LOST,
    Fault.BROKER_DOWN: FaultKind.BROKER_RESTARTED,
    Fault.BROKER_RESTART: FaultKind.BROKER_RESTARTED,
    Fault.JOURNAL_DOWN: FaultKind.COMMIT_FAILED,
    Fault.LOCK_DOWN: FaultKind.ENGINE_KEY_EXPIRED,
    Fault.CLOCK_JUMP: FaultKind.CLOCK_JUMPED,
    Fault.BOT_GONE: FaultKind.BOT_GONE,
}
STROKES: Final = tuple(list(Fault)[list(Fault).index(Fault.ENGINE_CRASH) :])
RATED: Final = tuple(list(Fault)[: list(Fault).index(Fault.ENGINE_CRASH)])


class Faults:
    """The weather: which faults may strike, and how often they did.

    Args:
        rates: Chance per call, by fault with a rate; those left out never strike.
        on_hit: Told of each that struck.

    Attributes:
        hits_by: How often each struck.
        script: Says of a call whether a fault strikes it, whatever its rate; None: chance alone decides.
    """

    def __init__(
        self,
        seed: int,
        rates: Mapping[Fault, float] | None = None,
        on_hit: Callable[[Fault, str], None] | None = None,
    ) -> None:
        self.hits_by: Counter[Fault] = Counter()
        self._seed = seed
        self._rates = dict(rates or {})
        self._on_hit = on_hit
        self._chances: dict[Fault, random.Random] = {}
        self.script: Callable[[Fault, str], bool] | None = None

    def hits(self, fault: Fault, about: str = "") -> bool:
        """Say whether a fault strikes now; `about` is for the trace."""
        if self.strikes(fault, about):
            return True
        rate = self._rates.get(fault, 0.0)
        if rate <= 0.0 or self.chance(fault).random() >= rate:
            return False
        self.note(fault, about)
        return True

    def strikes(self, fault: Fault, about: str = "") -> bool:
        """Say whether the script lets a fault strike now."""
        if self.script is None or not self.script(fault, about):
            return False
        self.note(fault, about)
        return True

    def note(self, fault: Fault, about: str = "") -> None:
        """Count a fault that struck."""
        self.hits_by[fault] += 1
        if self._on_hit is not None:
            self._on_hit(fault, about)

    def chance(self, fault: Fault) -> random.Random:
        """Return a fault's own chance, for what it does and for how long."""
        found = self._chances.get(fault)
        if found is None:
            # by its name: a member's hash differs between processes
            found = self._chances[fault] = random.Random(f"{fault.value}:{self._seed}")  # noqa: S311 - must repeat
        return found

    def seeded(self, name: str) -> random.Random:
        """Return the chance of something that is no fault."""
        return random.Random(f"{name}:{self._seed}")  # noqa: S311 - must repeat

    def calm(self) -> None:
        """Let nothing strike from now on."""
        self._rates.clear()
        self.script = None


CALM: Final = Faults(0)
