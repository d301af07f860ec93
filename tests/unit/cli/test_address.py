"""Where nobody answers: the error says who named the address, and what runs in this folder."""

import os
from pathlib import Path

import pytest

from ee_core.cli.address import trace_address
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.site import announce, held

AWAY = "nats://127.0.0.1:1"
HERE = "nats://127.0.0.1:4222"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EE_BROKER_SERVERS", raising=False)


@pytest.fixture
def _up(tmp_path):
    """What an `eectl up` says of itself in this folder."""
    (tmp_path / ".ee").mkdir()
    with held(Path(".ee")):
        announce(Path(".ee"), url=HERE, engine="e1", now_us=1)
        yield


def in_file(tmp_path):
    (tmp_path / "ee.toml").write_text(f'[broker]\nservers = "{AWAY}"\n')
    return [], "ee.toml:2:1"


def in_list(tmp_path):
    (tmp_path / "ee.toml").write_text(f'[broker]\nservers = ["{AWAY}"]\n')
    return [], "ee.toml:2:1"


def in_context(tmp_path):
    (tmp_path / "ee.toml").write_text(f'[contexts.lab.broker]\nservers = "{AWAY}"\n')
    return ["--context", "lab"], "ee.toml:2:1: context 'lab'"


def told(capsys, *arguments):
    code = run_command(arguments)
    return code, capsys.readouterr().err


@pytest.mark.parametrize("write", [in_file, in_list, in_context])
@pytest.mark.usefixtures("_up")
def test_an_address_of_the_settings_is_said_to_be_theirs_and_what_runs_here_is_named(capsys, tmp_path, write):
    flags, origin = write(tmp_path)

    code, err = told(capsys, *flags, "job", "list")

    assert code == Exit.UNREACHABLE
    assert f"lets us in at {AWAY}" in err
    assert f" (this address comes from {origin})\n" in err
    assert err.endswith(
        f"hint: `eectl up` of .ee runs at {HERE}: say --server {HERE}, or take the address out of {origin}\n"
    )


@pytest.mark.usefixtures("_up")
def test_an_address_of_a_variable_is_said_to_be_its(capsys, monkeypatch):
    monkeypatch.setenv("EE_BROKER_SERVERS", AWAY)

    _, err = told(capsys, "status")

    assert " (this address comes from EE_BROKER_SERVERS)\n" in err
    assert "or take the address out of EE_BROKER_SERVERS\n" in err


@pytest.mark.usefixtures("_up")
def test_an_address_of_the_command_line_is_to_be_left_out(capsys):
    _, err = told(capsys, "bot", "list", "--server", AWAY)

    assert " (this address comes from --server)\n" in err
    assert err.endswith(f"hint: `eectl up` of .ee runs at {HERE}: leave --server out\n")


def test_where_nothing_runs_here_the_cure_stays(capsys, tmp_path):
    in_file(tmp_path)

    _, err = told(capsys, "job", "list")

    assert " (this address comes from ee.toml:2:1)\nhint: start one with `eectl up`" in err


@pytest.mark.usefixtures("_up")
def test_an_engine_that_does_not_answer_elsewhere_is_not_taken_for_the_one_here(tmp_path):
    in_file(tmp_path)

    assert trace_address("no engine answered", "start one", {}) == (
        "no engine answered",
        f"start one; `eectl up` of .ee runs at {HERE}, and ee.toml:2:1 names another server",
    )


@pytest.mark.usefixtures("_up")
def test_of_the_server_here_nothing_more_is_said_than_who_named_it():
    assert trace_address(f"nobody at {HERE}", "wait", {}) == (
        f"nobody at {HERE} (this address comes from `eectl up` of .ee)",
        "wait",
    )


@pytest.mark.usefixtures("_up")
def test_the_doctor_says_it_too(capsys, tmp_path):
    in_file(tmp_path)

    run_command(["doctor"])

    out = capsys.readouterr().out
    assert "(this address comes from ee.toml:2:1)" in out
    assert f"`eectl up` of .ee runs at {HERE}" in out


SILENCE = "no engine answered within 10 s in namespace 'lab'"


@pytest.fixture
def _context(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EE_CONTEXT", raising=False)
    monkeypatch.delenv("EE_NAMESPACE", raising=False)
    (tmp_path / "ee.toml").write_text("[contexts.lab]\nnamespace = 'lab'\n")


@pytest.mark.usefixtures("_context")
@pytest.mark.skipif(os.name == "nt", reason="the folder of the note is told by other variables there")
def test_a_namespace_of_a_noted_context_is_said_to_be_its_and_how_the_note_is_forgotten():
    run_command(["context", "use", "lab"])

    assert trace_address(SILENCE, "start one", {}) == (
        f"{SILENCE} (this namespace comes from ee.toml:2:1: context 'lab')",
        "start one; `eectl context use` noted 'lab', and `eectl context unset` forgets it",
    )


@pytest.mark.usefixtures("_context")
def test_a_namespace_of_a_context_that_was_named_is_said_to_be_its():
    assert trace_address(SILENCE, "start one", {"context": "lab"}) == (
        f"{SILENCE} (this namespace comes from ee.toml:2:1: context 'lab')",
        "start one",
    )


@pytest.mark.usefixtures("_context")
def test_a_namespace_of_the_command_line_needs_no_word():
    assert trace_address(SILENCE, "start one", {"flags": {"namespace": "lab"}}) == (SILENCE, "start one")
