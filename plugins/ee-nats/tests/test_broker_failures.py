"""The NATS broker when things go wrong: servers that end, pause or forget, clients that die, streams that do not fit."""

import asyncio
import shutil
import subprocess
import sys

import pytest
from ee_nats import streams
from ee_nats.broker import NatsBroker, ee_open_broker
from ee_nats.settings import NatsSettings

from ee_core.contracts.broker import Broker, Channel, ChannelKind
from ee_core.errors import BrokerError, BrokerUnavailableError, ConfigError
from ee_core.local.env import SystemEnv
from ee_core.messages.subjects import Subjects
from ee_core.testing.reading import Reading, bodies

READING = Reading()
HOLDER = """
import asyncio, sys
from ee_core.contracts.broker import Channel, ChannelKind
from ee_nats.broker import NatsBroker
from ee_nats.settings import NatsSettings

async def main():
    settings = NatsSettings(servers=(sys.argv[1],), prefix=sys.argv[2], redelivery_s=1.5)
    async with NatsBroker(settings) as broker:
        async with broker.consume(Channel(ChannelKind.WORK, sys.argv[3]), group="g") as deliveries:
            held = [await anext(deliveries) for _ in range(5)]
            print(len(held), flush=True)
            await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def short_pulls(monkeypatch):
    monkeypatch.setattr("ee_nats.consumer._EXPIRES_S", 1.0)
    monkeypatch.setattr("ee_nats.consumer._OVERDUE_S", 0.2)


def open_on(server, prefix, **settings):
    return NatsBroker(NatsSettings(servers=(server.url,), prefix=prefix, **{"redelivery_s": 1.5, **settings}))


def jobs(prefix):
    return Channel(ChannelKind.WORK, Subjects(prefix).execute_job)


def inbox(prefix):
    return Channel(ChannelKind.INBOX, Subjects(prefix).execute("robot-1"))


def test_hook_makes_an_unopened_broker_with_limits():
    broker = ee_open_broker(settings={"redelivery_s": 3}, namespace="p", env=SystemEnv())

    assert isinstance(broker, Broker)
    assert broker.traits.redelivery_s == 4.0
    assert broker.traits.max_payload < 1024 * 1024
    with pytest.raises(ConfigError, match="set the namespace"):
        ee_open_broker(settings={"prefix": "q"}, namespace="p", env=SystemEnv())


async def test_broker_is_opened_once_and_used_while_open(nats_server, prefix):
    broker = open_on(nats_server, prefix)
    with pytest.raises(BrokerUnavailableError, match="not open"):
        await broker.publish(jobs(prefix), b"")
    async with broker:
        with pytest.raises(BrokerError, match="opened before"):
            await broker.__aenter__()


async def test_killed_process_loses_nothing_that_it_held(nats_server, prefix):
    channel = jobs(prefix)
    async with open_on(nats_server, prefix) as broker:
        for number in range(5):
            await broker.publish(channel, b"%d" % number)
        command = [sys.executable, "-c", HOLDER, nats_server.url, prefix, channel.subject]
        holder = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        try:
            assert await holder.stdout.readline() == b"5\n"
        finally:
            holder.kill()
            await holder.communicate()
        async with broker.consume(channel, group="g") as deliveries:
            found = await READING.read(deliveries, count=5)

    assert sorted(bodies(found)) == [b"%d" % number for number in range(5)]
    assert {delivery.attempt for delivery in found} == {2}


async def test_nothing_acknowledged_is_lost_over_crashes_of_the_server(own_server, prefix):
    channel, accepted, received = jobs(prefix), set(), set()

    async def publish_many(broker, start):
        for number in range(start, 600, 4):
            await READING.publish_at_last(broker, channel, b"%d" % number)
            accepted.add(b"%d" % number)
            await asyncio.sleep(0.01)

    async def consume(broker):
        async with broker.consume(channel, group="g", prefetch=16) as deliveries:
            async for delivery in deliveries:
                received.add(delivery.body)
                await delivery.ack()
                if len(received) == 600:
                    return

    async def crash():
        for _ in range(3):
            await asyncio.sleep(0.4)
            own_server.restart(crash=True)

    async with open_on(own_server, prefix) as broker, asyncio.timeout(40), asyncio.TaskGroup() as group:
        for start in range(4):
            group.create_task(publish_many(broker, start))
        group.create_task(consume(broker))
        group.create_task(crash())

    assert len(accepted) == 600
    assert received == accepted


async def test_silent_server_is_noticed_and_found_again(own_server, prefix):
    channel = jobs(prefix)
    async with (
        open_on(own_server, prefix, timeout_s=1.0, ping_s=1) as broker,
        broker.consume(channel, group="g") as deliveries,
    ):
        own_server.pause()
        try:
            with pytest.raises(BrokerUnavailableError, match="may have arrived"):
                await broker.publish(channel, b"in the pause")
            with pytest.raises(BrokerUnavailableError):
                async with asyncio.timeout(10):
                    while True:  # until the connection is given up
                        await broker.publish(inbox(prefix), b"")
        finally:
            own_server.resume()
        await READING.publish_at_last(broker, channel, b"after")

        found = await READING.read(deliveries, count=2)

    assert b"after" in bodies(found)


async def test_acknowledgement_during_an_outage_is_told_afterwards(own_server, prefix):
    channel = jobs(prefix)
    async with open_on(own_server, prefix) as broker:
        await broker.publish(channel, b"done")
        async with broker.consume(channel, group="g") as deliveries:
            delivery = await READING.take(deliveries)
            own_server.stop()  # one that is killed may not know what it had delivered, and delivers it again
            with pytest.raises(BrokerUnavailableError):
                while True:  # until the loss is noticed
                    await broker.publish(channel, b"unheard")
            await delivery.ack()
            own_server.start()
            await READING.publish_at_last(broker, channel, b"next")

            found = await READING.read(deliveries, count=1)
            await READING.take_none(deliveries, within_s=2.0)

    assert b"next" in bodies(found)
    assert b"done" not in bodies(found)


async def test_open_consumer_goes_on_when_the_server_forgot_all(own_server, prefix):
    channel = inbox(prefix)
    async with open_on(own_server, prefix) as broker, broker.consume(channel, group="g") as deliveries:
        await broker.publish(channel, b"before")
        before = await READING.take(deliveries)
        own_server.kill()
        shutil.rmtree(own_server.data)
        own_server.start()
        await READING.publish_at_last(broker, channel, b"after")
        after = await READING.take(deliveries)
        await before.ack()  # must not hit the other, which now has its number
        await after.retry()
        again = await READING.take(deliveries)
        await again.ack()

    assert (after.body, again.body) == (b"after", b"after")
    assert after.origin == again.origin != before.origin


async def test_consumer_that_somebody_removed_is_made_again(nats_server, prefix, short_pulls):
    channel = jobs(prefix)
    async with open_on(nats_server, prefix) as broker, broker.consume(channel, group="g") as deliveries:
        await broker._connection.api(f"CONSUMER.DELETE.EE-{prefix}-work-jobs.jobs=execute")
        await broker.publish(channel, b"after")

        assert (await READING.take(deliveries)).body == b"after"


async def test_overdue_pull_is_asked_again(nats_server, prefix, short_pulls):
    channel = jobs(prefix)
    async with open_on(nats_server, prefix) as broker, broker.consume(channel, group="g") as deliveries:
        # as if the server had lost the pull: its inbox is deaf
        await deliveries._subscription.unsubscribe()
        await broker.publish(channel, b"late")

        assert (await READING.take(deliveries)).body == b"late"


async def test_connection_closed_for_good_ends_consumers_with_an_error(nats_server, prefix, drop_connection):
    broadcasts = Channel(ChannelKind.BROADCAST, Subjects(prefix).bots_hello)
    async with open_on(nats_server, prefix) as broker:
        async with (
            broker.consume(jobs(prefix), group="g") as deliveries,
            broker.consume(broadcasts, group="g") as heard,
        ):
            drop_connection(broker)
            for iterator in (deliveries, heard):
                with pytest.raises(BrokerUnavailableError, match="closed"):
                    async with asyncio.timeout(10):
                        await anext(iterator)
        with pytest.raises(BrokerUnavailableError):
            await broker.publish(jobs(prefix), b"")


async def test_rejected_message_is_kept_aside(nats_server, prefix):
    async with open_on(nats_server, prefix) as broker:
        await broker.publish(jobs(prefix), b"nonsense")
        async with broker.consume(jobs(prefix), group="g") as deliveries:
            await (await READING.take(deliveries)).reject("no JSON:\nline 1")
        api = broker._connection.api
        last = await api(f"STREAM.MSG.GET.EE-{prefix}-rejected", {"seq": 1})
        left = await api(f"STREAM.INFO.EE-{prefix}-work-jobs")

    assert last["message"]["data"] == "bm9uc2Vuc2U="
    assert left["state"]["messages"] == 0


async def test_full_inbox_refuses_more_and_others_go_on(nats_server, prefix, monkeypatch):
    monkeypatch.setattr(streams, "_MOST_PER_INBOX", 3)
    async with open_on(nats_server, prefix) as broker:
        for number in range(3):
            await broker.publish(inbox(prefix), b"%d" % number)
        with pytest.raises(BrokerUnavailableError, match="maximum messages per subject"):
            await broker.publish(inbox(prefix), b"3")
        await broker.publish(Channel(ChannelKind.INBOX, Subjects(prefix).execute("robot-2")), b"")
        async with broker.consume(inbox(prefix), group="g") as deliveries:
            found = await READING.read(deliveries, count=3)

    assert bodies(found) == [b"0", b"1", b"2"]


async def test_subject_of_another_kind_is_refused_by_name(nats_server, prefix):
    async with open_on(nats_server, prefix) as broker:
        for channel in (
            Channel(ChannelKind.REPLY, inbox(prefix).subject),
            Channel(ChannelKind.WORK, "elsewhere.jobs.execute"),
        ):
            with pytest.raises(BrokerError, match="is not a"):
                await broker.publish(channel, b"")
            with pytest.raises(BrokerError, match="is not a"):
                broker.consume(channel, group="g")


async def test_overlapping_pattern_is_refused(nats_server, prefix):
    subjects = Subjects(prefix)
    async with open_on(nats_server, prefix) as broker:
        one = Channel(ChannelKind.REPLY, subjects.response("*", "*"))
        other = Channel(ChannelKind.REPLY, subjects.response(3, "*"))
        async with broker.consume(one, group="g"):
            with pytest.raises(BrokerError, match="overlaps"):
                async with broker.consume(other, group="g"):
                    pass


async def test_namespaces_on_one_server_do_not_mix(nats_server, prefix):
    names = ["", prefix, f"{prefix}.jobs", f"{prefix}-jobs"]
    found = {}
    for name in names:
        async with open_on(nats_server, name) as broker:
            await broker.publish(jobs(name), name.encode())
    for name in names:
        async with open_on(nats_server, name) as broker, broker.consume(jobs(name), group="g") as deliveries:
            found[name] = bodies(await READING.read(deliveries, count=1))

    assert found == {name: [name.encode()] for name in names}


async def test_many_may_open_a_new_namespace_at_once(nats_server, prefix):
    async def open_and_publish(number):
        async with open_on(nats_server, prefix) as broker:
            await broker.publish(jobs(prefix), b"%d" % number)

    await asyncio.gather(*(open_and_publish(number) for number in range(6)))

    async with open_on(nats_server, prefix) as broker, broker.consume(jobs(prefix), group="g") as deliveries:
        assert len(await READING.read(deliveries, count=6)) == 6


async def test_missing_stream_is_named_when_the_operator_makes_them(nats_server, prefix):
    with pytest.raises(ConfigError, match=f"no stream 'EE-{prefix}-work-jobs'"):
        async with open_on(nats_server, prefix, create_streams=False):
            pass
    async with open_on(nats_server, prefix):
        pass
    async with open_on(nats_server, prefix, create_streams=False) as broker:
        await broker.publish(jobs(prefix), b"")


async def test_stream_that_loses_messages_is_refused(nats_server, prefix):
    async with open_on(nats_server, "maker") as broker:
        name = f"EE-{prefix}-work-jobs"
        config = {"name": name, "subjects": [jobs(prefix).subject], "retention": "interest"}
        await broker._connection.api(f"STREAM.CREATE.{name}", config)

    with pytest.raises(ConfigError, match="has retention 'interest'"):
        async with open_on(nats_server, prefix):
            pass


async def test_subject_that_a_stream_lacks_is_added(nats_server, prefix):
    name = f"EE-{prefix}-work-jobs"
    config = {"name": name, "subjects": [jobs(prefix).subject], "retention": "workqueue", "discard": "new"}
    async with open_on(nats_server, "maker") as broker:
        await broker._connection.api(f"STREAM.CREATE.{name}", config)

    async with open_on(nats_server, prefix) as broker:
        await broker.publish(Channel(ChannelKind.WORK, Subjects(prefix).command(1)), b"")


async def test_async_transport_keeps_its_messages_over_an_orderly_restart(own_server, prefix):
    async with open_on(own_server, prefix, async_transport=True) as broker:
        info = await broker._connection.api(f"STREAM.INFO.EE-{prefix}-inbox-activity")
        for number in range(50):
            await broker.publish(inbox(prefix), b"%d" % number)
        own_server.restart()
        await READING.publish_at_last(broker, jobs(prefix), b"back")
        async with broker.consume(inbox(prefix), group="g") as deliveries:
            found = await READING.read(deliveries, count=50)

    assert info["config"]["persist_mode"] == "async"
    assert bodies(found) == [b"%d" % number for number in range(50)]
