"""The NATS lock against the contract, on a real server."""

import shutil

import pytest
from ee_nats.lock import NatsLock
from ee_nats.settings import NatsSettings

from ee_core.local.env import SystemEnv
from ee_core.testing.lock import LockConformance
from ee_core.testing.lock_store import LockStore


class NatsLockStore(LockStore):
    """A namespace on a server that may be ended."""

    def __init__(self, server, prefix):
        self._server = server
        self._settings = NatsSettings(servers=(server.url,), prefix=prefix)

    def connect(self):
        return NatsLock(self._settings, SystemEnv())

    async def restart(self):
        self._server.restart(crash=True)

    async def lose(self):
        self._server.kill()
        shutil.rmtree(self._server.data)
        self._server.start()


class TestNatsLock(LockConformance):
    ttl_s = 1.5  # the server makes it 2

    @pytest.fixture
    def store(self, request, prefix):
        ends_the_server = any(word in request.node.name for word in ("restart", "loss"))
        return NatsLockStore(
            request.getfixturevalue("own_server" if ends_the_server else "nats_server"), prefix
        )
