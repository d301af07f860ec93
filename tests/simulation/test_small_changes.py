"""Any small change of a good history is noticed, or stands in a table that says why it does no harm."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ee_core.model import events as ev
from ee_core.model.ids import Fence
from ee_core.simulation import lines as ln
from ee_core.simulation.checker import check
from ee_core.simulation.retelling import alter, change, insert, swap, without

pytestmark = pytest.mark.slow  # all of them together

MANY = settings(max_examples=200, deadline=None)


# What may be gone, double or the other way round without a promise being broken, and why. Whatever a change is, it must
# be noticed or stand here.
MAY_BE_GONE = {
    "CommandAnswered": "an answer may be lost on its way",
    "CommandSettled": "then the command comes again",
    "RequestSent": "what the bot then does is judged by its record",
    "ResponseSettled": "then the word comes again",
    "ResponseAcked": "then the bot says it again",
    "CancelTaken": "then the cancel comes again",
    "EventShown": "whether all events were shown is for the tests of the hooks",
    "FaultInjected": "a world without the fault could be so, too",
    "EffectDone": "an attempt has an effect or none",
    "EngineEnded:killed": "a life may go on without doing anything",
    "BotEnded:killed": "likewise",
    "ActivityStarted": "a request may be lost, when no word and no end of the work comes after",
    "ActivityEnded:succeeded": "of a worker's two, one is enough",
    "BotSaid:accepted": "it is not recorded, and other words say as much",
}
MAY_BE_DOUBLE = {
    "CommandSent": "a client repeats what was not answered",
    "CommandAnswered": "a message may be doubled",
    "CommandSettled": "likewise",
    "RequestSent": "a request is repeated until it is accepted",
    "ResponseSettled": "a word comes more than once",
    "ResponseAcked": "and is acknowledged each time",
    "BotSaid": "a bot repeats its word",
    "CancelTaken": "a bot is told again and again, until it has a word",
    "EventShown": "events are shown at least once",
    "FaultInjected": "a fault that happens twice",
    "LeaseWritten": "the same record written again",
    "EffectDone": "of a worker's idempotent work",
}
MAY_BE_DROPPED_FROM_A_RECORD = {"VisitVanished": "the end of the job, which follows, ends the token too"}
MAY_BE_DOUBLE_IN_A_RECORD = {
    "AttemptFailed": "an operator may let fail what has failed, and the job is the same",
    "RetryDue": "what is due stays due",
}
MAY_SWAP_IN_A_RECORD = {
    ("AttemptLost", "IncidentOpened"): "they are one decision",
    ("OperatorActed", "IncidentClosed"): "likewise",
}


def name_of(line):
    kind = getattr(line, "kind", "") or getattr(line, "state", "") or getattr(line, "how", "")
    return f"{type(line).__name__}:{kind}"


def double(history, place):
    return insert(history, place, history.lines[place])


def is_listed(line, table):
    return type(line).__name__ in table or name_of(line) in table


# What one party sees has an order of its own, and so has what leads from one party to the next: on the left what comes
# first. Two lines side by side that are no such pair are seen by different eyes, and may stand the other way round.
ORDERED = [
    ({"CommandSent"}, {"Committed", "CommandAnswered"}),
    ({"Committed"}, {"CommandSettled", "CommandAnswered", "RequestSent", "EventShown", "ResponseSettled"}),
    ({"Committed"}, {"Committed", "ResponseAcked", "PartitionOpened"}),
    ({"PartitionOpened"}, {"Committed"}),
    ({"BotStarted"}, {"BotSaid", "ActivityStarted"}),
    ({"ActivityStarted", "EffectDone"}, {"EffectDone", "ActivityEnded", "BotEnded"}),
    ({"BotSaid"}, {"Committed", "LeaseWritten", "BotSaid"}),
    ({"LeaseWritten"}, {"LeaseWritten", "BotSaid"}),
]


def is_ordered(first, second):
    names = type(first).__name__, type(second).__name__
    return any(names[0] in left and names[1] in right for left, right in ORDERED) and not is_apart(
        first, second
    )


def is_apart(first, second):
    """Whether two lines are about different works, bots or jobs."""
    for name in ("work", "bot"):
        if (
            getattr(first, name, None) != getattr(second, name, None)
            and hasattr(first, name)
            and hasattr(second, name)
        ):
            return True
    return not jobs_of(first) & jobs_of(second) and bool(jobs_of(first) and jobs_of(second))


def jobs_of(line):
    jobs = {record.job for record in getattr(line, "records", ())} | {getattr(line, "job", None)}
    return jobs - {None}


@MANY
@given(data=st.data())
def test_a_line_that_is_gone_or_double_is_noticed_or_may_be_so(good, data):
    place = data.draw(st.integers(0, len(good.lines) - 1))
    is_gone = data.draw(st.booleans())
    line = good.lines[place]
    told = without(good, place) if is_gone else double(good, place)

    assert check(told) or is_listed(line, MAY_BE_GONE if is_gone else MAY_BE_DOUBLE)


@MANY
@given(data=st.data())
def test_two_lines_the_other_way_round_are_noticed_or_nothing_orders_them(good, data):
    place = data.draw(st.integers(0, len(good.lines) - 2))
    first, second = good.lines[place : place + 2]

    assert check(swap(good, place)) or not is_ordered(first, second)


@MANY
@given(data=st.data())
def test_a_record_with_other_events_is_noticed_or_means_the_same(good, data):
    commits = [place for place, line in enumerate(good.lines) if isinstance(line, ln.Committed)]
    place = data.draw(st.sampled_from(commits))
    record = good.lines[place].records[0]
    at = data.draw(st.integers(0, len(record.events) - 1))
    event, after = record.events[at], record.events[at + 1 : at + 2]
    name = type(event).__name__
    what = data.draw(st.sampled_from(["gone", "double", "swapped"]))
    if what == "gone":
        events, may = record.events[:at] + record.events[at + 1 :], name in MAY_BE_DROPPED_FROM_A_RECORD
    elif what == "double":
        events, may = (*record.events[:at], event, *record.events[at:]), name in MAY_BE_DOUBLE_IN_A_RECORD
    else:
        events = (*record.events[:at], *after, event, *record.events[at + 2 :])
        may = not after or (name, type(after[0]).__name__) in MAY_SWAP_IN_A_RECORD
    assume(events)

    assert check(alter(good, place, records=(change(record, events=events),))) or may


def other(value):
    """Return another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case Fence():
            return Fence(value.lease, value.n + 1)
        case str():
            return value + "x"
        case _:
            return None


