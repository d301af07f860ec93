"""The NATS broker against the contract, on a real server."""

import shutil

import pytest
import pytest_asyncio
from ee_nats.broker import NatsBroker
from ee_nats.settings import NatsSettings

from ee_core.messages.subjects import Subjects
from ee_core.testing.broker import BrokerConformance

REDELIVERY_S = 1.0


class TestNatsBroker(BrokerConformance):
    @pytest.fixture
    def subjects(self, prefix):
        return Subjects(prefix)

    @pytest.fixture
    def settings(self, request, prefix):
        ends_the_server = {"restart", "lose_disk"} & set(request.fixturenames)
        server = request.getfixturevalue("own_server" if ends_the_server else "nats_server")
        return NatsSettings(servers=(server.url,), prefix=prefix, redelivery_s=REDELIVERY_S)

    @pytest_asyncio.fixture
    async def broker(self, settings):
        async with NatsBroker(settings) as broker:
            yield broker

    @pytest_asyncio.fixture
    async def mortal(self, settings, drop_connection):
        async with NatsBroker(settings) as broker:

            async def kill():
                drop_connection(broker)

            yield broker, kill

    @pytest.fixture
    def restart(self, own_server):
        async def restart():
            own_server.restart(crash=True)

        return restart

    @pytest.fixture
    def lose_disk(self, own_server):
        async def lose_disk():
            own_server.kill()
            shutil.rmtree(own_server.data)
            own_server.start()

        return lose_disk
