"""Activity types and a way to load text, for the tests of definitions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ee_cel.language import CelLanguage

from ee_core.contracts.activity import ActivityTraits, ActivityType
from ee_core.definitions import Definition, load
from ee_core.errors import WorkflowError
from ee_core.local.activities import NoopActivity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ee_core.definitions.diagnostics import Diagnostic


class BotActivity:
    """Work that needs a bot."""

    input_schema = None
    output_schema = None

    def __init__(self, name: str) -> None:
        self.name = name

    def traits_for(self, template: Any) -> ActivityTraits:
        return ActivityTraits()

    async def run(self, context: Any, value: Any) -> Any:
        return value


class CallActivity(BotActivity):
    """Stateless work that may be repeated when its method says so."""

    def traits_for(self, template: Any) -> ActivityTraits:
        return ActivityTraits(stateless=True, idempotent=template.get("method") == "GET")


@pytest.fixture(scope="session")
def data(repository: Path) -> Path:
    return repository / "tests" / "data"


@pytest.fixture
def activities() -> dict[str, ActivityType]:
    return {
        "noop": NoopActivity(),
        "http": CallActivity("http"),
        "sap.post": BotActivity("sap.post"),
        "sap.print": BotActivity("sap.print"),
    }


@pytest.fixture
def warnings_of(load_text: Callable[..., Definition]) -> Callable[[str, Any], list[tuple[str, Diagnostic]]]:
    """Return the warnings of one code that an activity's input of this value gets, each with the text it is about."""

    def warn(code: str, value: Any) -> list[tuple[str, Diagnostic]]:
        head = "ee: 1\nname: w\ninputs: {name: {type: string}}\nstart: a\nnodes:\n  z: {end: succeeded}\n"
        found = load_text(
            f"{head}  a: {{activity: noop, with: {{output: {json.dumps(value)}}}, next: z}}\n"
        ).diagnostics
        assert {(each.code, each.severity) for each in found} <= {(code, "warning")}
        return [(each.shown[each.column - 1 :][: each.span], each) for each in found]

    return warn


@pytest.fixture
def load_text(activities: dict[str, ActivityType]) -> Callable[..., Definition]:
    """Load text with the activities above, and CEL."""

    def load_it(text: str | bytes, place: str = "w.yaml", **options: Any) -> Definition:
        given = {"activities": activities, "language": CelLanguage(), **options}
        return load(text.encode() if isinstance(text, str) else text, place=place, **given)

    return load_it


@pytest.fixture
def fail_text(load_text: Callable[..., Definition]) -> Callable[..., tuple[Any, ...]]:
    """Load text that is wrong; return its diagnostics."""

    def fail(text: str | bytes, place: str = "w.yaml", **options: Any) -> tuple[Any, ...]:
        with pytest.raises(WorkflowError) as caught:
            load_text(text, place, **options)
        assert caught.value.diagnostics
        return caught.value.diagnostics

    return fail
