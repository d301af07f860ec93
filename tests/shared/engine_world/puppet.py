"""A bot that the test plays by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest, ActivityResponse, BotQuery
from ee_core.messages.bots import BotHello
from ee_core.model.ids import Fence
from engine_world.life import Life

if TYPE_CHECKING:
    from engine_world.world import World


class Puppet:
    """A bot played by hand: it says hello and answers claims, the test says the rest."""

    def __init__(self, world: World, bot: str, activities: tuple[str, ...], labels: dict[str, str]) -> None:
        self.world, self.id = world, bot
        self.activities, self.labels = activities, labels
        self.ledger = f"ledger-{bot}"
        self.requests: list[ActivityRequest] = []
        self.cancels: list[ActivityCancel] = []
        self.acks: list[ActivityAck] = []
        self.claims: list[BotQuery] = []
        self.answers_claims = True
        self.works_on: ActivityRequest | None = None  # what it is busy with when it is claimed
        self.highest = Fence(0, 0)
        self.life = Life(bot)

    async def start(self) -> Puppet:
        s = self.world.subjects
        for subject, kind, take in (
            (s.execute(self.id), ActivityRequest, self._on_request),
            (s.cancel(self.id), ActivityCancel, self._on_cancel),
            (s.ack(self.id), ActivityAck, self._on_ack),
            (s.query_bot(self.id), BotQuery, self._on_claim),
        ):
            self.life.start(self._listen(subject, kind, take))
        self.life.start(self._beat())
        await asyncio.sleep(0)
        return self

    async def _listen(self, subject: str, kind: Any, take: Any) -> None:
        async with self.world.broker.consume(
            Channel(ChannelKind.INBOX, subject), group=self.id
        ) as deliveries:
            async for delivery in deliveries:
                await delivery.ack()
                await take(kind.from_bytes(delivery.body))

    async def _on_request(self, request: ActivityRequest) -> None:
        self.requests.append(request)
        self.highest = max(self.highest, request.fence)

    async def _on_cancel(self, cancel: ActivityCancel) -> None:
        self.cancels.append(cancel)

    async def _on_ack(self, ack: ActivityAck) -> None:
        self.acks.append(ack)

    async def _on_claim(self, query: BotQuery) -> None:
        self.claims.append(query)
        if not self.answers_claims:
            return
        self.highest = max(self.highest, Fence(query.lease, 0))
        if self.works_on is None:
            await self._send(query.reply_to, kind="idle", lease=query.lease)
        else:
            running = {name: getattr(self.works_on, name) for name in ("job", "visit", "attempt", "fence")}
            await self._send(query.reply_to, kind="busy", lease=query.lease, running=running)

    async def _beat(self) -> None:
        while True:
            await self.say_hello()
            await asyncio.sleep(1.0)

    async def say_hello(self, **changes: Any) -> None:
        hello = BotHello(
            bot=self.id,
            instance="one",
            ledger=self.ledger,
            activities=self.activities,
            labels=self.labels,
            highest=self.highest,
            interval_ms=1000,
        )
        body = hello.model_copy(update=changes).to_bytes()
        await self.world.broker.publish(Channel(ChannelKind.BROADCAST, self.world.subjects.bots_hello), body)

    async def request(self, nth: int = 1) -> ActivityRequest:
        """Wait for the nth different request."""
        await self.world.until(lambda: len(self.distinct()) >= nth, within_s=60)
        return self.distinct()[nth - 1]

    def distinct(self) -> list[ActivityRequest]:
        return list({(r.job, r.visit, r.attempt): r for r in self.requests}.values())

    async def answer(self, request: Any, kind: str, *, as_bot: str = "", **fields: Any) -> None:
        """Say something about an attempt."""
        own = {name: getattr(request, name) for name in ("job", "visit", "attempt", "fence")} | fields
        reply_to = request.reply_to
        if as_bot:
            reply_to = f"{reply_to.rsplit('.', 1)[0]}.{as_bot}"
        await self._send(reply_to, kind=kind, **own)

    async def _send(self, reply_to: str, **fields: Any) -> None:
        common = {"ledger": self.ledger, "instance": "one", "highest": self.highest}
        await self.send_bytes(reply_to, ActivityResponse(**common | fields).to_bytes())

    async def send_bytes(self, reply_to: str, body: bytes) -> None:
        await self.world.broker.publish(Channel(ChannelKind.REPLY, reply_to), body)
