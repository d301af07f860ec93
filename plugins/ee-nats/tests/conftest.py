"""A real nats-server for the tests of this plugin, and a namespace of its own for each test."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from ee_nats.server import ServerProcess, find_server

_numbers = itertools.count(1)


class Wire:
    """The way to a server, on which answers can be lost: what is asked is done, and nobody hears so."""

    def __init__(self, server):
        self._server_port = urlsplit(server.url).port
        self.is_deaf = False
        self._clients = []

    async def __aenter__(self):
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._listener.close()

    def cut(self):
        """End it for good, as a machine does that dies with data unread: by a reset."""
        self._listener.close()
        for writer in self._clients:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    async def _serve(self, reader, writer):
        self._clients.append(writer)
        with closing(writer), suppress(OSError):
            back, there = await asyncio.open_connection("127.0.0.1", self._server_port)
            with closing(there):
                await asyncio.gather(self._ask(reader, there), self._answer(back, writer))

    async def _ask(self, reader, there):
        while data := await reader.read(2**16):
            there.write(data)
        there.close()

    async def _answer(self, back, writer):
        while data := await back.read(2**16):
            if not self.is_deaf:
                writer.write(data)
        writer.close()


@pytest.fixture(scope="session")
def nats_binary():
    return find_server()


@pytest.fixture(scope="session")
def nats_server(nats_binary, tmp_path_factory):
    """A server for all tests that do not stop it."""
    # no fsync for each message: no test cuts the power
    with ServerProcess(tmp_path_factory.mktemp("nats"), nats_binary, sync_always=False) as server:
        yield server


@pytest.fixture
def own_server(nats_binary, tmp_path):
    """A server that the test may end, restart and pause."""
    with ServerProcess(tmp_path / "nats", nats_binary, sync_always=False) as server:
        yield server


@pytest_asyncio.fixture
async def wire(own_server):
    """A way to the server of the test on which answers can be lost."""
    async with Wire(own_server) as wire:
        yield wire


@pytest.fixture
def prefix():
    """A namespace that no other test has."""
    return f"t{next(_numbers)}"


@pytest.fixture
def drop_connection():
    """Ends a broker's connection as the end of its process would: without a word, and for good."""

    def drop(broker):
        client = broker._connection.nc
        client.options["allow_reconnect"] = False
        client._transport._io_writer.transport.abort()

    return drop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count tests with a real server as slow: together they take longer than all others of a quick check."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent != here:
            continue
        # a kit's class asks for its store by name, which shows in no list
        if "nats_binary" in getattr(item, "fixturenames", ()) or "conformance" in item.path.name:
            item.add_marker(pytest.mark.slow)
