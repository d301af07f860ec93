"""Who a bot or worker is, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import PermanentActivityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityContext, ActivityType


@dataclass(frozen=True, slots=True)
class Profile:
    """What others see of a bot or worker."""

    id: str
    activities: Mapping[str, ActivityType]  # by name
    labels: Mapping[str, str] = field(default_factory=dict)

    def activity(self, name: str) -> ActivityType:
        """Return the type of a name; for one that is not served, a type whose attempts fail and say so."""
        return self.activities.get(name) or AbsentActivity(name, self)


class AbsentActivity:
    """Stands for a type that was requested and is not served, as after a bot was installed anew."""

    input_schema = None
    output_schema = None

    def __init__(self, name: str, profile: Profile) -> None:
        self.name = name
        self._profile = profile

    def traits_for(self, template: Any) -> ActivityTraits:
        return ActivityTraits()

    async def run(self, context: ActivityContext, value: Any) -> Any:
        served = ", ".join(sorted(self._profile.activities)) or "nothing"
        raise PermanentActivityError(
            f"bot {self._profile.id!r} does not serve {self.name!r}; it serves: {served}",
            code="unknown_activity",
        )
