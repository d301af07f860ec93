"""Which outside fact a visit waits for, and the net change of a job's waits.

`wait_of` is the rule; `evolve` calls `rearm` for each visit an event touched. `oracle` asks the rule of all visits.
"""

from __future__ import annotations

from typing import Final

from ee_core.model.events import IncidentKind
from ee_core.model.ids import BotId, NodeId
from ee_core.model.job import Attempt, Job, Visit, VisitStatus
from ee_core.model.references import Path
from ee_core.model.waits import DrainWait, LeaseWait, ResponseWait, TimerWait, Wait, WaitDelta, WaitKey
from ee_core.model.workflow import Activity, Node

# Their reason may go away without a person: the visit goes on waiting for what it waited for.
CLOSING_THEMSELVES: Final = frozenset({IncidentKind.NO_BOT, IncidentKind.PLUGIN_MISSING})


class WaitChanges:
    """Changes a job's waits and remembers what they were."""

    __slots__ = ("_before", "_waits")

    def __init__(self, job: Job) -> None:
        self._waits = job.waits
        self._before: dict[WaitKey, Wait | None] = {}

    def put(self, wait: Wait) -> None:
        """Add a wait, or change the one of its key."""
        key = wait.key
        if key not in self._before:
            self._before[key] = self._waits.get(key)
        self._waits[key] = wait

    def drop(self, key: WaitKey) -> None:
        """Take a wait away that is there."""
        wait = self._waits.pop(key)
        self._before.setdefault(key, wait)

    def net(self) -> WaitDelta:
        """Return the difference; what was added and dropped again is none."""
        added: list[Wait] = []
        dropped: list[WaitKey] = []
        for key, before in self._before.items():
            now = self._waits.get(key)
            if now is None:
                if before is not None:
                    dropped.append(key)
            elif now is not before and now != before:
                added.append(now)
        return WaitDelta(tuple(added), tuple(dropped))


def rearm(job: Job, visit: Visit, changes: WaitChanges) -> None:
    """Bring a visit's wait in line with its state."""
    wait = wait_of(job, visit)
    key = wait.key if wait is not None else None
    if visit.armed is not None and visit.armed != key:
        changes.drop(visit.armed)
    if wait is not None:
        changes.put(wait)
    visit.armed = key


def wait_of(job: Job, visit: Visit) -> Wait | None:
    """Return what a visit waits for; None when it is final or only a person can move it."""
    if visit.final or job.workflow is None:
        return None
    is_helpless = False
    if visit.incident is not None:
        if job.incidents[visit.incident].kind not in CLOSING_THEMSELVES:
            return None
        is_helpless = True
    node = job.workflow.nodes[visit.node]
    activity = node.activity
    if activity is None:
        return None
    if visit.status is VisitStatus.AWAITING:
        attempt = visit.open_attempt
        secrets = job.workflow.secrets[visit.node]
        return None if attempt is None else _response_wait(visit, node, attempt, is_helpless, secrets)
    if visit.status is not VisitStatus.PENDING:
        return None
    if visit.retry_at_us is not None:
        return TimerWait(visit.id, visit.retry_at_us, visit.attempts[-1].assigned_us)
    if activity.stateless or not activity.type:
        return None
    return _lease_wait(job, visit, node, activity, is_helpless)


def drain_wait(visit: Visit, attempt: Attempt) -> DrainWait:
    """Return the wait of an attempt that is draining."""
    if attempt.bot is None or attempt.fence is None:
        raise AssertionError(f"attempt {attempt.number} of {visit.id} drains without a bot")
    return DrainWait(visit.id, attempt.number, attempt.bot, attempt.fence)


def _response_wait(
    visit: Visit, node: Node, attempt: Attempt, is_helpless: bool, secrets: tuple[Path, ...]
) -> ResponseWait:
    activity = node.activity
    if activity is None:
        raise AssertionError(f"attempt {attempt.number} of {visit.id} is of a node without an activity")
    return ResponseWait(
        visit=visit.id,
        node=node.id,
        attempt=attempt.number,
        activity=activity.type,
        bot=attempt.bot,
        ledger=attempt.ledger,
        fence=attempt.fence,
        local=activity.stateless and not activity.idempotent,
        input=visit.input,
        input_hash=visit.input_hash,
        timeouts=activity.timeouts,
        deadline_us=attempt.deadline_us,
        no_bot=is_helpless,
        questioned=attempt.questioned,
        secrets=secrets,
    )


def _lease_wait(job: Job, visit: Visit, node: Node, activity: Activity, is_helpless: bool) -> LeaseWait:
    bot_ms = activity.timeouts.bot_ms
    return LeaseWait(
        visit=visit.id,
        node=node.id,
        activity=activity.type,
        selector=activity.bot,
        same_as=_same_bot(job, activity),
        since_us=visit.created_us,
        deadline_us=None if bot_ms is None else visit.asked_us + bot_ms * 1000,
        no_bot=is_helpless,
        asked_us=visit.asked_us,
    )


def _same_bot(job: Job, activity: Activity) -> BotId | None:
    if not activity.bot.same_as or job.workflow is None:
        return None
    return job.bots.get(job.workflow.graph.index[NodeId(activity.bot.same_as)])
