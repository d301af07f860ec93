"""Lets things go wrong in the places of a run, as they are met.

At every place it asks whether something goes wrong here. Who answers may want one place, or may make the run branch in
many: see `ee_core.simulation.rehearsal_branches`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ee_core.simulation.enumeration import fail_commit
from ee_core.simulation.faults import Fault
from ee_core.simulation.life import current_life
from ee_core.simulation.rehearsal_places import Kind, channel_of, find_bot, name_attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.simulation.life import Life
    from ee_core.simulation.rehearsal_cast import FakeCast, Point
    from ee_core.simulation.world import World

    Take = Callable[[Kind, str], bool]

_MESSAGES: Final[Mapping[Kind, Fault]] = {
    Kind.MESSAGE_LOST: Fault.MESSAGE_LOST,
    Kind.MESSAGE_DOUBLED: Fault.MESSAGE_DOUBLED,
    Kind.MESSAGE_LATE: Fault.MESSAGE_LATE,
}
_POINTS: Final[Mapping[Point, Kind]] = {"during": Kind.DIES_DURING, "after": Kind.DIES_AFTER}


class Strikes:
    """What goes wrong in one run.

    Args:
        take: Asked at each place whether something goes wrong there; says yes once at most.
    """

    def __init__(self, world: World, cast: FakeCast, take: Take) -> None:
        self._world = world
        self._take = take
        self._writes = self._stored = 0
        self._messages: Counter[str] = Counter()  # by channel
        self._message: Fault | None = None  # what befalls the one that is being sent
        world.disk.before_commit = self._before_commit
        world.disk.after_commit = self._after_commit
        world.faults.script = self._ask
        cast.on_point = self._reach
        cast.is_slow = lambda visit, attempt: take(Kind.SLOW, name_attempt(visit, attempt))

    def _before_commit(self, life: Life) -> None:
        self._writes += 1
        if self._take(Kind.CRASH_BEFORE_WRITE, str(self._writes)):
            fail_commit(self._world, life, "before")

    def _after_commit(self, life: Life) -> None:
        self._stored += 1
        if self._take(Kind.CRASH_AFTER_WRITE, str(self._stored)):
            fail_commit(self._world, life, "after")
        elif self._take(Kind.ANSWER_LOST, str(self._stored)):
            fail_commit(self._world, life, "answer_lost")

    def _ask(self, fault: Fault, about: str) -> bool:
        if fault is Fault.BOT_CRASH:
            return self._begin(about)
        if fault is Fault.SEND_FAILED:  # asked first of each message
            channel = self._choose(about)
            # what is accepted is never lost: its sender is told, and sends it again
            return self._message is Fault.MESSAGE_LOST and channel.startswith("jobs.")
        is_hit = fault is self._message
        if is_hit:
            self._message = None
            self._world.faults.script = None  # nothing else goes wrong in this run
        return is_hit

    def _choose(self, subject: str) -> str:
        """Choose what befalls a message; return its channel."""
        channel = channel_of(self._world.subjects.tail(subject))
        self._messages[channel] += 1
        where = f"{channel}:{self._messages[channel]}"
        self._message = next((fault for kind, fault in _MESSAGES.items() if self._take(kind, where)), None)
        return channel

    def _begin(self, about: str) -> bool:
        """A bot is about to write down that it begins an attempt."""
        _, visit, number = about.rsplit("/", 2)
        if not self._take(Kind.DIES_BEFORE, name_attempt(visit, int(number))):
            return False
        self._die()
        return True

    def _reach(self, point: Point, visit: str, attempt: int) -> None:
        if self._take(_POINTS[point], name_attempt(visit, attempt)):
            bot = find_bot(self._world)
            self._world.faults.note(Fault.ENGINE_CRASH if bot is None else Fault.BOT_CRASH, bot or "")
            self._die()

    def _die(self) -> None:
        """Let the process that runs now die."""
        bot, life = find_bot(self._world), current_life()
        assert life is not None, "an attempt is carried out by a process"
        if bot is None:
            self._world.crash(life)
        else:
            self._world.crash_bot(self._world.bots[bot])
