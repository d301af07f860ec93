"""The line of an event, for whoever watches without a terminal."""

import pytest

from ee_core.cli.follow import Told
from ee_core.cli.lines import to_line

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
