"""One implementation of each hook that is asked or told together with other plugins: a plant's own rules.

A plugin's entry point in the group `ee.hooks` names such a module.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from ee_core.contracts.hooks import (
    GIVE_UP,
    AdmissionRequest,
    BotView,
    Direction,
    EngineLoad,
    GiveUp,
    Hold,
    MessageOutcome,
    NodeDraft,
    Refuse,
    VisitView,
)
from ee_core.contracts.journal import JobSummary
from ee_core.hookspecs import hookimpl
from ee_core.model.events import AnyEvent, Error, IncidentOpened, JobFinished
from ee_core.model.ids import BotId, JobId
from ee_core.model.waits import LeaseWait, Wait
from ee_core.model.workflow import Activity, Node, NodeKind

EE_API = 1
log = logging.getLogger(__name__)
outcomes: Counter[str] = Counter()
queue: dict[tuple[str, str], str] = {}
poison: list[str] = []


@hookimpl
def ee_expand_node(node: NodeDraft) -> Sequence[Node] | None:
    """Write the kind `Beep` of our drawings as an activity."""
    if node.kind != "Beep":
        return None
    beep = Activity(type="log", input={"text": node.members.get("text", "beep")})
    return [Node(id=node.id, kind=NodeKind.ACTIVITY, pointers=node.pointers, activity=beep)]


@hookimpl
def ee_choose_retry(error: Error) -> int | GiveUp | None:
    """Wait a minute for a locked record, and never try a wrong password twice."""
    if error.code == "record_locked":
        return 60_000
    if error.code == "login":
        return GIVE_UP
    return None


@hookimpl
def ee_on_event(event: AnyEvent, summary: JobSummary) -> None:
    """Count how jobs end; after a restart the last event may come again."""
    if isinstance(event, JobFinished):
        outcomes[f"{summary.workflow} {event.outcome}"] += 1


@hookimpl
def ee_choose_bot(visit: VisitView, candidates: Sequence[BotView]) -> BotId | None:
    """Prefer a bot in the building that the job's label names."""
    wanted = visit.labels.get("building")
    return next((bot.id for bot in candidates if bot.labels.get("building") == wanted), None)


@hookimpl
def ee_on_wait(job: JobId, wait: Wait, armed: bool) -> None:
    """Keep a list of what waits for a bot."""
    if isinstance(wait, LeaseWait):
        if armed:
            queue[job, wait.key] = wait.activity
        else:
            queue.pop((job, wait.key), None)


@hookimpl
def ee_on_incident(job: JobId, incident: IncidentOpened) -> None:
    """Tell the people on duty."""
    log.warning("job %s asks a person: %s", job, incident.text, extra={"action": "duty_called"})


@hookimpl
def ee_admit_job(request: AdmissionRequest, load: EngineLoad) -> Refuse | Hold | None:
    """Take no job without an owner, and let tests wait while there is other work."""
    if not request.owner:
        return Refuse("the job has no owner; submit it with --owner NAME", code="no_owner")
    if request.labels.get("kind") == "test" and load.open_jobs:
        return Hold(f"{load.open_jobs} other jobs go first")
    return None


@hookimpl
def ee_add_headers(job: JobId | None) -> Mapping[str, str] | None:
    """Let the tools that watch the broker tell plants apart."""
    return {"x-plant": "north"} if job is not None else None


@hookimpl
def ee_on_message(direction: Direction, subject: str, outcome: MessageOutcome) -> None:
    """Remember where messages come from that nobody can use."""
    if outcome is MessageOutcome.POISON:
        poison.append(f"{direction} {subject}")
