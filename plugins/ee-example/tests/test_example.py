"""What the plugin does, seen as the engine sees it: through the registry."""

from __future__ import annotations

import pytest
from ee_example import hooks

from ee_core.config import Settings
from ee_core.errors import ConfigError
from ee_core.local.env import SystemEnv
from ee_core.model.events import IncidentKind, IncidentOpened
from ee_core.model.ids import IncidentId
from ee_core.registry import Registry
from ee_core.testing.activity import new_context


def make_registry(**settings: object) -> Registry:
    return Registry(Settings.model_validate({"activities": {"example": settings}}), SystemEnv())


async def test_it_greets_with_the_word_of_the_configuration() -> None:
    activity = make_registry(greeting="Good day").open_activity("example")

    assert await activity.run(new_context(), {"name": "Ada"}) == {"text": "Good day, Ada!"}


def test_a_wrong_setting_stops_the_start_and_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'activities\.example\.greting'; known are greeting"):
        make_registry(greting="Hi").open_activity("example")


def test_both_entry_points_are_installed_and_sound() -> None:
    rows = [row for row in make_registry().check_all() if row.distribution == "ee-example"]

    assert [(row.kind, row.name, str(row.state), row.cause) for row in rows] == [
        ("activity", "example", "loaded", ""),
        ("hooks", "ee-example", "loaded", ""),
    ]


def test_an_incident_is_counted_once_however_often_it_is_told() -> None:
    registry = make_registry()
    opened = IncidentOpened(incident=IncidentId("i1"), kind=IncidentKind.NO_BOT, choices=(), text="no bot")
    before = hooks.incidents[IncidentKind.NO_BOT]

    for job in ("a", "a", "b"):
        registry.hooks.tell_all("ee_on_incident", job=job, incident=opened)

    assert hooks.incidents[IncidentKind.NO_BOT] - before == 2


def test_what_is_remembered_has_an_end() -> None:
    for number in range(hooks._MAX_SEEN + 5):
        opened = IncidentOpened(
            incident=IncidentId(f"i{number}"), kind=IncidentKind.LOST, choices=(), text="lost"
        )
        hooks.ee_on_incident("long", opened)

    assert len(hooks._seen) == hooks._MAX_SEEN
