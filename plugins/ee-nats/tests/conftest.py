"""A real nats-server for the tests of this plugin, and a namespace of its own for each test."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from ee_nats.server import ServerProcess, find_server

_numbers = itertools.count(1)


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
        if here in item.path.parents and {"nats_binary"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
