"""The nats-server that runs as a child."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ee_nats.greeting import describe_listener
from ee_nats.server import ServerProcess, find_server

from ee_core.errors import BrokerUnavailableError, ConfigError

PARENT = """
import sys, time
from pathlib import Path
sys.platform = sys.argv[2]
from ee_nats.server import ServerProcess, find_server
server = ServerProcess(Path(sys.argv[1]), find_server())
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def program(tmp_path):
    """A program of another name, that can be run."""
    path = tmp_path / "bin" / "my-server"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_configured_server_comes_first(program):
    assert find_server(str(program), "/no/such") == program


def test_server_from_the_environment_comes_before_those_found(program):
    assert find_server(None, str(program)) == program


@pytest.mark.parametrize(
    ("configured", "given", "named"), [("/no/such", None, "setting"), (None, "/no/such", "EE_NATS")]
)
def test_missing_server_is_named_with_its_source(configured, given, named):
    with pytest.raises(ConfigError, match=named):
        find_server(configured, given)


def test_server_beside_python_comes_before_path(monkeypatch, program):
    program.rename(program.with_name("nats-server"))
    monkeypatch.setenv("PATH", str(program.parent))

    assert find_server() == Path(sys.executable).parent / "nats-server"
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert find_server() == program.with_name("nats-server")


def test_no_server_anywhere_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    monkeypatch.setenv("PATH", "/no/such")

    with pytest.raises(ConfigError, match=r"pip install 'ee-nats\[server\]'"):
        find_server()


def test_server_runs_in_its_context_alone_and_keeps_its_port(tmp_path, nats_binary):
    with ServerProcess(tmp_path / "with blanks", nats_binary) as server:
        pid, url = server.pid, server.url
        assert is_running(pid)
        server.restart()
        assert server.url == url
        assert server.pid != pid
        pid = server.pid
    assert not is_running(pid)
    assert server.pid == 0


def test_second_server_on_a_folder_is_refused(own_server, tmp_path, nats_binary):
    with pytest.raises(ConfigError, match="another nats-server"):
        ServerProcess(tmp_path / "nats", nats_binary).start()


def test_server_that_cannot_start_shows_its_log(tmp_path, nats_binary):
    server = ServerProcess(tmp_path / "nats", nats_binary, settings={"max_payload": "much"})

    with pytest.raises(BrokerUnavailableError, match=r"its log .* ends with: .*nats\.conf:\d+"):
        server.start()


@pytest.mark.parametrize(
    ("settings", "who"),
    [
        ({}, "the NATS server of version "),
        ({"server_name": "one:/a/b"}, "the NATS server 'one:/a/b' of version "),
    ],
)
def test_server_whose_port_is_in_use_names_the_port_who_has_it_and_another_way(
    tmp_path, nats_binary, settings, who
):
    with ServerProcess(tmp_path / "nats", nats_binary, settings=settings) as first:
        port = int(first.url.rpartition(":")[2])
        second = ServerProcess(tmp_path / "other", nats_binary, port=port)

        with pytest.raises(BrokerUnavailableError) as caught:
            second.start()

    said = str(caught.value)
    assert f"port {port} on 127.0.0.1 is in use by {who}2." in said
    assert "; end that, or choose another port, as with --port" in said
    assert second.pid == 0


@pytest.mark.parametrize(
    ("greeting", "who"),
    [
        (b"", "something that is no NATS server"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "something that is no NATS server"),
        (b"INFO {\r\n", "a NATS server"),
        (b"INFO []\r\n", "a NATS server"),
        (
            b'INFO {"version": "2.10.1", "server_id": "N", "server_name": "N"}\r\n',
            "the NATS server of version 2.10.1",
        ),
    ],
)
def test_who_listens_on_a_port_is_told_by_its_greeting(greeting, who):
    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(greeting)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet)
        thread.start()
        assert describe_listener(listener.getsockname()[1]) == who
        thread.join()


def test_nobody_on_a_port_is_no_server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert describe_listener(port) == "something that is no NATS server"


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_server_ends_with_its_parent(tmp_path, platform):
    command = [sys.executable, "-c", PARENT, str(tmp_path / "nats"), platform]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        pid = int(parent.stdout.readline())
        assert is_running(pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.communicate()

    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)


def test_data_can_be_thrown_away_between_two_runs(tmp_path, nats_binary):
    with ServerProcess(tmp_path / "nats", nats_binary) as server:
        server.kill()
        shutil.rmtree(server.data)
        server.start()
        assert is_running(server.pid)
