"""`eectl job show --at`: a record or an instant, and nothing that only looks like one."""

import click
import pytest

from ee_core.cli.past import Moment, check_past
from ee_core.errors import EngineError
from ee_core.messages.instants import from_text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("0", {"at_record": 0}),
        ("12", {"at_record": 12}),
        ("2026-01-31T12:00:00Z", {"at": from_text("2026-01-31T12:00:00Z")}),
        ("2026-01-31T13:00:00+01:00", {"at": from_text("2026-01-31T12:00:00Z")}),
    ],
)
def test_a_number_is_a_record_and_all_else_an_instant(text, asked):
    assert Moment().convert(text, None, None) == asked


@pytest.mark.parametrize("text", ["-1", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "1.5", ""])
def test_what_is_neither_is_refused_with_an_example(text):
    with pytest.raises(click.BadParameter, match="like 2026-01-31T12:00:00Z"):
        Moment().convert(text, None, None)


def test_an_engine_that_shows_the_present_instead_is_noticed():
    check_past({"record": 0})
    with pytest.raises(EngineError, match="older than --at"):
        check_past({"status": "Finished"})
