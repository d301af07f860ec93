"""Opening a connection: what is refused, and how it says so."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import pytest
from ee_nats.connection import ApiError, NoResponderError, connect
from ee_nats.server import ServerProcess
from ee_nats.settings import NatsSettings

from ee_core.errors import BrokerUnavailableError, ConfigError

NOBODY = "nats://user:secret@127.0.0.1:1"


@asynccontextmanager
async def connected(settings):
    connection = await connect(settings)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def speaking_server(**info):
    """What looks like a nats-server, as far as a client sees before its first request."""

    async def speak(reader, writer):
        greeting = {"server_id": "x", "max_payload": 1_048_576, "headers": True, **info}
        writer.write(b"INFO " + json.dumps(greeting).encode() + b"\r\n")
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_no_server_is_told_with_address_and_cure():
    with pytest.raises(BrokerUnavailableError) as refusal:
        await connect({"servers": NOBODY})

    assert "nats://127.0.0.1:1" in str(refusal.value)
    assert "eectl up" in str(refusal.value)
    assert "secret" not in str(refusal.value)


async def test_another_server_of_the_list_serves(nats_server):
    async with connected({"servers": ["nats://127.0.0.1:1", nats_server.url]}) as connection:
        assert connection.is_connected


async def test_wrong_password_is_told(tmp_path, nats_binary):
    settings = {"authorization": {"user": "engine", "password": "right"}}
    with ServerProcess(tmp_path / "nats", nats_binary, settings=settings) as server:
        with pytest.raises(BrokerUnavailableError, match=r"Authorization Violation; .* set broker.user"):
            await connect({"servers": server.url, "user": "engine", "password": "wrong"})
        async with connected({"servers": server.url, "user": "engine", "password": "right"}) as connection:
            assert connection.is_connected


async def test_server_without_jetstream_is_refused(tmp_path, nats_binary):
    with (
        ServerProcess(tmp_path / "nats", nats_binary, settings={"jetstream": False}) as server,
        pytest.raises(ConfigError, match="has no JetStream"),
    ):
        await connect({"servers": server.url})


async def test_old_server_is_refused_by_its_version():
    async with speaking_server(version="2.9.10") as url:
        with pytest.raises(ConfigError, match=r"has version 2\.9\.10; EE needs 2\.11 or newer: run one"):
            await connect({"servers": url})


async def test_open_server_that_is_not_on_loopback_is_told(nats_server, caplog):
    caplog.set_level(logging.WARNING)
    async with connected({"servers": nats_server.url}):
        assert "lets everybody in" not in caplog.text
    # the same machine, but the name does not say so
    async with connected({"servers": nats_server.url.replace("127.0.0.1", "0.0.0.0")}):
        assert "lets everybody in" in caplog.text


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"server": "x"}, "no setting 'server'"),
        ({"servers": []}, "servers is \\[\\]"),
        ({"servers": ["a b"]}, "'a b'"),
        ({"prefix": "a..b"}, "prefix"),
        ({"prefix": "a b"}, "prefix"),
        ({"ping_s": 0}, "ping_s is 0"),
        ({"ping_s": True}, "ping_s is True"),
        ({"timeout_s": "soon"}, "timeout_s is 'soon'"),
        ({"create_streams": 1}, "create_streams is 1"),
        ({"tls_cert": "x.pem"}, "tls_key"),
    ],
)
def test_wrong_settings_are_named(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        NatsSettings.parse(settings)


def test_settings_take_one_address_and_whole_numbers_of_seconds():
    settings = NatsSettings.parse({"servers": "demo:4222", "timeout_s": 2})

    assert settings.servers == ("demo:4222",)
    assert settings.timeout_s == 2.0


@pytest.mark.parametrize("name", ["credentials", "nkey", "tls_ca"])
async def test_missing_file_is_named(name):
    with pytest.raises(ConfigError, match=f"{name} is '/no/such'"):
        await connect({"servers": NOBODY, name: "/no/such"})


async def test_file_that_is_no_certificate_is_named(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(ConfigError, match="tls_ca"):
        await connect({"servers": NOBODY, "tls_ca": str(tmp_path / "ca.pem")})


async def test_refusals_of_jetstream_keep_their_code(nats_server):
    async with connected({"servers": nats_server.url}) as connection:
        with pytest.raises(ApiError) as refusal:
            await connection.api("STREAM.INFO.none")
        with pytest.raises(NoResponderError):
            await connection.request("nobody.here")

    assert (refusal.value.status, refusal.value.err_code) == (404, 10059)


async def test_lost_connection_ends_a_request_at_once(own_server):
    loop = asyncio.get_running_loop()
    changes = asyncio.Queue()

    async with connected({"servers": own_server.url, "timeout_s": 30}) as connection:
        connection.on_change(changes.put)
        await connection.nc.subscribe("silence")
        asking = asyncio.create_task(connection.request("silence"))
        await connection.nc.flush()
        began_s = loop.time()
        own_server.kill()
        with pytest.raises(BrokerUnavailableError, match="lost"):
            await asking
        assert loop.time() - began_s < 5
        with pytest.raises(BrokerUnavailableError, match="not connected"):
            await connection.request("silence")
        own_server.start()
        assert [await changes.get(), await changes.get()] == [False, True]
        assert connection.is_connected


def test_settings_that_come_as_text_are_read_as_what_they_are():
    settings = NatsSettings.parse({"async_transport": "true", "ping_s": "7", "timeout_s": "2.5"})

    assert (settings.async_transport, settings.ping_s, settings.timeout_s) == (True, 7, 2.5)


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"server": "nats://demo:4222"}, r"\(broker.server\); did you mean 'servers'"),
        ({"x": 1}, "it has async_transport"),
    ],
)
def test_an_unknown_setting_is_named_with_its_section_and_the_nearest(settings, cure):
    with pytest.raises(ConfigError, match=f"has no setting .*{cure}"):
        NatsSettings.parse(settings)


def test_an_address_of_another_protocol_is_refused():
    with pytest.raises(ConfigError, match="'http://demo'; use an address as 'nats://"):
        NatsSettings.parse({"servers": "http://demo"})


@pytest.mark.parametrize(
    ("servers", "said"),
    [
        ("nats://127.0.0.1:99999", "'nats://127.0.0.1:99999', whose port is no number from 1 to 65535"),
        ("demo:0", "'demo:0', whose port"),
        ("demo:web", "'demo:web', whose port"),
        ("nats://[::1", r"'nats://\[::1'"),
        ("nats://:4222", "'nats://:4222'"),
        ("nats://a..b", "'nats://a..b'"),
        ("nats:/demo", "'nats:/demo'"),
        ("NATS://demo", "'NATS://demo'"),
        ("nats://me:hidden#@demo", "'...@demo'"),
        (["ws://demo", "nats://demo"], "mixes ws:// or wss:// with others"),
    ],
)
def test_a_broken_address_is_a_wrong_setting(servers, said):
    with pytest.raises(ConfigError, match=f"broker.servers (has )?{said}"):
        NatsSettings.parse({"servers": servers})


@pytest.mark.parametrize(
    "server",
    [
        "demo",
        "demo:1",
        "nats://u:p@demo:65535",
        "[::1]:4222",
        "tls://demo/",
        "wss://demo/nats",
        "nats://bücher",
    ],
)
def test_what_is_an_address_is_taken_as_it_is(server):
    assert NatsSettings.parse({"servers": server}).servers == (server,)


def test_text_that_is_no_number_is_refused_by_name():
    with pytest.raises(ConfigError, match="ping_s is 'soon'"):
        NatsSettings.parse({"ping_s": "soon"})
