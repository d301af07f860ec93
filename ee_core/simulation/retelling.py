"""A history told otherwise: lines gone, moved, altered or added, one job's records rewritten.

It makes lies for the proof of the checker, and shorter stories of what a seed has found. Nothing here asks whether the
story that comes out could be true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ee_core.model.events import AnyEvent, Record
from ee_core.model.ids import JobId
from ee_core.simulation.lines import AnyLine, Committed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.simulation.history import History

_T = TypeVar("_T", bound=msgspec.Struct)
Events = tuple[AnyEvent, ...]


def change(one: _T, **fields: Any) -> _T:
    """Return a history, line, record or event with other fields."""
    return msgspec.structs.replace(one, **fields)


def find_place(history: History, line_class: type, /, *, last: bool = False, **fields: Any) -> int:
    """Return the place of the first line of a class with these fields, or of the last.

    Raises:
        LookupError: There is none.
    """
    places = [
        place
        for place, line in enumerate(history.lines)
        if isinstance(line, line_class)
        and all(getattr(line, name) == value for name, value in fields.items())
    ]
    if not places:
        raise LookupError(f"no {line_class.__name__} with {fields}")
    return places[-1 if last else 0]


def find_event(history: History, job: str, event_class: type) -> tuple[int, AnyEvent]:
    """Return a job's first event of a class, and the place of its commit.

    Raises:
        LookupError: There is none.
    """
    for place, line in enumerate(history.lines):
        for record in line.records if isinstance(line, Committed) else ():
            for event in record.events:
                if record.job == job and isinstance(event, event_class):
                    return place, event
    raise LookupError(f"no {event_class.__name__} of job {job}")


def without(history: History, *places: int) -> History:
    """Leave lines out."""
    return change(
        history, lines=tuple(line for place, line in enumerate(history.lines) if place not in places)
    )


def alter(history: History, place: int, **fields: Any) -> History:
    """Give a line other fields."""
    lines = list(history.lines)
    lines[place] = change(lines[place], **fields)
    return change(history, lines=tuple(lines))


def insert(history: History, place: int, *new: AnyLine) -> History:
    """Put lines before a place, at the instant of the line there; after the last, at that of the end."""
    at_us = history.lines[place].at_us if place < len(history.lines) else history.ended_us
    timed = tuple(change(line, at_us=at_us) for line in new)
    return change(history, lines=history.lines[:place] + timed + history.lines[place:])


def move(history: History, source: int, target: int) -> History:
    """Put a line before an earlier one."""
    line = history.lines[source]
    return insert(without(history, source), target, line)


def swap(history: History, place: int) -> History:
    """Exchange a line with the next; the instants stay where they are."""
    first, second = history.lines[place : place + 2]
    pair = (change(second, at_us=first.at_us), change(first, at_us=second.at_us))
    return change(history, lines=history.lines[:place] + pair + history.lines[place + 2 :])


def rewrite(history: History, job: str, retell: Callable[[Events], Events]) -> History:
    """Give a job other events, record by record; one that gets none is gone, and the later ones close the gap."""
    index = 0
    lines: list[AnyLine] = []
    for line in history.lines:
        if not isinstance(line, Committed):
            lines.append(line)
            continue
        records: list[Record] = []
        for record in line.records:
            if record.job != job:
                records.append(record)
            elif events := retell(record.events):
                records.append(change(record, index=index, events=events))
                index += 1
        lines.append(change(line, records=tuple(records)))
    return change(history, lines=tuple(lines))


def replacing(old: type, new: AnyEvent) -> Callable[[Events], Events]:
    """For `rewrite`: put one event in the place of every one of a class."""
    return lambda events: tuple(new if isinstance(event, old) else event for event in events)


def dropping(*kinds: type) -> Callable[[Events], Events]:
    """For `rewrite`: leave out events of some classes."""
    return lambda events: tuple(event for event in events if not isinstance(event, kinds))


def append(history: History, job: str, *events: AnyEvent) -> History:
    """Store one more record of a job at the end, by the last writer."""
    commits = [line for line in history.lines if isinstance(line, Committed)]
    index = sum(record.job == job for line in commits for record in line.records)
    record = Record(JobId(job), index, history.ended_us, events)
    commit = change(commits[-1], position=commits[-1].position + 1, records=(record,), damaged=())
    return insert(history, len(history.lines), commit)
