"""Bots and workers as processes: the host of the product, a ledger that outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.bot.host import BotHost
from ee_core.bot.ledger import IN_MEMORY, open_ledger
from ee_core.bot.lifetime import HostSettings
from ee_core.bot.profile import Profile
from ee_core.bot.worker import WorkerHost
from ee_core.errors import LedgerError
from engine_world.life import Gate, Life
from engine_world.script import Script
from engine_world.wire import Wire

if TYPE_CHECKING:
    from engine_world.world import World


class BotLife:
    """A bot that can be killed and started again; its ledger stays."""

    def __init__(self, world: World, bot: str, activities: tuple[str, ...], labels: dict[str, str]) -> None:
        self.world, self.id = world, bot
        self.activities, self.labels = activities, labels
        self.ledger = open_ledger(IN_MEMORY, bot=bot, env=world.make_env())
        self.life = Life(bot)
        self.host: BotHost | WorkerHost | None = None

    async def start(self) -> BotLife:
        self.life = life = Life(self.id)
        types = {name: Script(name, self.world) for name in self.activities}
        host = self.host = self._make_host(life, Profile(self.id, types, self.labels))
        life.start(host.run())
        await self.world.until(lambda: host._is_ready)
        return self

    def _make_host(self, life: Life, profile: Profile) -> BotHost | WorkerHost:
        common = {
            "broker": Wire(self.world, life),
            "subjects": self.world.subjects,
            "env": self.world.make_env(),
            "settings": HostSettings(stop_grace_s=60.0),
        }
        return BotHost(profile, Gate(self.ledger, life, LedgerError), **common)

    async def kill(self) -> None:
        """The process dies; what it had begun it will not end."""
        await self.life.kill()

    async def lose_disk(self) -> None:
        """The process dies and its ledger with it."""
        await self.kill()
        self.ledger.close()
        self.ledger = open_ledger(IN_MEMORY, bot=self.id, env=self.world.make_env())

    async def stop(self) -> None:
        """End it as a service is ended."""
        if self.life.is_running:
            self.host.stop()
            await self.life.main


class WorkerLife(BotLife):
    """A worker for stateless work."""

    def _make_host(self, life: Life, profile: Profile) -> WorkerHost:
        wire = Wire(self.world, life)
        return WorkerHost(profile, broker=wire, subjects=self.world.subjects, env=self.world.make_env())
