"""An activity type: it greets. What an activity type promises is in `ee_core.contracts.activity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ee_core.contracts.activity import ActivityTraits
from ee_core.contracts.settings import read_section
from ee_core.errors import PermanentActivityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityContext


class GreetSettings(BaseModel):
    """The section ``activities.example`` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    greeting: str = Field(default="Hello", min_length=1, description="The word before the name.")


class GreetActivity:
    """Greets somebody by name; needs no bot, and does no harm when it is done twice."""

    name: Final = "example"  # the entry point's

    def __init__(self, settings: GreetSettings) -> None:
        self._settings = settings

    @property
    def input_schema(self) -> Mapping[str, Any]:
        return {
            "type": "object",
            "properties": {"name": {"type": "string", "minLength": 1}},
            "required": ["name"],
            "additionalProperties": False,
        }

    @property
    def output_schema(self) -> Mapping[str, Any]:
        return {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

    def traits_for(self, template: Any) -> ActivityTraits:
        return ActivityTraits(stateless=True, idempotent=True)

    async def run(self, context: ActivityContext, value: Any) -> Any:
        # the schema is checked at load for what is written out; what an expression gives comes here unchecked
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(name, str) or not name:
            raise PermanentActivityError(f"example needs a name to greet, got {name!r}", code="bad_input")
        context.log.debug("greeting %s", name)
        return {"text": f"{self._settings.greeting}, {name}!"}


def read_settings(section: Mapping[str, Any]) -> GreetSettings:
    """Check a section of the configuration.

    Raises:
        ConfigError: It names the key, and what is wrong with it.
    """
    return read_section(GreetSettings, section, "activities.example")
