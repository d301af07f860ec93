"""The line of an event, for whoever watches without a terminal."""

import pytest

from ee_core.cli.follow import Told, is_stuck, list_remarkable
from ee_core.cli.lines import Lines, to_line
from ee_core.messages.instants import from_text

AT = "2026-01-31T12:00:00.000000Z"
NODES = [
    {"node": "small", "name": "", "kind": "exclusive", "on_error": None, "pointers": [
        {"to": "post", "when": "inputs.n <\n  5", "otherwise": False},
        {"to": "a2", "when": "", "otherwise": True},
    ]},
    {"node": "post", "name": "", "kind": "activity", "on_error": "a2", "pointers": [
        {"to": "done", "when": "", "otherwise": False},
    ]},
    {"node": "a2", "name": "Ask", "kind": "activity"},
    {"node": "done", "name": "", "kind": "end"},
]  # fmt: skip


def line(event, **members):
    said = to_line(Told(AT, 0, {"e": event, "visit": "small#1"} | members, {"nodes": NODES}))
    return said.removeprefix("12:00:00  ") if said else said


@pytest.mark.parametrize(
    ("visit", "slots", "words"),
    [
        ("small#1", [0], "small#1  goes to post (inputs.n < 5)"),
        ("small#2", [1], "small#2  goes to Ask (otherwise)"),
        ("small#1", [0, 1], "small#1  goes to post (inputs.n < 5) and Ask (otherwise)"),
        ("small#1", [], "small#1  goes nowhere: no condition is true"),
        ("post#1", [-1], "post#1  goes to Ask (on_error)"),
    ],
)
def test_a_node_that_chooses_says_which_way_its_token_went(visit, slots, words):
    assert line("VisitRouted", visit=visit, slots=slots) == words


def test_a_node_with_one_way_says_nothing():
    assert line("VisitRouted", visit="a2#1", slots=[0]) is None
    assert line("VisitRouted", visit="post#1", slots=[0]) is None


def test_a_condition_that_is_long_is_cut():
    nodes = [{**NODES[0], "pointers": [{"to": "post", "when": "x" * 200, "otherwise": False}]}]
    said = to_line(Told(AT, 0, {"e": "VisitRouted", "visit": "small#1", "slots": [0]}, {"nodes": nodes}))
    assert len(said) < 120


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "job failed: it came to end 'refused'"),
        ({"error": {"code": "jam", "text": "paper"}}, "job failed: jam: paper"),
        ({"reason": "no paper"}, "job failed: no paper"),
    ],
)
def test_a_job_that_failed_says_why(members, words):
    event = {"e": "JobFinished", "outcome": "failed"} | members
    said = to_line(Told(AT, 0, event, {"nodes": NODES, "reason": "it came to end 'refused'"}))
    assert said == f"12:00:00  {words}"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"text": "HELLO Ada"}, "small#1  succeeded: HELLO Ada"),
        ({"text": "two\nlines\x1b[2J"}, "small#1  succeeded: two lines [2J"),
        ({"text": "x" * 200}, f"small#1  succeeded: {'x' * 97}..."),
        ({"text": ""}, "small#1  succeeded"),
        ({"text": 7}, "small#1  succeeded"),
        ({"text": "a", "more": "b"}, "small#1  succeeded"),
        (None, "small#1  succeeded"),
    ],
)
def test_what_log_wrote_stands_in_its_line_and_no_other_output(output, words):
    assert line("AttemptSucceeded", attempt=1, output=output) == words


@pytest.mark.parametrize(("by", "words"), [("retry", "retry"), ("gone", "what it was about is over")])
def test_an_incident_says_why_it_is_closed(by, words):
    assert line("IncidentClosed", incident="i1", by=by) == f"incident i1 closed: {words}"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("succeeded", "it succeeded"),
        ("failed", "it failed: jam: paper"),
        ("stopped", "the bot has stopped it"),
        ("lost", "the bot does not know what became of it: it had begun, and was started anew"),
    ],
)
def test_a_late_answer_is_told_in_words(kind, words):
    error = {"code": "jam", "text": "paper"} if kind == "failed" else None
    assert line("LateResponse", attempt=2, kind=kind, error=error) == (
        f"small#1  attempt 2, which had ended without an answer, has one now: {words}"
    )


class Clock:
    """As much of an `Env` as tells the time."""

    us = from_text(AT)

    def now(self):
        return self.us


@pytest.fixture
def told():
    """What was printed, the clock, and the lines of a job under watch."""
    said, clock = [], Clock()
    return said, clock, Lines(clock, said.append)


def waiting(*texts):
    drains = [{"wait": "drain:post#1/1", "kind": "drain", "text": text} for text in texts]
    works = {"wait": "response:next#1/1", "kind": "response", "text": "next#1: bot 'b2' has attempt 1"}
    return {
        "visits": [{"visit": "next#1", "status": "Processing"}],
        "waits": [*drains, works, {"wait": "operator:i1", "kind": "operator", "text": "i1"}],
    }


def test_what_a_job_waits_for_is_said_once_when_nothing_happens_for_a_while(told):
    said, clock, lines = told
    lines.look(waiting("bot 'b1' may still work"))
    clock.us += 4_900_000
    lines.look(waiting("bot 'b1' may still work"))
    assert said == []

    for _ in range(3):
        clock.us += 1_000_000
        lines.look(waiting("bot 'b1' may still work"))
    assert said == ["12:00:05  waiting: bot 'b1' may still work"]

    lines.look(waiting("bot 'b1' may still work", "post#2 waits for a bot"))
    assert said[1:] == ["12:00:07  waiting: post#2 waits for a bot"]


def test_an_event_is_news_enough_for_a_while(told):
    said, clock, lines = told
    clock.us += 6_000_000
    lines.note(Told(AT, 0, {"e": "JobStarted"}, {}))
    lines.look(waiting("bot 'b1' may still work"))
    assert said == []


@pytest.mark.parametrize(("moves", "stuck"), [([], True), ([False, False], True), ([False, True], False)])
def test_a_job_is_stuck_when_an_incident_is_open_and_nothing_else_moves(moves, stuck):
    waits = [{"moves": each} for each in moves]

    assert is_stuck({"incidents": [{"incident": "i1"}], "waits": waits}) is stuck
    assert not is_stuck({"incidents": [], "waits": waits})


@pytest.mark.parametrize(
    ("text", "status", "is_told"),
    [
        ("a#1: bot 'b1' has attempt 1 of 'x'", "Processing", False),
        ("a#1: bot 'b1' fell silent, and is asked what became of attempt 1", "Processing", True),
        ("a#1: attempt 1 is for any worker that serves 'x'", "AwaitingBotResponse", True),
        ("a#1: attempt 1 is for any worker that serves 'x'", "Processing", False),
    ],
)
def test_that_a_bot_works_is_not_worth_a_line(text, status, is_told):
    wait = {"wait": "response:a#1/1", "kind": "response", "text": text}
    shown = {"visits": [{"visit": "a#1", "status": status}], "waits": [wait]}

    assert list_remarkable(shown) == ([text] if is_told else [])
