"""What the news of a bot, a worker or a plugin means for a visit that waits for one (R9, R9a, R23)."""

from __future__ import annotations

from ee_core.model.decide.begin import assign
from ee_core.model.decide.ignored import Ignored
from ee_core.model.draft import Draft, Trouble
from ee_core.model.events import AnyEvent, Choice, IncidentKind
from ee_core.model.facts import BotFound, BotGranted, BotMissing, PluginFound, PluginMissing
from ee_core.model.ids import VisitId
from ee_core.model.job import Job
from ee_core.model.waits import LeaseWait, ResponseWait, Wait

Decided = tuple[AnyEvent, ...] | Ignored


def decide_granted(job: Job, fact: BotGranted) -> Decided:
    """Assign the bot to the visit, in the same record as the end of a NoBot incident."""
    visit = job.visits.get(fact.visit)
    if visit is None or not isinstance(_wait(job, fact.visit), LeaseWait):
        return _not_waiting(job)
    draft = Draft(job, fact.at_us)
    if visit.incident is not None:
        draft.close_incident(visit.incident, "gone")
    assign(draft, visit.id, visit.node, visit, fact)
    return tuple(draft.events)


def decide_missing(job: Job, fact: BotMissing) -> Decided:
    """Ask a person about a visit that no live bot or worker fits; it goes on waiting."""
    wait = _wait(job, fact.visit)
    if isinstance(wait, LeaseWait) or (
        isinstance(wait, ResponseWait) and wait.bot is None and not wait.local
    ):
        return _ask(job, fact, IncidentKind.NO_BOT)
    return _not_waiting(job)


def decide_plugin_missing(job: Job, fact: PluginMissing) -> Decided:
    """Ask a person about work that this process must do and cannot."""
    wait = _wait(job, fact.visit)
    if isinstance(wait, ResponseWait) and wait.local:
        return _ask(job, fact, IncidentKind.PLUGIN_MISSING)
    return _not_waiting(job)


def decide_found(job: Job, fact: BotFound) -> Decided:
    """Close a NoBot incident: its reason is gone."""
    return _close(job, fact, IncidentKind.NO_BOT)


def decide_plugin_found(job: Job, fact: PluginFound) -> Decided:
    """Close a PluginMissing incident: its reason is gone."""
    return _close(job, fact, IncidentKind.PLUGIN_MISSING)


def _ask(job: Job, fact: BotMissing | PluginMissing, kind: IncidentKind) -> Decided:
    visit = job.visits[fact.visit]
    if visit.incident is not None:
        return Ignored("duplicate")
    draft = Draft(job, fact.at_us)
    node = draft.workflow.graph.nodes[visit.node]
    trouble = Trouble(
        kind,
        (Choice.SKIP, Choice.FAIL),
        f"node {node!r} cannot be carried out: {fact.text}, skip the node with an output, or fail it",
        {"reason": fact.text},
    )
    draft.open_incident(trouble, visit=visit.id)
    return tuple(draft.events)


def _close(job: Job, fact: BotFound | PluginFound, kind: IncidentKind) -> Decided:
    visit = job.visits.get(fact.visit)
    if visit is None or visit.incident is None or visit.armed is None:
        return _not_waiting(job)
    if job.incidents[visit.incident].kind is not kind:
        return Ignored("not_waiting")
    draft = Draft(job, fact.at_us)
    draft.close_incident(visit.incident, "gone")
    return tuple(draft.events)


def _wait(job: Job, visit: VisitId) -> Wait | None:
    found = job.visits.get(visit)
    return None if found is None or found.armed is None else job.waits.get(found.armed)


def _not_waiting(job: Job) -> Ignored:
    return Ignored("finished" if job.is_finished else "not_waiting")
