"""What `eectl doctor` sees: each trouble by itself, and what it says mends it."""

import asyncio
import json
import socket
import threading
from contextlib import closing

import pytest

from ee_core.cli.checkups import (
    Finding,
    check_engine,
    check_folder,
    check_journal,
    check_port,
    check_server,
    compare_clocks,
)
from ee_core.cli.doctor import trace_silence
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.client import Client
from ee_core.local.broker import MemoryBroker
from ee_core.local.sqlite_journal import SqliteJournal
from ee_core.messages.subjects import Subjects
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.pytest import virtual_time


def only(findings):
    (finding,) = findings
    return finding


def script(tmp_path, version):
    path = tmp_path / "nats-server"
    path.write_text(f"#!/bin/sh\necho 'nats-server: {version}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def listener():
    """Something that listens, and says what it is given to say to whoever connects."""
    server = socket.create_server(("127.0.0.1", 0))

    def say(greeting: bytes) -> int:
        def serve() -> None:
            with closing(server.accept()[0]) as connection:
                connection.sendall(greeting)

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    yield say
    server.close()


def test_a_folder_that_can_be_made_is_right(tmp_path):
    finding = only(check_folder(tmp_path / "not" / "there"))

    assert finding.what == "disk"
    assert finding.level in {"ok", "warn"}


def test_a_file_in_the_place_of_the_folder_is_wrong(tmp_path):
    (tmp_path / "file").touch()

    finding = only(check_folder(tmp_path / "file" / "data"))

    assert (finding.level, finding.what) == ("fail", "folder")
    assert "--data" in finding.cure


@pytest.mark.parametrize(("version", "level"), [("v2.15.1", "ok"), ("v2.11.0", "ok"), ("v2.9.25", "fail")])
def test_an_old_server_is_named_with_its_version(tmp_path, version, level):
    finding = only(check_server(script(tmp_path, version)))

    assert finding.level == level
    assert version[1:] in finding.text


@pytest.mark.parametrize("said", ["", "what?"])
def test_a_program_that_is_no_server_is_a_warning_only(tmp_path, said):
    finding = only(check_server(script(tmp_path, said)))

    assert finding.level == "warn"
    assert "EE_NATS_SERVER" in finding.cure


def test_a_port_with_a_nats_server_is_right_and_one_with_something_else_is_not(listener):
    assert only(check_port(listener(b"INFO {}"))).level == "ok"

    other = only(check_port(listener(b"SSH-2")))

    assert other.level == "warn"
    assert "--port" in other.cure


def test_a_free_port_is_right():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert only(check_port(port)).text.endswith("is free for `eectl up`")


@pytest.mark.parametrize(
    ("theirs_us", "level"), [(1_000_500, "ok"), (2_900_000, "ok"), (4_000_000, "warn"), (-2_000_000, "warn")]
)
def test_clocks_that_differ_by_more_than_two_seconds_are_told(theirs_us, level):
    finding = only(compare_clocks(theirs_us, 1_000_000, 1_001_000))

    assert finding.level == level


async def test_a_journal_is_looked_through(tmp_path):
    path = tmp_path / "journal.sqlite"
    assert "not there yet" in only(await check_journal(path)).text

    async with SqliteJournal(path, new_store_id="s") as journal:
        head = await journal.open_partition(0)
        await journal.close_partition(head)
    assert only(await check_journal(path)).level == "ok"

    path.write_bytes(b"no journal at all" * 1000)
    broken = only(await check_journal(path))
    assert broken.level == "fail"
    assert broken.cure


def test_the_command_ends_with_11_when_something_is_wrong_and_says_it_as_json(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ee.toml").write_text("brok = 1\n")

    code = run_command(["doctor", "-o", "json"])

    assert code == Exit.FOUND_SOMETHING
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["python"]["level"] == "ok"
    assert rows["settings"]["level"] == "fail"
    assert "ee.toml" in rows["settings"]["text"]


def test_it_looks_on_when_no_broker_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    code = run_command(["doctor", "--server", "nats://127.0.0.1:9", "-o", "json"])

    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert code == Exit.OK, rows
    assert rows["broker"]["level"] == "warn"
    assert "eectl up" in rows["broker"]["cure"]
    assert rows["journal"]["level"] == "ok"


@virtual_time
async def test_an_engine_that_does_not_answer_is_told_once_with_its_cure():
    env = VirtualEnv(asyncio.get_running_loop(), seed=1)
    async with MemoryBroker(env) as broker:
        found = only(await check_engine(Client(broker, Subjects("lab"), env=env)))

    assert (found.level, found.text) == ("warn", "no engine answered in namespace 'lab'")
    assert found.cure == "start one with `eectl engine run --namespace lab`, or name another namespace"


def test_it_is_told_where_the_namespace_comes_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ee.toml").write_text("namespace = 'lab'\n")

    traced = trace_silence(
        Finding("engine", "warn", "no engine answered in namespace 'lab'", "start one"), {}
    )

    assert traced.text.endswith(" (this namespace comes from ee.toml:1:1)")
    assert traced.cure == "start one"


def test_the_command_that_shows_parked_jobs_can_be_given(capsys):
    code = run_command(["job", "list", "--status", "Parked", "--server", "nats://127.0.0.1:1"])

    assert (code, "127.0.0.1:1" in capsys.readouterr().err) == (Exit.UNREACHABLE, True)
