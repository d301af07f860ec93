"""An activity type of a bot whose file is known here, as an engine has it that gives the bot its work.

What goes in and comes out can be held against it. What it says of repeating no engine hears, since bots say no more than
the names of their activities: so it has no part in a definition, and a file has one hash, whoever loads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ee_core.contracts.activity import ActivityTraits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityContext, ActivityType


@dataclass(frozen=True, slots=True)
class ServedType:
    """A bot's activity type, without its traits."""

    said: ActivityType  # by the bot's own file

    @property
    def name(self) -> str:
        return self.said.name

    @property
    def input_schema(self) -> Mapping[str, Any] | None:
        return self.said.input_schema

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        return self.said.output_schema

    def traits_for(self, template: Any) -> ActivityTraits:
        return ActivityTraits()

    async def run(self, context: ActivityContext, value: Any) -> Any:
        return await self.said.run(context, value)
