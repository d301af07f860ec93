"""Which port `eectl up` takes, and how other commands in the folder find it."""

import json
import socket
from contextlib import closing

import pytest

from ee_core.cli.main import run_command
from ee_core.cli.place import DATA
from ee_core.cli.ports import PORT, choose_port, note_port
from ee_core.cli.site import announce, held


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def free():
    """A port that nobody has; the system gives it to nobody else at once."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_port_that_was_asked_for_is_taken(tmp_path, free):
    note_port(tmp_path, f"nats://127.0.0.1:{free}")

    assert choose_port(tmp_path, 4300) == 4300


@pytest.mark.parametrize(("asked", "chosen"), [(None, PORT), (-1, -1)])
def test_the_first_time_it_is_the_usual_one_or_any(tmp_path, asked, chosen):
    assert choose_port(tmp_path, asked) == chosen


@pytest.mark.parametrize("asked", [None, -1])
def test_the_next_time_it_is_the_last_one_if_that_is_free(tmp_path, asked, free, taken):
    note_port(tmp_path, f"nats://127.0.0.1:{free}")
    assert choose_port(tmp_path, asked) == free

    note_port(tmp_path, f"nats://127.0.0.1:{taken}")
    assert choose_port(tmp_path, asked) == -1


@pytest.mark.parametrize("note", ["", "x", "99999999", "-4"])
def test_a_note_that_says_no_port_says_nothing(tmp_path, note):
    (tmp_path / "up.port").write_text(note)

    assert choose_port(tmp_path, None) == PORT


@pytest.fixture
def up(tmp_path, monkeypatch):
    """A folder on which an `eectl up` seems to run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EE_BROKER_SERVERS", raising=False)
    DATA.mkdir()
    with held(DATA):
        announce(DATA, url="nats://127.0.0.1:45678", engine="e1", now_us=1)
        yield


def servers(capsys, *arguments):
    run_command([*arguments, "config", "show", "--origin", "-o", "json"])
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)}
    row = rows.get("broker.servers", {"value": None, "origin": None})
    return row["value"], row["origin"]


def test_commands_in_the_folder_find_the_server_and_say_where_they_know_it_from(up, capsys):
    assert servers(capsys) == ("nats://127.0.0.1:45678", "`eectl up` of .ee")


def test_a_server_that_is_set_goes_before_the_one_that_is_found(up, capsys, tmp_path, monkeypatch):
    file = tmp_path / "ee.toml"
    file.write_text('[contexts.lab.broker]\nservers = "nats://lab"\n')
    assert servers(capsys, "--context", "lab")[0] == "nats://lab"

    file.write_text('[broker]\nservers = "nats://file"\n')
    assert servers(capsys) == ("nats://file", "ee.toml:2:1")

    monkeypatch.setenv("EE_BROKER_SERVERS", "nats://variable")
    assert servers(capsys) == ("nats://variable", "EE_BROKER_SERVERS")


def test_another_broker_is_not_told_of_it(up, capsys, tmp_path):
    (tmp_path / "ee.toml").write_text('[broker]\nname = "redis"\n')

    assert servers(capsys) == (None, None)


def test_a_server_that_is_gone_is_not_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EE_BROKER_SERVERS", raising=False)
    DATA.mkdir()
    announce(DATA, url="nats://127.0.0.1:45678", engine="e1", now_us=1)

    assert servers(capsys) == (None, None)
