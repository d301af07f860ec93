"""Hooks that are asked or told together with those of other plugins: here, incidents are counted by kind.

The entry point in the group ``ee.hooks`` bears the distribution's name. All hooks are in `ee_core.hookspecs`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ee_core.model.events import IncidentOpened
    from ee_core.model.ids import JobId

EE_API = 1

incidents: Final[Counter[str]] = Counter()
"""How often a person was asked, by kind of incident, since this process began."""

_MAX_SEEN: Final = 1000
_seen: Final[dict[tuple[str, str], None]] = {}


@hookimpl
def ee_on_incident(job: JobId, incident: IncidentOpened) -> None:
    """Count an incident once: after a restart the engine tells the last ones again."""
    key = (job, incident.incident)
    if key in _seen:
        return
    _seen[key] = None
    if len(_seen) > _MAX_SEEN:
        del _seen[next(iter(_seen))]  # the oldest: what is kept must have an end
    incidents[incident.kind] += 1
