"""`eectl config show`."""

import json

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command


def test_the_settings_that_hold_are_shown_with_their_origin_and_without_secrets(tmp_path, capsys):
    file = tmp_path / "ee.toml"
    file.write_text("[broker]\nservers = 'nats://ann:canary@host'\ntoken = 'canary'\n[engine]\ngrace_s = 2\n")

    for form in ("table", "wide", "json", "jsonl", "yaml", "name"):
        assert run_command(["-C", str(file), "config", "show", "--origin", "-o", form]) == Exit.OK
        printed = capsys.readouterr().out
        assert "broker.token" in printed
        assert "canary" not in printed

    assert run_command(["-C", str(file), "config", "show", "--origin", "-o", "json"]) == Exit.OK
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["engine.grace_s"] == {"key": "engine.grace_s", "value": 2.0, "origin": f"{file}:5:1"}
    assert rows["broker.token"]["value"] == "(hidden)"


def test_without_being_asked_nothing_is_said_of_origins(capsys):
    assert run_command(["config", "show"]) == Exit.OK

    assert capsys.readouterr().out.split("\n")[0].split() == ["KEY", "VALUE"]
