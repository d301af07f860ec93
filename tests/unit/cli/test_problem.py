"""What a program that asked for JSON is told about a fault."""

import json

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
