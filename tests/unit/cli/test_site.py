"""The folder of an `eectl up`, and with it the journal, is for one process."""

import os

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.place import DATA
from ee_core.cli.site import announce, held
from ee_core.errors import ConflictError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ee.yaml").write_text("ee: 1\nname: a\nstart: b\nnodes:\n  b: {end: succeeded}\n")
    (tmp_path / "lab").mkdir()
    DATA.mkdir()


def test_a_second_up_is_refused_as_a_second_engine_is():
    with held(DATA), pytest.raises(ConflictError, match=r"`eectl up` runs on \.ee already"), held(DATA):
        pass


@pytest.mark.parametrize(
    "command", [("engine", "run"), ("run", "a.ee.yaml", "--journal", ".ee/journal.sqlite")]
)
def test_no_other_engine_is_started_on_the_journal_of_an_up(command, capsys):
    with held(DATA):
        announce(DATA, url="nats://127.0.0.1:4222", engine="e", now_us=0)

        assert run_command(list(command)) == Exit.CONFLICT

    assert capsys.readouterr().err == (
        f"error: `eectl up` (process {os.getpid()}) runs an engine on journal '.ee/journal.sqlite'\n"
        "hint: give your commands to that one, or end it first by `eectl down`\n"
    )
    assert not (DATA / "journal.sqlite").exists()


def test_the_folder_of_the_up_is_named_where_it_is_another_one(tmp_path, capsys):
    with held(tmp_path / "lab"):  # not come up yet
        assert run_command(["engine", "run", "--journal", "lab/journal.sqlite"]) == Exit.CONFLICT

    said = capsys.readouterr().err
    assert "`eectl up` runs an engine on journal 'lab/journal.sqlite'" in said
    assert said.endswith("by `eectl down --data lab`\n")


def test_another_journal_has_nothing_to_do_with_the_up(tmp_path):
    with held(tmp_path / "lab"):
        assert run_command(["run", "a.ee.yaml", "--journal", "lab/other.sqlite", "--bots", "0"]) == Exit.OK
