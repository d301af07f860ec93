"""A job's state as plain JSON data: what two of them are compared by, and what a history keeps of one.

Everything that `ee_core.model.job.Job` holds is in it but the compiled workflow, which the job does not own. Sets are
sorted and visits named instead of repeated, so that equal jobs give equal data.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import msgspec

from ee_core.model.job import Job

_NAMED: Final = frozenset({"live", "results"})  # visits, which stand in `visits` already
_OTHER: Final = frozenset({"workflow", "queues", "applied"})
_PLAIN: Final = tuple(item.name for item in fields(Job) if item.name not in _NAMED | _OTHER)


def to_snapshot(job: Job) -> dict[str, Any]:
    """Return the state of a job; shares nothing with it that changes."""
    state: dict[str, Any] = {name: getattr(job, name) for name in _PLAIN}
    state["live"] = list(job.live)
    state["results"] = {str(node): visit.id for node, visit in job.results.items()}
    state["applied"] = sorted(job.applied)
    state["queues"] = {
        str(join): {"places": [list(place) for place in queues], "filled": queues.filled}
        for join, queues in job.queues.items()
    }
    return msgspec.json.decode(
        msgspec.json.encode(state), type=dict[str, Any]
    )  # lists where JSON has no tuples
