"""Bots and workers as processes: the real hosts, with a ledger that outlives them and played activities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ee_core.bot.host import BotHost
from ee_core.bot.ledger import IN_MEMORY, open_ledger
from ee_core.bot.lifetime import HostSettings
from ee_core.bot.profile import Profile
from ee_core.bot.secrets import AsWritten
from ee_core.bot.worker import WorkerHost
from ee_core.simulation.activities import Doer
from ee_core.simulation.faulty_broker import FaultyBroker
from ee_core.simulation.faulty_ledger import FaultyLedger
from ee_core.simulation.life import Life

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.bot.entry import AttemptKey
    from ee_core.contracts.activity import ActivityTraits, ActivityType
    from ee_core.contracts.broker import Broker
    from ee_core.messages.activity import RunningAttempt
    from ee_core.messages.subjects import Subjects
    from ee_core.simulation.activities import Cast
    from ee_core.simulation.env import VirtualEnv
    from ee_core.simulation.faults import Faults
    from ee_core.simulation.faulty_broker import Network
    from ee_core.simulation.recorder import Recorder


@dataclass(frozen=True, slots=True)
class BotSpec:
    """A bot or worker as it is set up."""

    id: str
    activities: tuple[str, ...] = ("work", "scan")
    labels: Mapping[str, str] = field(default_factory=dict)
    worker: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every process of a simulation is given."""

    broker: Broker
    network: Network
    subjects: Subjects
    faults: Faults
    recorder: Recorder
    make_env: Callable[[], VirtualEnv]
    cast: Cast


class BotLife:
    """A bot or worker that can die and be started again; its ledger stays."""

    def __init__(self, spec: BotSpec, around: Surroundings) -> None:
        self.spec = spec
        self.life = Life(spec.id)
        self.env = around.make_env()
        self.host: BotHost | WorkerHost | None = None
        self._around = around
        self._ledger: FaultyLedger | None = None

    @property
    def is_running(self) -> bool:
        """Whether a process of it goes on."""
        return self.life.is_running

    @property
    def running(self) -> RunningAttempt | None:
        """What its process says that it works on."""
        return self.host._slot.running if isinstance(self.host, BotHost) else None

    @property
    def owes(self) -> list[AttemptKey]:
        """The attempts of which it has not been told that their response has come, if it lives."""
        if not self.is_running or self._ledger is None or not isinstance(self.host, BotHost):
            return []
        running = self.running
        found = [entry.key for entry in self._ledger.open_entries()]
        found += [key for key in self.host._answers._debts if key not in found]
        return [
            key
            for key in found
            if (running is None or key != (running.job, running.visit, running.attempt))
            and not ((entry := self._ledger.find(key)) and entry.acked)
        ]

    async def start(self) -> None:
        """Start a process, after what is left of the one before."""
        await self.life.kill()
        self._around.recorder.bot_ended(self.spec.id, "killed")
        self.life = life = Life(self.spec.id)
        self.host = self._make_host(life)
        life.start(self.host.run())

    async def kill(self) -> None:
        """Let the process die; what it had begun it will not end."""
        await self.life.kill()
        self._around.recorder.bot_ended(self.spec.id, "killed")

    async def lose_disk(self) -> None:
        """Let the process die, and its ledger with it."""
        await self.kill()
        self.close()

    def close(self) -> None:
        """Close the ledger, after the process is dead."""
        if self._ledger is not None:
            self._ledger.life = None
            self._ledger.close()
            self._ledger = None

    def _make_host(self, life: Life) -> BotHost | WorkerHost:
        around, spec = self._around, self.spec
        broker = FaultyBroker(around.broker, around.network, life)
        settings = HostSettings(stop_grace_s=60.0)
        profile = Profile(spec.id, {name: self._make_type(name) for name in spec.activities}, spec.labels)
        if spec.worker:
            return WorkerHost(
                profile,
                broker=broker,
                subjects=around.subjects,
                env=self.env,
                settings=settings,
                secrets=AsWritten(),
            )
        if self._ledger is None:
            self._ledger = open_ledger(IN_MEMORY, bot=spec.id, env=self.env, kind=FaultyLedger)
        self._ledger.hand_over(life, around.faults)
        host = BotHost(
            profile,
            self._ledger,
            broker=broker,
            subjects=around.subjects,
            env=self.env,
            settings=settings,
            secrets=AsWritten(),
        )
        around.recorder.bot_started(spec.id, host.instance, self._ledger.ledger_id)
        return host

    def _make_type(self, name: str) -> ActivityType:
        return self._around.cast.make_type(name, self._around.recorder, self._who)

    def _who(self, traits: ActivityTraits) -> Doer:
        del traits
        instance = self._around.recorder.works[self.spec.id]
        if self._ledger is None:
            return Doer("worker", self.spec.id, instance)
        return Doer("bot", self.spec.id, instance, self._ledger.ledger_id)
