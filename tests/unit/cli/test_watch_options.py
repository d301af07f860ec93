"""How long is watched."""

import click
import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.watch_options import Duration


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [("2", 2.0), ("0", 0.0), ("0.5", 0.5), ("30s", 30.0), ("5m", 300.0), ("1h30m", 5400.0), ("500ms", 0.5)],
)
def test_a_duration_has_units_or_is_in_seconds(text, duration_s):
    assert Duration()(text) == duration_s


@pytest.mark.parametrize("text", ["", "-1", "5 m", "m5", "soon", "nan", "inf"])
def test_what_is_no_duration_is_refused_with_how_one_is_written(text):
    with pytest.raises(click.BadParameter, match="write it as 30s, 5m, 1h30m, or in seconds"):
        Duration()(text)


@pytest.mark.parametrize("flags", [("--timeout", "5"), ("--cancel-on-interrupt",)])
def test_what_is_about_watching_is_refused_where_nothing_is_watched(capsys, flags):
    assert run_command(["job", "submit", "a", *flags]) == Exit.USAGE
    assert capsys.readouterr().err == (
        f"error: {flags[0]} is about watching, and does nothing here\nhint: say --watch, too\n"
    )
