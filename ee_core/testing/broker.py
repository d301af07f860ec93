"""Holds a message broker against the sentences of `ee_core.contracts.broker`.

Subclass, and override the fixture `broker`. What else a broker can show - a restart, a client that dies, a lost disk -
it lends by the other fixtures; without them those tests skip and say so.

That nothing comes can only be shown by waiting, `quiet_s` long; in virtual time it costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

import pytest

from ee_core.contracts import broker as contract
from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import BrokerUnavailableError, MessageError, PayloadTooLargeError
from ee_core.testing.broker_fixtures import BrokerFixtures, all_kinds, channel_of, stored_kinds
from ee_core.testing.conformance import Conformance, need
from ee_core.testing.reading import Reading, bodies, lent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from ee_core.contracts.broker import Broker, Delivery
    from ee_core.messages.subjects import Subjects
    from ee_core.testing.broker_fixtures import Action


class BrokerConformance(BrokerFixtures, Reading, Conformance):
    """One test or more for each clause; override `broker`, and `subjects` if it has a namespace."""

    contract: ClassVar[ModuleType] = contract

    # -- work, inbox, reply --------------------------------------------------------------------------------------------

    async def test_b1_work_reaches_one_of_the_consumers(self, broker: Broker, subjects: Subjects) -> None:
        channel = Channel(ChannelKind.WORK, subjects.execute_job)
        sent = [b"%d" % number for number in range(20)]

        async with (
            broker.consume(channel, group="g", prefetch=4) as one,
            broker.consume(channel, group="g", prefetch=4) as two,
        ):
            for body in sent:
                await broker.publish(channel, body)
            found = await self.read(one, two, count=20)

        assert sorted(bodies(found)) == sorted(sent)

    async def test_b2_work_is_kept_for_the_first_consumer(self, broker: Broker, subjects: Subjects) -> None:
        channel = Channel(ChannelKind.WORK, subjects.execute_any("http"))

        await broker.publish(channel, b"early")

        async with broker.consume(channel, group="g") as deliveries:
            delivery = await self.take(deliveries)
            assert (delivery.body, delivery.subject) == (b"early", channel.subject)
            assert delivery.attempt == 1

    @stored_kinds
    async def test_b3_retried_delivery_comes_back_after_its_delay(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        await broker.publish(channel, b"again")

        async with broker.consume(channel, group="g") as deliveries:
            first = await self.take(deliveries)
            began_s = asyncio.get_running_loop().time()
            await first.retry(delay_s=0.5)
            second = await self.take(deliveries)
            waited_s = asyncio.get_running_loop().time() - began_s
            await second.ack()

        assert (second.body, second.subject) == (first.body, first.subject)
        assert second.attempt > first.attempt
        assert waited_s > 0.45  # two clocks may measure it

    @stored_kinds
    async def test_b3_unsettled_delivery_comes_back_when_its_consumer_is_left(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        await broker.publish(channel, b"again")

        async with broker.consume(channel, group="g") as deliveries:
            first = await self.take(deliveries)
        async with broker.consume(channel, group="g") as deliveries:
            second = await self.take(deliveries, within_s=self.prompt_s)
            await second.ack()

        assert second.body == b"again"
        assert second.attempt > first.attempt

    @stored_kinds
    async def test_b3_delivery_of_a_dead_process_comes_back(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind, mortal: tuple[Broker, Action] | None
    ) -> None:
        other, kill = lent(mortal, "mortal")
        channel = channel_of(kind, subjects)
        await broker.publish(channel, b"again")

        async with other.consume(channel, group="g") as deliveries:
            first = await self.take(deliveries)
            await kill()
            async with broker.consume(channel, group="g") as mine:
                second = await self.take(mine, within_s=broker.traits.redelivery_s + self.prompt_s)
                await second.ack()

        assert second.body == b"again"
        assert second.attempt > first.attempt

    @stored_kinds
    async def test_b4_settled_delivery_never_comes_back(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        for body in (b"done", b"useless"):
            await broker.publish(channel, body)

        async with broker.consume(channel, group="g") as deliveries:
            done, useless = await self.take(deliveries), await self.take(deliveries)
            await done.ack()
            await useless.reject("nobody can read it")
            await done.retry()
            await useless.retry()
            await self.take_none(deliveries)
        async with broker.consume(channel, group="g") as deliveries:
            await self.take_none(deliveries)

    async def test_b5_inbox_is_held_and_read_in_order(self, broker: Broker, subjects: Subjects) -> None:
        channel = Channel(ChannelKind.INBOX, subjects.execute("robot-1"))
        sent = [b"%d" % number for number in range(12)]

        for body in sent[:6]:
            await broker.publish(channel, body)
        async with broker.consume(channel, group="g") as deliveries:
            for body in sent[6:]:
                await broker.publish(channel, body)
            found = await self.read(deliveries, count=12)

        assert bodies(found) == sent

    async def test_b6_replies_are_held_until_acked_and_read_by_pattern(
        self, broker: Broker, subjects: Subjects
    ) -> None:
        pattern = Channel(ChannelKind.REPLY, subjects.response("*", "*"))
        sent = [(subjects.response(number % 2, f"bot{number % 3}"), b"%d" % number) for number in range(12)]
        for subject, body in sent:
            await broker.publish(Channel(ChannelKind.REPLY, subject), body)

        async with broker.consume(pattern, group="g") as deliveries:
            held = [await self.take(deliveries) for _ in sent]
            for delivery in held[:-1]:
                await delivery.ack()
        async with broker.consume(pattern, group="g") as deliveries:
            left = await self.read(deliveries, count=1)

        for subject in {subject for subject, _ in sent}:
            of_subject = [delivery.body for delivery in held if delivery.subject == subject]
            assert of_subject == [body for where, body in sent if where == subject]
        assert bodies(left) == [held[-1].body]

    async def test_b7_broadcast_reaches_those_who_are_there(self, broker: Broker, subjects: Subjects) -> None:
        channel = Channel(ChannelKind.BROADCAST, subjects.bot_heartbeat("robot-1"))
        pattern = Channel(ChannelKind.BROADCAST, subjects.bot_heartbeat("*"))

        await broker.publish(channel, b"before")
        async with broker.consume(channel, group="g") as exact, broker.consume(pattern, group="g") as wild:
            await broker.publish(channel, b"now")
            for deliveries in (exact, wild):
                delivery = await self.take(deliveries)
                assert delivery.body == b"now"
                await delivery.retry()
                await self.take_none(deliveries)
        async with broker.consume(pattern, group="g") as deliveries:
            await self.take_none(deliveries)

    async def test_b8_publish_returns_after_acceptance(self, broker: Broker, subjects: Subjects) -> None:
        channel = Channel(ChannelKind.WORK, subjects.execute_job)
        sent = [
            b"%d" % number * (1 + number % 3 * 1000) for number in range(30)
        ]  # a small one could overtake

        for body in sent:
            await broker.publish(channel, body)
        async with broker.consume(channel, group="g") as deliveries:
            found = await self.read(deliveries, count=30)

        assert bodies(found) == sent

    @stored_kinds
    async def test_b8_published_message_outlives_its_publisher(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind, mortal: tuple[Broker, Action] | None
    ) -> None:
        other, kill = lent(mortal, "mortal")
        channel = channel_of(kind, subjects)
        sent = [b"%d" % number for number in range(20)]

        await asyncio.gather(*(other.publish(channel, body) for body in sent))
        await kill()
        async with broker.consume(channel, group="g") as deliveries:
            found = await self.read(deliveries, count=20)

        assert sorted(bodies(found)) == sorted(sent)

    # -- bodies, headers, names ----------------------------------------------------------------------------------------

    @all_kinds
    async def test_b9_body_over_the_limit_is_refused(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        limit = broker.traits.max_payload
        headers = {"x-note": "n" * 256}  # they must not make the largest body too large

        async with broker.consume(channel, group="g") as deliveries:
            with pytest.raises(PayloadTooLargeError) as refusal:
                await broker.publish(channel, bytes(limit + 1), headers=headers)
            await broker.publish(channel, bytes(limit), headers=headers)
            found = await self.read(deliveries, count=1)

        assert (refusal.value.size, refusal.value.limit) == (limit + 1, limit)
        assert [len(body) for body in bodies(found)] == [limit]

    @stored_kinds
    async def test_b10_origin_names_the_message(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        for _ in range(3):
            await broker.publish(channel, b"same")

        async with broker.consume(channel, group="g") as deliveries:
            first = [(await self.take(deliveries)) for _ in range(3)]
            for delivery in first:
                await delivery.retry()
            again = [(await self.take(deliveries)) for _ in range(3)]
        async with broker.consume(channel, group="g") as deliveries:
            more = [(await self.take(deliveries)) for _ in range(3)]

        origins = {delivery.origin for delivery in first}
        assert len(origins) == 3
        assert origins == {delivery.origin for delivery in again} == {delivery.origin for delivery in more}
        assert all(0 < len(origin) <= 200 for origin in origins)

    async def test_b10_origin_does_not_repeat_after_the_disk_was_lost(
        self, broker: Broker, subjects: Subjects, lose_disk: Action | None
    ) -> None:
        lose = lent(lose_disk, "lose_disk")
        channel = Channel(ChannelKind.WORK, subjects.execute_job)
        await broker.publish(channel, b"before")
        async with broker.consume(channel, group="g") as deliveries:
            before = await self.take(deliveries)
            await before.ack()

        await lose()
        await self.publish_at_last(broker, channel, b"after")
        async with broker.consume(channel, group="g") as deliveries:
            after = await self.take(deliveries)

        assert after.body == b"after"
        assert after.origin != before.origin

    async def test_b11_request_gets_the_first_answer(self, broker: Broker, subjects: Subjects) -> None:
        async def slow(body: bytes) -> bytes:
            await asyncio.sleep(self.quiet_s)
            return b"slow"

        async def quick(body: bytes) -> bytes:
            return b"quick " + body

        async with broker.respond(subjects.query_jobs, slow), broker.respond(subjects.query_jobs, quick):
            answer = await broker.request(subjects.query_jobs, b"who", timeout_s=self.wait_s)

        assert answer == b"quick who"

    async def test_b11_request_without_an_answer_raises(self, broker: Broker, subjects: Subjects) -> None:
        calls: Counter[bytes] = Counter()

        async def answer(body: bytes) -> bytes:
            calls[body] += 1
            if body == b"fail":
                raise ValueError("a bug of the one who answers")
            if body == b"hang":
                await asyncio.sleep(60)
            return body

        with pytest.raises(BrokerUnavailableError):
            await broker.request(subjects.query_jobs, b"nobody", timeout_s=self.quiet_s)
        async with broker.respond(subjects.query_jobs, answer):
            for body in (b"fail", b"hang"):
                with pytest.raises(BrokerUnavailableError):
                    await broker.request(subjects.query_jobs, body, timeout_s=self.quiet_s)
            assert await broker.request(subjects.query_jobs, b"ok", timeout_s=self.wait_s) == b"ok"
        with pytest.raises(BrokerUnavailableError):
            await broker.request(subjects.query_jobs, b"gone", timeout_s=self.quiet_s)

        assert calls == {b"fail": 1, b"hang": 1, b"ok": 1}

    @all_kinds
    async def test_b12_headers_arrive_as_sent(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        headers = {"x-trace-id": "00-4bf92f35: 1", "x-name": "Grüße, 世界", "reply-to": "some.where.else"}

        async with broker.consume(channel, group="g") as deliveries:
            await broker.publish(channel, b"with", headers=headers)
            await broker.publish(channel, b"without")
            with_headers, without = await self.take(deliveries), await self.take(deliveries)
            for name, value in (("x-a", "line\r\nbreak"), ("X-A", "upper"), ("x-a\r\nb", "c"), ("x a", "b")):
                with pytest.raises(MessageError):
                    await broker.publish(channel, b"bad", headers={name: value})
            for delivery in (with_headers, without):
                await delivery.ack()
            await self.take_none(deliveries)

        assert dict(with_headers.headers) == headers
        assert with_headers.reply_to == "some.where.else"
        assert dict(without.headers) == {}
        assert without.reply_to is None

    # -- life ----------------------------------------------------------------------------------------------------------

    @stored_kinds
    async def test_b13_leaving_gives_back_and_loses_nothing(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        sent = [b"%d" % number for number in range(30)]
        for body in sent:
            await broker.publish(channel, body)

        async with broker.consume(channel, group="g", prefetch=10) as deliveries:
            first, second, third = [await self.take(deliveries) for _ in range(3)]
            await first.ack()
            await second.ack()
        await third.ack()  # too late
        async with broker.consume(channel, group="g", prefetch=10) as deliveries:
            await third.retry()
            found = await self.read(deliveries, count=28)

        assert sorted(bodies(found)) == sorted(set(sent) - {first.body, second.body})

    @all_kinds
    async def test_b14_close_ends_all(self, broker: Broker, subjects: Subjects, kind: ChannelKind) -> None:
        channel = channel_of(kind, subjects)

        async def answer(body: bytes) -> bytes:
            return body

        async with broker.consume(channel, group="g") as deliveries:
            reading = asyncio.create_task(self.read_to_the_end(deliveries))
            await broker.publish(channel, b"last")
            await asyncio.sleep(self.quiet_s)
            await broker.close()
            async with asyncio.timeout(self.wait_s):
                assert bodies(await reading) == [b"last"]
            assert await self.read_to_the_end(deliveries) == []
        await broker.close()

        with pytest.raises(BrokerUnavailableError):
            await broker.publish(channel, b"later")
        with pytest.raises(BrokerUnavailableError):
            await broker.request(subjects.query_jobs, b"", timeout_s=self.wait_s)
        with pytest.raises(BrokerUnavailableError):
            async with broker.consume(channel, group="g"):
                pass
        with pytest.raises(BrokerUnavailableError):
            async with broker.respond(subjects.query_jobs, answer):
                pass

    @stored_kinds
    async def test_b15_accepted_messages_and_consumers_survive_a_restart(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind, restart: Action | None
    ) -> None:
        need(broker.traits, durable=True)
        crash = lent(restart, "restart")
        channel = channel_of(kind, subjects)
        sent = [b"%d" % number for number in range(20)]

        async with broker.consume(channel, group="g") as deliveries:
            await self.take_none(deliveries)
            await crash()
            await self.publish_at_last(broker, channel, b"reached the open consumer")
            assert (await self.take(deliveries)).body == b"reached the open consumer"
        for body in sent:
            await self.publish_at_last(broker, channel, body)
        await crash()
        await self.publish_at_last(broker, channel, b"reached the broker again")
        async with broker.consume(channel, group="g") as deliveries:
            found = await self.read(deliveries, count=22)

        assert {*bodies(found)} >= {*sent, b"reached the broker again"}

    async def test_b16_repeated_key_is_delivered_once(self, broker: Broker, subjects: Subjects) -> None:
        channel = Channel(ChannelKind.WORK, subjects.execute_job)
        other = Channel(ChannelKind.WORK, subjects.command(3))

        async with broker.consume(channel, group="g") as deliveries, broker.consume(other, group="g") as more:
            await broker.publish(channel, b"first", dedupe="key")
            (first,) = await self.read(deliveries, count=1)
            await broker.publish(channel, b"second", dedupe="key")
            await broker.publish(channel, b"third", dedupe="another")
            await broker.publish(channel, b"fourth")
            await broker.publish(other, b"elsewhere", dedupe="key")
            found = await self.read(deliveries, count=2)
            (elsewhere,) = await self.read(more, count=1)

        assert bodies([first]) == [b"first"]
        assert bodies(found) == [b"third", b"fourth"]
        assert bodies([elsewhere]) == [b"elsewhere"]

    @stored_kinds
    async def test_b17_held_delivery_stays_with_its_consumer(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)
        for number in range(5):
            await broker.publish(channel, b"%d" % number)

        async with broker.consume(channel, group="g", prefetch=3) as deliveries:
            held = [await self.take(deliveries) for _ in range(3)]
            await self.take_none(deliveries, within_s=broker.traits.redelivery_s * 1.5 + self.quiet_s)
            for delivery in held:
                await delivery.ack()
            found = await self.read(deliveries, count=2)

        assert len({*bodies(held), *bodies(found)}) == 5

    @all_kinds
    async def test_b18_cancelled_wait_loses_nothing(
        self, broker: Broker, subjects: Subjects, kind: ChannelKind
    ) -> None:
        channel = channel_of(kind, subjects)

        sent = [b"%d" % number for number in range(20)]

        async with broker.consume(channel, group="g") as deliveries:
            found = [
                delivery
                for body in sent
                for delivery in await self._publish_and_cancel(broker, channel, body, deliveries)
            ]
            found += await self.read(deliveries, count=len(sent) - len(found))

        assert sorted(bodies(found)) == sorted(sent)

    async def _publish_and_cancel(
        self, broker: Broker, channel: Channel, body: bytes, deliveries: AsyncIterator[Delivery]
    ) -> list[Delivery]:
        """Wait for a delivery, publish one, end the waiting about then; return what came all the same."""
        waiting = asyncio.create_task(self.take(deliveries))
        await asyncio.sleep(0)
        await broker.publish(channel, body)
        for _ in range(int(body) % 4):
            await asyncio.sleep(0)  # one step of the waiter, or some
        waiting.cancel()
        try:
            delivery = await waiting
        except asyncio.CancelledError:
            return []
        await delivery.ack()
        return [delivery]
