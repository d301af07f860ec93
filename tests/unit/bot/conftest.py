"""A client that speaks to one bot as an engine does, over a real broker, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from ee_core.bot.host import BotHost
from ee_core.bot.ledger import IN_MEMORY, Ledger, open_ledger
from ee_core.bot.profile import Profile
from ee_core.contracts.activity import ActivityTraits
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.local.broker import MemoryBroker
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, ActivityResponse, BotQuery
from ee_core.messages.bots import BotHello
from ee_core.messages.subjects import Subjects
from ee_core.model.ids import Fence
from ee_core.simulation import VirtualEnv

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ee_core.bot.lifetime import HostSettings

BOT = "pc-7"


@dataclass
class Sleeper:
    """An activity type that sleeps, and tells what really happened."""

    name: str = "sleep"
    stop_s: float = 0.0  # how long it takes to stop
    stubborn: bool = False  # finishes although it was asked to stop
    log: list[tuple[str, Any]] = field(default_factory=list)
    input_schema = None
    output_schema = None

    def traits_for(self, template):
        return ActivityTraits()

    async def run(self, context, value):
        self.log.append(("start", context.visit))
        try:
            await asyncio.sleep(value["seconds"])
        except asyncio.CancelledError:
            await asyncio.sleep(self.stop_s)
            if not self.stubborn:
                raise
        finally:
            self.log.append(("end", context.visit))
        return {"slept": value["seconds"]}

    @property
    def starts(self) -> list[str]:
        return [what for kind, what in self.log if kind == "start"]


class World:
    """A broker, a bot, and somebody who asks it."""

    def __init__(self, *activities: Any, seed: int = 1) -> None:
        self.env = VirtualEnv(asyncio.get_running_loop(), seed)
        self.broker = MemoryBroker(self.env)
        self.subjects = Subjects("test")
        self.ledger = open_ledger(IN_MEMORY, bot=BOT, env=self.env)
        self.profile = Profile(
            BOT, MappingProxyType({item.name: item for item in activities}), {"app": "sap"}
        )
        self.answers: list[ActivityResponse] = []
        self.hellos: list[BotHello] = []
        self.acks = True  # whether terminal answers are acknowledged
        self._stack = contextlib.AsyncExitStack()
        self._readers: list[asyncio.Task[None]] = []
        self._came = asyncio.Event()

    async def __aenter__(self) -> World:
        await self._stack.enter_async_context(self.broker)
        answers = await self._stack.enter_async_context(
            self.broker.consume(Channel(ChannelKind.REPLY, self.subjects.response(0, "*")), group="engine")
        )
        hellos = await self._stack.enter_async_context(
            self.broker.consume(Channel(ChannelKind.BROADCAST, self.subjects.bots_hello), group="bots")
        )
        self._readers = [
            asyncio.create_task(self._read_answers(answers)),
            asyncio.create_task(self._read_hellos(hellos)),
        ]
        return self

    async def __aexit__(self, *error: object) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.wait(self._readers)
        await self._stack.aclose()
        self.ledger.close()

    def host(self, *, ledger: Ledger | None = None, settings: HostSettings | None = None) -> BotHost:
        return BotHost(
            self.profile,
            ledger or self.ledger,
            broker=self.broker,
            subjects=self.subjects,
            env=self.env,
            settings=settings,
        )

    # -- what is sent --------------------------------------------------------------------------------------------

    def request(self, visit: str = "a#1", n: int = 1, **changes: Any) -> ActivityRequest:
        fields: dict[str, Any] = {
            "job": "j1",
            "node": visit.split("#", maxsplit=1)[0],
            "visit": visit,
            "attempt": 1,
            "fence": Fence(100, n),
            "ledger": self.ledger.ledger_id,
            "activity": "sleep",
            "input": {"seconds": 10},
            "idempotency_key": f"j1/{visit}",
            "reply_to": self.subjects.response(0, BOT),
        }
        return ActivityRequest(**(fields | changes))

    async def send(self, message: Any) -> None:
        s = self.subjects
        inbox = {
            ActivityRequest: s.execute,
            ActivityCancel: s.cancel,
            BotQuery: s.query_bot,
            ActivityAck: s.ack,
        }
        await self.send_bytes(inbox[type(message)](BOT), message.to_bytes())

    async def send_bytes(self, subject: str, body: bytes, kind: ChannelKind = ChannelKind.INBOX) -> None:
        await self.broker.publish(Channel(kind, subject), body)

    async def cancel(self, request: ActivityRequest) -> None:
        await self.send(
            ActivityCancel(
                job=request.job,
                visit=request.visit,
                attempt=request.attempt,
                fence=request.fence,
                reply_to=request.reply_to,
            )
        )

    async def ask(self, request: ActivityRequest, lease: int = 100) -> None:
        await self.send(
            BotQuery(
                lease=lease,
                job=request.job,
                visit=request.visit,
                attempt=request.attempt,
                reply_to=request.reply_to,
            )
        )

    async def claim(self, lease: int) -> None:
        await self.send(BotQuery(lease=lease, reply_to=self.subjects.response(0, BOT)))

    # -- what comes back -----------------------------------------------------------------------------------------

    @property
    def kinds(self) -> list[str]:
        """What was answered, without signs of life."""
        return [answer.kind for answer in self.answers if answer.kind != "heartbeat"]

    async def until(self, *kinds: str) -> ActivityResponse:
        """Wait until exactly these answers came in this order (signs of life apart), and return the last."""
        async with asyncio.timeout(3600):
            while len(self.kinds) < len(kinds):
                self._came.clear()
                await self._came.wait()
        assert self.kinds == list(kinds)
        return [answer for answer in self.answers if answer.kind != "heartbeat"][-1]

    async def _read_answers(self, deliveries: AsyncIterator[Any]) -> None:
        async for delivery in deliveries:
            response = ActivityResponse.from_bytes(delivery.body)
            self.answers.append(response)
            await delivery.ack()
            self._came.set()
            if self.acks and response.job and response.kind in {"succeeded", "failed", "stopped", "lost"}:
                await self.send(
                    ActivityAck(
                        job=response.job,
                        visit=response.visit,
                        attempt=response.attempt,
                        fence=response.fence,
                        verdict="recorded",
                    )
                )

    async def _read_hellos(self, deliveries: AsyncIterator[Any]) -> None:
        async for delivery in deliveries:
            self.hellos.append(BotHello.from_bytes(delivery.body))


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def world(sleeper: Sleeper) -> Callable[[], World]:
    """Make the world inside the test, on its loop."""
    return lambda: World(sleeper)
