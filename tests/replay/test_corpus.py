"""Records as releases wrote them are read by today's code, and written again to the same bytes.

`corpus-<release>.jsonl` holds one record per line, exactly as the journal's bodies were encoded by that release. A file
is never changed once its release is out: what stands there lies in somebody's journal.

To extend it:

* A new event, or a new field with a default: add records to the corpus of the release to come, in `later_samples()` below,
  and run ``python tests/replay/test_corpus.py``, which writes that file anew. Look at the difference: lines are added, and
  no line of an event that was there before changes.
* A release: set `RELEASE` to the next one and write its file. The one before stays, and is from then on read alone.
* A test here fails after a change of `ee_core.model.events`: the change makes old journals unreadable. Undo it, or give
  it a new name or a higher `RECORD_VERSION` with code that still reads the old one.
"""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from ee_core.model import events as ev
from ee_core.model.ids import BotId, Fence, IncidentId, JobId, NodeId, VisitId, WorkflowHash
from ee_core.model.record import decode_record, encode_record

RELEASE = "0.1"
HERE = Path(__file__).parent
CORPORA = sorted(HERE.glob("corpus-*.jsonl"))
EVENTS = get_args(ev.AnyEvent)

VISIT = VisitId("read#1")
JOIN = NodeId("both")
HASH = WorkflowHash("5f" * 32)
FAILURE = ev.Error("timeout", 'no answer from "https://erp.example/" — 30 s')
VALUES = {"text": "Grüße, 世界 \U0001f916", "list": [1, -2.5, True, None, {}], "big": 2**53 - 1, "": 1e-9}


def samples():
    """Return events of every class: first with required fields alone, then with all fields away from their defaults."""
    return [
        ev.JobAccepted(HASH, "invoice", "d1"),
        ev.JobAccepted(HASH, "invoice", "d1", "2.0", VALUES, "ann", {"site": "north"}, -7),
        ev.JobStarted(),
        ev.JobFinished(ev.Outcome.SUCCEEDED, ev.EndedBy.END),
        ev.JobFinished(ev.Outcome.FAILED, ev.EndedBy.FAILURE, 2, "gave up", "bob", FAILURE),
        ev.JobFinished(ev.Outcome.CANCELLED, ev.EndedBy.CANCEL, reason="not needed", who="ann"),
        ev.JobFinished(ev.Outcome.SUCCEEDED, ev.EndedBy.EXHAUSTED),
        ev.JobFinished(ev.Outcome.FAILED, ev.EndedBy.OPERATOR),
        ev.TombstoneLaid(),
        ev.TombstoneLaid("too late", "ann"),
        ev.VisitCreated(VISIT),
        ev.VisitCreated(VisitId("a b/ü#12"), VISIT, ev.ON_ERROR),
        ev.TokenQueued(JOIN, VISIT, 1),
        ev.JoinFired(VisitId("both#1"), (0, 2)),
        ev.JoinFired(VisitId("both#2"), (1,), True),
        ev.TokensDropped(JOIN, (0, 3)),
        ev.VisitRouted(VISIT, ()),
        ev.VisitRouted(VISIT, (0, ev.ON_ERROR)),
        ev.VisitVanished(VISIT),
        ev.VisitCancelled(VISIT),
        ev.AttemptAssigned(VISIT, 1),
        ev.AttemptAssigned(
            VISIT, 2, BotId("bot-7"), "ledger", Fence(2**53 - 1, 4), VALUES, "0a" * 32, 1_767_225_600_000_001
        ),
        ev.AssignmentVoided(VISIT, 1),
        ev.AttemptSucceeded(VISIT, 1),
        ev.AttemptSucceeded(VISIT, 0, VALUES, "skip"),
        ev.AttemptFailed(VISIT, 1, FAILURE),
        ev.AttemptFailed(VISIT, 2, FAILURE, 1_767_225_600_000_002),
        ev.AttemptLost(VISIT, 1, "heartbeat", True),
        ev.RetryDue(VISIT),
        ev.LateResponse(VISIT, 1, "stopped"),
        ev.LateResponse(VISIT, 1, "failed", [1, 2], FAILURE),
        ev.BotDrained(VISIT, 1),
        *(ev.IncidentOpened(IncidentId("i1"), kind, tuple(ev.Choice), "why") for kind in ev.IncidentKind),
        ev.IncidentOpened(
            IncidentId("i2"), ev.IncidentKind.JOIN_STUCK, (ev.Choice.FIRE_JOIN,), "why", VISIT, JOIN, VALUES
        ),
        ev.IncidentClosed(IncidentId("i1"), "gone"),
        ev.OperatorActed("op-1", "retry"),
        ev.OperatorActed("op-2", "skip", "ann", "seen it"),
    ]


def later_samples():
    """Return events that came after the first corpus was written; a new one is added at the end."""
    return [
        ev.BotQuarantined(VISIT, 1, BotId("bot-7"), "no word for 5 min"),
        ev.AttemptQuestioned(VISIT, 1, "heartbeat"),
    ]


def records():
    """Return the records of the release to come: one for each sample, one with all first ones, then the later ones."""
    first, later = tuple(samples()), tuple(later_samples())
    single = [
        ev.Record(JobId("job-1"), index, 1_767_225_600_000_000 + index, (event,))
        for index, event in enumerate(first + later)
    ]
    return [*single[: len(first)], ev.Record(JobId("-_Z9"), 2**31, 0, first), *single[len(first) :]]


def lines_of(corpus):
    return corpus.read_bytes().splitlines()


def away_from_default(event):
    """Name the fields of an event that are not at their defaults; those without one are."""
    return {
        field.encode_name
        for field in msgspec.structs.fields(event)
        if field.required or getattr(event, field.name) != _default(field)
    }


def _default(field):
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.stem)
def test_every_record_is_read_and_written_to_the_same_bytes(corpus):
    for line in lines_of(corpus):
        assert encode_record(decode_record(line)) == line


def test_todays_records_are_the_corpus_of_the_release_to_come():
    assert [encode_record(record) for record in records()] == lines_of(HERE / f"corpus-{RELEASE}.jsonl")


def test_every_event_is_in_the_corpus_with_and_without_its_optional_fields():
    for event in EVENTS:
        found = [sample for sample in samples() + later_samples() if type(sample) is event]
        required = {field.encode_name for field in msgspec.structs.fields(event) if field.required}
        everything = {field.encode_name for field in msgspec.structs.fields(event)}

        assert any(away_from_default(sample) == required for sample in found), (
            f"{event.__name__} without options"
        )
        assert any(away_from_default(sample) == everything for sample in found), (
            f"{event.__name__} with all options"
        )


def test_every_member_of_an_enumeration_is_in_the_corpus():
    text = (HERE / f"corpus-{RELEASE}.jsonl").read_text(encoding="utf-8")
    for members in (ev.Outcome, ev.EndedBy, ev.IncidentKind, ev.Choice):
        for member in members:
            assert f'"{member}"' in text, member


def test_names_on_disk_are_the_names_of_the_classes():
    assert {event.__struct_config__.tag for event in EVENTS} == {event.__name__ for event in EVENTS}


def test_every_event_of_the_module_may_be_recorded():
    defined = {
        value
        for value in vars(ev).values()
        if isinstance(value, type) and issubclass(value, ev.Event) and value is not ev.Event
    }

    assert defined == set(EVENTS)


if __name__ == "__main__":
    target = HERE / f"corpus-{RELEASE}.jsonl"
    target.write_bytes(b"".join(encode_record(record) + b"\n" for record in records()))
