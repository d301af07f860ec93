"""A misspelt word in `ee.toml` is told with the file, the line, and what was meant."""

from __future__ import annotations

import json

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(settings, *options):
        (tmp_path / "ee.toml").write_text(settings, encoding="utf-8")
        code = run_command(["secret", "check", "X", *options])
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("settings", "said", "hint"),
    [
        (
            '[secrets]\nproviders = ["flie"]\n',
            "ee.toml:2:13: secrets 'flie' is not installed",
            "did you mean 'file'?",
        ),
        (
            '[secrets]\nflie = "x"\n',
            "ee.toml:2:1: unknown key 'secrets.flie'",
            "known are secrets.providers, ",
        ),
        (
            "[secrets]\nproviders = [file]\n",
            "ee.toml:2:14: this is no TOML: invalid value",
            "put text in quotes",
        ),
        ("[secrtes]\nproviders = []\n", "ee.toml:1:2: unknown section 'secrtes'", "did you mean 'secrets'?"),
    ],
)
def test_it_is_told_with_file_line_and_hint(check, settings, said, hint):
    code, told = check(settings)

    assert code != 0
    assert f"error: {said}" in told
    assert f"hint: {hint}" in told


def test_a_program_gets_the_place_of_a_plugin_that_is_not_there(check):
    _, told = check('[secrets]\nproviders = ["flie"]\n', "-o", "json")

    found = json.loads(told)
    assert (found["code"], found["place"]) == (
        "plugin_not_found",
        {"file": "ee.toml", "line": 2, "column": 13},
    )


def test_a_section_that_nobody_reads_is_told_with_its_place(check, caplog):
    check('[secrets.flie]\nfolder = "x"\n')

    assert "settings that nobody reads, at ee.toml:1:2: secrets 'flie' is not installed" in caplog.text
    assert "did you mean 'file'?" in caplog.text


def test_an_address_for_the_broker_in_memory_names_the_broker_that_has_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    code = run_command(["run", "any.yaml", "--server", "nats://demo:4222"])

    assert code == Exit.INVALID_INPUT
    assert capsys.readouterr().err == (
        "error: broker 'memory' lives in one process and has no address (broker.servers)\n"
        "hint: say --broker nats, or leave the address out\n"
    )


def test_it_is_told_where_the_address_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ee.toml").write_text('[broker]\nname = "memory"\nservers = "nats://demo"\n')

    run_command(["run", "any.yaml"])

    assert capsys.readouterr().err.startswith("error: ee.toml:3:1: broker 'memory' lives in one process")
