"""`eectl context`: what is noted, and what is shown."""

import json
import os

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the folder is told by other variables there")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with two contexts; the user's own folder is ``home/ee`` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EE_CONTEXT", raising=False)
    (tmp_path / "ee.toml").write_text(
        "[contexts.lab]\nnamespace = 'lab'\n[contexts.lab.broker]\nservers = 'nats://ann:canary@lab'\n"
        "token = 'canary'\n[contexts.plant]\n"
    )
    return tmp_path


def show(capsys, *arguments):
    assert run_command([*arguments, "-o", "json"]) == Exit.OK
    return json.loads(capsys.readouterr().out)


def test_a_context_is_used_until_it_is_unset(folder, capsys):
    assert run_command(["context", "use", "lab"]) == Exit.OK
    rows = show(capsys, "context", "list")
    assert {row["context"]: row["used"] for row in rows} == {"lab": True, "plant": False}
    assert [path.name for path in (folder / "home" / "ee").iterdir()] == ["context.json"]

    assert run_command(["context", "unset"]) == Exit.OK
    assert run_command(["context", "unset"]) == Exit.OK
    assert not any(row["used"] for row in show(capsys, "context", "list"))


def test_the_command_line_overrides_what_was_noted(folder, capsys, monkeypatch):
    run_command(["context", "use", "lab"])
    monkeypatch.setenv("EE_CONTEXT", "plant")

    assert show(capsys, "context", "show")["context"] == "plant"
    shown = show(capsys, "--context", "lab", "context", "show")
    assert (shown["context"], shown["by"]) == ("lab", "--context")


def test_secrets_are_shown_in_no_form(folder, capsys):
    for form in ("table", "wide", "json", "jsonl", "yaml", "name"):
        for command in (["context", "show", "lab"], ["context", "list"]):
            assert run_command([*command, "-o", form]) == Exit.OK

    printed = capsys.readouterr().out
    assert "canary" not in printed
    assert "nats://(hidden)@lab" in printed


def test_an_unknown_context_is_not_used(folder, capsys):
    assert run_command(["context", "use", "labb"]) == Exit.NOT_FOUND

    assert "no context 'labb'\nhint: did you mean 'lab'?" in capsys.readouterr().err
    assert not (folder / "home").exists()


def test_a_setting_that_names_no_context_is_wrong(folder):
    assert run_command(["--context", "labb", "plugin", "list"]) == Exit.INVALID_INPUT


def test_without_a_context_there_is_none_to_show(folder, capsys):
    assert run_command(["context", "show"]) == Exit.NOT_FOUND

    assert "no context is in use" in capsys.readouterr().err


def test_a_broken_note_can_be_removed(folder):
    (folder / "home" / "ee").mkdir(parents=True)
    (folder / "home" / "ee" / "context.json").write_text("{")

    assert run_command(["context", "list"]) == Exit.INVALID_INPUT
    assert run_command(["context", "unset"]) == Exit.OK
    assert run_command(["context", "list"]) == Exit.OK
