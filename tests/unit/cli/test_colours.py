"""Colours on a terminal, and none for whoever asked for none."""

import pytest
from click.testing import CliRunner

from ee_core.cli.root import cli


@pytest.mark.parametrize(("wish", "has_colours"), [(None, True), ("", True), ("1", False)])
def test_no_color_is_respected(tmp_path, monkeypatch, wish, has_colours):
    monkeypatch.chdir(tmp_path)

    done = CliRunner(env={"NO_COLOR": wish, "EE_BROKER_SERVERS": "nats://127.0.0.1:1"}).invoke(
        cli, ["doctor"], color=True
    )

    assert "nats://127.0.0.1:1" in done.output
    assert ("\x1b[" in done.output) == has_colours
