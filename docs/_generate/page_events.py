"""The page of events and waits."""

from __future__ import annotations

import typing

from source import FieldNote, code, field_notes, markdown, member_notes, page, parse_docstring, table

from ee_core.model import events, waits

_ENUMS = (events.Outcome, events.EndedBy, events.IncidentKind, events.Choice)
_MEANINGS = {
    events.EndedBy.END: "an end node",
    events.EndedBy.EXHAUSTED: "no token was left",
    events.EndedBy.FAILURE: "an activity failed",
    events.EndedBy.CANCEL: "a cancel",
    events.EndedBy.OPERATOR: "the answer `fail` to an incident",
    events.IncidentKind.NO_BRANCH_TAKEN: "no pointer of a node was true, and it has no `otherwise`",
    events.IncidentKind.EXPRESSION: "an expression failed while it was evaluated",
    events.IncidentKind.NO_BOT: "no bot is there that could do it; closes itself when one comes",
    events.IncidentKind.PLUGIN_MISSING: "nobody serves the activity type; closes itself when somebody does",
    events.IncidentKind.LOST: "an attempt is Lost, and doing it again might do it twice",
    events.IncidentKind.CONFLICT: "the bot knows the attempt from another assignment, or with another input",
    events.IncidentKind.OVERSIZE: "an input or output is too large to be recorded",
    events.IncidentKind.JOIN_STUCK: "a join of kind `all` or a number can no longer become ready",
    events.IncidentKind.RUNAWAY: "the job makes more tokens, hops or visits than any sane job does",
}


def make() -> str:
    """Return the page."""
    parts = ["## Events"]
    for kind in typing.get_args(events.AnyEvent):
        parts += [f"### {kind.__name__}", _text(kind), _fields(field_notes(kind))]
    parts += ["## Record", _text(events.Record), _fields(field_notes(events.Record))]
    parts.append("## Words that fields may have")
    for enum in _ENUMS:
        rows = [(code(value), _MEANINGS.get(value, markdown(note))) for value, note in member_notes(enum)]
        parts += [f"### {enum.__name__}", _text(enum), table(("value", "meaning"), rows)]
    parts += [
        "## Waits",
        "What a job may be waiting for. A wait follows from the job's state and is never stored.",
    ]
    for kind in typing.get_args(waits.Wait):
        parts += [f"### {kind.__name__}", _text(kind), _fields(field_notes(kind))]
    return page(
        "Events",
        "What the engine records because of a fact; past tense, never changed. All events of one decision are one"
        " record. `eectl job history JOB` prints them, `ee_on_event` hooks see them, and the subject"
        " [`jobs.events.<job>`](messages.md) carries them. In JSON the member `e` is the event's name, and a field that"
        " has its default is left out. An event may gain fields with defaults; it never loses or renames one.",
        *parts,
    )


def _text(kind: type) -> str:
    parsed = parse_docstring(kind.__doc__)
    return markdown("\n\n".join([parsed.summary, *parsed.paragraphs]))


def _fields(notes: list[FieldNote]) -> str:
    if not notes:
        return "It has no fields."
    rows = [(code(one.name), code(one.type), code(one.default), markdown(one.note)) for one in notes]
    return table(("field", "type", "default", "meaning"), rows)
