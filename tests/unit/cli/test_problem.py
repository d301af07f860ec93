"""What is said about a fault, to people and to a program that asked for JSON."""

import json

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command


def test_a_fault_of_the_settings_file_has_its_place(tmp_path, capsys):
    file = tmp_path / "ee.toml"
    file.write_text("[engine]\ngrace = 1\n")

    code = run_command(["-C", str(file), "plugin", "list", "-o", "json"])

    said = json.loads(capsys.readouterr().err)
    assert code == said["exit"] == Exit.INVALID_INPUT
    assert said["place"] == {"file": str(file), "line": 2, "column": 1}
    assert said["message"] == f"{file}:2:1: unknown key 'engine.grace'"
    assert said["hint"] == "did you mean 'engine.grace_s'?"


def test_a_setting_that_a_plugin_refused_has_its_place(tmp_path, capsys):
    file = tmp_path / "ee.toml"
    file.write_text('[broker]\nserverz = "a"\n')

    code = run_command(["-C", str(file), "job", "list", "-o", "json"])

    said = json.loads(capsys.readouterr().err)
    assert code == Exit.INVALID_INPUT
    assert said["place"] == {"file": str(file), "line": 2, "column": 1}
    assert said["hint"] == "did you mean 'servers'?"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "job list --limit many",
            "invalid value for '--limit': 'many' is no whole number\nhint: use a whole number from 1 to 1000\n",
        ),
        (
            "job list --limit 0",
            "invalid value for '--limit': 0 is out of range\nhint: use a whole number from 1 to 1000\n",
        ),
        (
            "workflow rehearse f --time soon",
            "invalid value for '--time': 'soon' is no number\nhint: use a number, 0 or more\n",
        ),
        (
            "workflow rehearse f --limit 0",
            "invalid value for '--limit': 0 is out of range\nhint: use a whole number, 1 or more\n",
        ),
    ],
)
def test_what_a_number_may_be_is_said_in_words(line, said, capsys):
    assert run_command(line.split()) == Exit.USAGE
    assert capsys.readouterr().err == f"error: {said}"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("job list -C ee.toml", "-C goes before the command, as in `eectl -C FILE job list`"),
        ("job list -c ee.toml", "-C goes before the command, as in `eectl -C FILE job list`"),
        (
            "job list --context lab",
            "--context goes before the command, as in `eectl --context NAME job list`",
        ),
        ("job -v list", "-v goes before the command, as in `eectl -v job`"),
        ("-c ee.toml job list", "did you mean '-C'?"),
        (
            "--namespace prod job list",
            "--namespace goes after the command, as in `eectl COMMAND --namespace NAME`",
        ),
        (
            "job --workflow a list",
            "--workflow goes after the command, as in `eectl job COMMAND --workflow NAME`",
        ),
        ("job submit x -L a=b", "did you mean '-l'?"),
        ("job list --limt 3", "did you mean '--limit'?"),
        ("job list -z", "see `eectl job list --help`"),
    ],
)
def test_an_option_at_the_wrong_place_or_of_the_wrong_case_is_told_so(line, hint, capsys):
    assert run_command(line.split()) == Exit.USAGE
    assert capsys.readouterr().err.endswith(f"\nhint: {hint}\n")