@MANY
@given(data=st.data())
def test_an_assignment_or_a_word_with_another_field_is_noticed(good, data):
    kinds = (ev.AttemptAssigned, ev.AttemptSucceeded, ev.AttemptFailed, ev.LateResponse, ev.BotQuarantined)
    found = [
        (place, at, event)
        for place, line in enumerate(good.lines)
        for record in getattr(line, "records", ())
        for at, event in enumerate(record.events)
        if isinstance(event, kinds)
    ]
    place, at, event = data.draw(st.sampled_from(found))
    field = data.draw(st.sampled_from(sorted(set(event.__struct_fields__) & FIRM)))
    record = good.lines[place].records[0]
    lied = change(event, **{field: other(getattr(event, field))})
    events = (*record.events[:at], lied, *record.events[at + 1 :])

    assert check(alter(good, place, records=(change(record, events=events),))) or lied == event


FIRM = {"visit", "attempt", "bot", "ledger", "fence", "output", "kind"}


@MANY
@given(data=st.data())
def test_a_piece_of_work_with_another_field_is_noticed(good, data):
    works = [place for place, line in enumerate(good.lines) if isinstance(line, ln.ActivityStarted)]
    place = data.draw(st.sampled_from(works))
    line = good.lines[place]
    field = data.draw(st.sampled_from(["job", "visit", "attempt", "fence", "ledger", "bot", "instance"]))
    told = alter(good, place, **{field: other(getattr(line, field))})

    assert check(told) or told == good or (line.by != "bot" and field == "bot")


@pytest.mark.parametrize(("tell", "table"), [(without, MAY_BE_GONE), (double, MAY_BE_DOUBLE)])
def test_every_excuse_is_needed(good, tell, table):
    quiet = [line for place, line in enumerate(good.lines) if not check(tell(good, place))]

    assert {name for name in table if not any(is_listed(line, {name}) for line in quiet)} == set()
