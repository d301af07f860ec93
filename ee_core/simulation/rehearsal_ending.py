"""What came of a rehearsed job: its outcome, its way through the nodes, its outputs and its effects; and how two differ.

An ending is read from the records of the job and from what its activities did, so it is the same whoever drove the job
and however often. Visits of one node are compared as a whole: which of two tokens was the first is told only where it
shows in an output.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ee_core.model import events as ev
from ee_core.simulation import lines as ln

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ee_core.model.ids import IncidentId, JobId, VisitId
    from ee_core.model.workflow import Activity, Node, Workflow
    from ee_core.simulation.history import History

_LONGEST: Final = 80  # characters of a value in a sentence
_COUNTS: Final = ("never", "once", "twice")


@dataclass(slots=True)
class Stop:
    """A visit as it ended."""

    status: str = "open"
    slots: tuple[int, ...] = ()  # the pointers that were followed
    output: Any = None
    error: ev.Error | None = None


@dataclass(slots=True)
class Ending:
    """A job when nothing moves it any more.

    Attributes:
        outcome: "" while it is not over.
        results: The last result of each node, in the order of the journal: what expressions read.
        keys: Likewise by key, as the expressions of an export form read it.
        incidents: Those that are open.
        losses: Why attempts were lost, by visit.
        effects: How often the effect of each visit happened.
    """

    outcome: str = ""
    by: str = ""
    code: str = ""  # of the error that failed it
    visits: dict[VisitId, Stop] = field(default_factory=dict)
    results: dict[str, Stop] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    incidents: dict[IncidentId, ev.IncidentOpened] = field(default_factory=dict)
    losses: dict[str, str] = field(default_factory=dict, compare=False)
    effects: Counter[str] = field(default_factory=Counter)

    @property
    def said(self) -> str:
        """Its outcome in a few words."""
        if not self.outcome:
            kinds = sorted({incident.kind.value for incident in self.incidents.values()})
            return f"waits for a person ({', '.join(kinds)})" if kinds else "not over"
        text = self.outcome.capitalize()
        if self.code:
            text += f" ({self.code})"
        warnings = sum(stop.status == "Failed" for stop in self.visits.values()) if not self.code else 0
        return text + (f" with {warnings} warning{'s' if warnings > 1 else ''}" if warnings else "")


def read_ending(history: History, job: JobId) -> Ending:
    """Read how a job of a history ended."""
    ending = Ending()
    works: dict[str, str] = {}  # visit, by work
    for line in history.lines:
        match line:
            case ln.Committed():
                for record in line.records:
                    if record.job == job:
                        for event in record.events:
                            _read(ending, event)
            case ln.ActivityStarted():
                works[line.work] = line.visit
            case ln.EffectDone():
                ending.effects[works[line.work]] += 1
            case _:
                pass
    return ending


def _read(ending: Ending, event: ev.AnyEvent) -> None:
    match event:
        case ev.VisitCreated() | ev.JoinFired():
            ending.visits[event.visit] = Stop()
        case ev.VisitRouted() | ev.VisitVanished():
            stop = ending.visits[event.visit]
            stop.slots = event.slots if isinstance(event, ev.VisitRouted) else ()
            stop.status = stop.status if stop.status != "open" else "Success"
        case ev.VisitCancelled():
            ending.visits[event.visit].status = "Cancelled"
        case ev.AttemptSucceeded() | ev.AttemptFailed() | ev.AttemptLost():
            _read_end(ending, event)
        case ev.IncidentOpened():
            ending.incidents[event.incident] = event
        case ev.IncidentClosed():
            ending.incidents.pop(event.incident, None)
        case ev.JobFinished():
            _finish(ending, event)
        case _:
            pass


def _read_end(ending: Ending, event: ev.AttemptSucceeded | ev.AttemptFailed | ev.AttemptLost) -> None:
    match event:
        case ev.AttemptSucceeded():
            _result(ending, event.visit, "Success", output=event.output)
        case ev.AttemptFailed() if event.retry_at_us is None:
            _result(ending, event.visit, "Failed", error=event.error)
        case ev.AttemptLost():
            ending.losses[event.visit] = event.why


def _result(
    ending: Ending, visit: VisitId, status: str, output: Any = None, error: ev.Error | None = None
) -> None:
    stop = ending.visits[visit]
    stop.status, stop.output, stop.error = status, output, error
    ending.results[node_of(visit)] = stop
    if isinstance(output, dict):
        ending.keys.update(output)


def _finish(ending: Ending, event: ev.JobFinished) -> None:
    ending.outcome, ending.by = event.outcome.value, event.by.value
    ending.code = event.error.code if event.error is not None else ""
    ending.incidents.clear()
    for stop in ending.visits.values():
        if stop.status == "open":
            stop.status = "Cancelled"


def node_of(visit: str) -> str:
    """Return the node of a visit."""
    return visit.rpartition("#")[0]


# -- two of them ---------------------------------------------------------------------------------------------------


def differences(base: Ending, other: Ending, workflow: Workflow) -> list[str]:
    """Say in sentences how another ending differs from the undisturbed one; nothing when it does not.

    That an effect happened more often is no difference where it may.
    """
    if base == other:
        return []  # what most are: nothing has to be looked for
    found: list[str] = []
    if (base.outcome, base.by, base.code) != (other.outcome, other.by, other.code):
        found.append(f"the job: {other.said} instead of {base.said}{_by(base, other)}")
    found += [
        f"{incident.kind.value} at `{node_of(incident.visit or '') or incident.node}`: {incident.text}"
        for incident in other.incidents.values()
    ]
    for node in workflow.nodes:
        found += _node(node, base, other)
    if workflow.scope == "export":
        found += _keys(base.keys, other.keys)
    return found


def _by(base: Ending, other: Ending) -> str:
    return (
        f", by {other.by} instead of {base.by}"
        if base.outcome == other.outcome and base.code == other.code
        else ""
    )


def _node(node: Node, base: Ending, other: Ending) -> Iterator[str]:
    name = node.name or node.id
    ours, theirs = (
        [stop for visit, stop in each.visits.items() if node_of(visit) == node.id] for each in (base, other)
    )
    statuses = [Counter(stop.status for stop in stops) for stops in (ours, theirs)]
    if statuses[0] != statuses[1]:
        yield f"`{name}`: {_statuses(statuses[1])} instead of {_statuses(statuses[0])}"
        return
    ways = [Counter(stop.slots for stop in stops) for stops in (ours, theirs)]
    if ways[0] != ways[1]:
        yield f"`{name}` goes to {_ways(ways[1], node)} instead of {_ways(ways[0], node)}"
    yield from _outputs(node, name, base, other)
    yield from _effects(node, name, base, other)


def _outputs(node: Node, name: str, base: Ending, other: Ending) -> Iterator[str]:
    ours, theirs = (
        Counter(_value(stop) for visit, stop in each.visits.items() if node_of(visit) == node.id)
        for each in (base, other)
    )
    if ours != theirs:
        yield f"`{name}` gives {_only(theirs, ours)} instead of {_only(ours, theirs)}"
        return
    last = [_value(each.results[node.id]) if node.id in each.results else "" for each in (base, other)]
    if last[0] != last[1]:
        yield f"`{name}` gives last {_short(last[1])} instead of {_short(last[0])}"


def _effects(node: Node, name: str, base: Ending, other: Ending) -> Iterator[str]:
    counts = Counter(
        (ours, theirs)
        for visit in sorted(base.effects.keys() | other.effects.keys())
        if node_of(visit) == node.id and (ours := base.effects[visit]) != (theirs := other.effects[visit])
    )
    may_be_more = node.activity is not None and may_repeat(node.activity)
    for ours, theirs in counts:
        if theirs < ours or not may_be_more:
            yield f"`{name}` takes effect {times(theirs)} instead of {times(ours)}"


def may_repeat(activity: Activity) -> bool:
    """Say whether work may be done more than once without a person: it does no harm, or the author wrote so."""
    return activity.on_lost == "retry" or (activity.idempotent and activity.on_lost != "incident")


def _statuses(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{status} {times(count)}" for status, count in sorted(counts.items())) or "not visited"


def _ways(counts: Mapping[tuple[int, ...], int], node: Node) -> str:
    def to(slot: int) -> str:
        return str(node.on_error) if slot == ev.ON_ERROR else node.pointers[slot].to

    return ", ".join(
        f"{' and '.join(f'`{to(slot)}`' for slot in slots) or 'nothing'} {times(count)}"
        for slots, count in sorted(counts.items())
    )


def _value(stop: Stop) -> str:
    if stop.error is not None:
        return f"error {stop.error.code}"
    return json.dumps(stop.output, sort_keys=True, ensure_ascii=False)


def _only(ours: Counter[str], theirs: Counter[str]) -> str:
    return ", ".join(_short(value) for value in sorted(ours - theirs))


def _keys(base: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(base.keys() | other.keys()):
        ours, theirs = (json.dumps(each.get(key), sort_keys=True) for each in (base, other))
        if ours != theirs:
            yield f"the context's `{key}` is {_short(theirs)} instead of {_short(ours)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def times(count: int) -> str:
    """Say how often."""
    return _COUNTS[count] if count < len(_COUNTS) else f"{count} times"
