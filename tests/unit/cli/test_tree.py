"""A job as a tree: what stands there for each state of a visit, and what is left out of a small terminal."""

import pytest

from ee_core.cli.again import CommandLine
from ee_core.cli.lines import to_answer
from ee_core.cli.tree import PLAIN, Sight, Times, to_span, to_tree
from ee_core.messages.instants import from_text, to_text

BEGAN = from_text("2026-01-31T12:00:00Z")
NOW = BEGAN + 3_200_000


def visit(name="post#1", status="Pending", **members):
    shown = {
        "visit": name,
        "status": status,
        "attempt": 0,
        "bot": None,
        "created": to_text(BEGAN),
        "output": None,
    }
    return shown | members


def job(*visits, **members):
    shown = {
        "job": "j1",
        "workflow": "invoice",
        "version": "",
        "status": "Processing",
        "outcome": "",
        "error": None,
        "reason": "",
        "warnings": 0,
        "accepted": to_text(BEGAN),
        "finished": None,
        "visits": list(visits),
        "incidents": [],
        "waits": [],
    }
    return shown | members


def draw(shown, *, times=None, answer=lambda each: to_answer("j1", each, CommandLine()), **sight):
    lines = to_tree(shown, times or Times(), NOW, Sight(answer, signs=PLAIN, **sight))
    return [line.text for line in lines]


def times(*notes):
    noted = Times()
    for after_us, event in notes:
        noted.note(to_text(BEGAN + after_us), event)
    return noted


def test_the_head_names_workflow_and_job_and_says_since_when():
    assert draw(job(version="2"))[0].endswith(" invoice@2  j1  3.2s")


def test_a_pending_visit_says_so_and_since_when():
    assert draw(job(visit()))[1:] == ["`- . post  pending  3.2s"]


def test_a_visit_that_waits_for_a_bot_says_for_which():
    wait = {
        "wait": "lease:post#1",
        "kind": "lease",
        "text": "post#1 waits for a bot that serves sap.post",
        "moves": True,
    }
    (line,) = draw(job(visit(status="BotBusy"), waits=[wait]))[1:]
    assert line == "`- . post  waits for a bot that serves sap.post  3.2s"


def test_a_visit_at_work_shows_bot_attempt_progress_and_time():
    at_work = visit(
        status="Processing", attempt=2, bot="b1", progress={"fraction": 0.45, "text": "page 3\nof 7"}
    )
    noted = times((1_000_000, {"e": "AttemptAssigned", "visit": "post#1"}))
    (line,) = draw(job(at_work), times=noted)[1:]
    assert line[5:] == "post  b1  attempt 2  45% page 3 of 7  2.2s"
    assert line[3] in PLAIN.spinner


def test_a_visit_that_ended_keeps_how_long_its_last_attempt_took():
    noted = times(
        (0, {"e": "AttemptAssigned", "visit": "post#1"}),
        (500_000, {"e": "AttemptFailed", "visit": "post#1"}),
        (1_000_000, {"e": "AttemptAssigned", "visit": "post#1"}),
        (2_500_000, {"e": "AttemptSucceeded", "visit": "post#1"}),
    )
    done = visit(status="Success", attempt=2, bot="b1")
    assert draw(job(done), times=noted)[1:] == ["`- + post  b1  attempt 2  1.5s"]


def test_a_failed_visit_says_why():
    failed = visit(status="Failed", attempt=1, bot="b1", error={"code": "locked", "text": "record 7"})
    assert draw(job(failed))[1:] == ["`- x post  b1  failed: locked: record 7"]


def test_a_lost_visit_has_its_incident_below_and_the_command_that_answers_it():
    lost = visit(status="Lost", attempt=1, bot="b1")
    incident = {
        "incident": "i1",
        "kind": "lost",
        "choices": ["retry", "skip"],
        "text": "attempt 1 is lost",
        "visit": "post#1",
    }
    wait = {"wait": "operator:i1", "kind": "operator", "text": "waits", "moves": False}
    assert draw(job(lost, visit("next#1"), incidents=[incident], waits=[wait]))[1:4] == [
        "|- ? post  b1  lost",
        "|    INCIDENT i1  lost: attempt 1 is lost",
        "|    answer: eectl job resolve j1 i1 ANSWER  (ANSWER: retry, skip --output-value JSON)",
    ]


def test_a_lost_visit_says_that_its_bot_may_still_work_and_stays_in_sight_as_long():
    wait = {"wait": "drain:n0#1/1", "kind": "drain", "text": "bot 'b1' may still work", "moves": False}
    visits = [visit("n0#1", "Lost", bot="b1"), *(visit(f"n{n}#1", "Success") for n in range(1, 9))]

    assert draw(job(*visits, waits=[wait]), height=5)[1:] == [
        "|- 7 more visits",
        "|- ? n0  b1  lost",
        "|    bot 'b1' may still work",
        "`- + n8",
    ]


def test_an_incident_that_no_command_reaches_says_only_its_answers():
    incident = {"incident": "i1", "kind": "lost", "choices": ["retry"], "text": "t", "visit": "post#1"}
    lines = draw(job(visit(status="Lost"), incidents=[incident]), answer=lambda _: None)
    assert lines[-1] == "     answers: retry"


def test_a_cancelled_visit_and_its_job_say_so():
    cancelled = job(
        visit(status="Cancelled"),
        status="Finished",
        outcome="cancelled",
        reason="wrong file",
        finished=to_text(BEGAN + 1_000_000),
    )
    assert draw(cancelled) == ["- invoice  j1  job cancelled  1.0s  wrong file", "`- - post  cancelled"]


def test_a_job_that_is_held_says_by_what():
    wait = {"wait": "admission:j1", "kind": "admission", "text": "the job is held", "moves": True}
    assert draw(job(waits=[wait]))[1:] == ["|    the job is held"]


def test_a_gateway_that_did_its_duty_has_no_line_and_nodes_go_by_their_names():
    shown = job(
        visit("a1#1", "Success"),
        visit("a2#1"),
        visit("a2#2"),
        nodes=[
            {"node": "a1", "name": "", "kind": "parallel"},
            {"node": "a2", "name": "Post it", "kind": "activity"},
        ],
    )
    assert draw(shown)[1:] == ["|- . Post it    pending  3.2s", "`- . Post it#2  pending  3.2s"]


def test_a_gateway_that_chose_says_which_way_its_token_went():
    nodes = [
        {"node": "small", "name": "", "kind": "exclusive", "on_error": None, "pointers": [
            {"to": "post", "when": "inputs.n < 5", "otherwise": False},
            {"to": "a2", "when": "", "otherwise": True},
        ]},
        {"node": "a2", "name": "Ask", "kind": "activity"},
    ]  # fmt: skip
    shown = job(visit("small#1", "Success"), nodes=nodes)

    for slots, way in [([0], "to post (inputs.n < 5)"), ([1], "to Ask (otherwise)")]:
        noted = times((0, {"e": "VisitRouted", "visit": "small#1", "slots": slots}))
        assert draw(shown, times=noted)[1:] == [f"`- + small  {way}"]
    assert draw(shown)[1:] == []


def test_a_small_terminal_keeps_what_is_open_and_then_the_latest():
    visits = [visit(f"n{n}#1", "Success") for n in range(50)]
    visits[3] = visit("n3#1", "Processing", attempt=1, bot="b1")
    lines = draw(job(*visits), height=6)
    assert len(lines) == 6
    assert lines[1] == "|- 46 more visits"
    assert [line.split()[2] for line in lines[2:]] == ["n3", "n47", "n48", "n49"]


def test_a_command_that_is_folded_counts_as_many_rows():
    incident = {"incident": "i1", "kind": "lost", "choices": ["retry"], "text": "t", "visit": "n9#1"}
    visits = [visit(f"n{n}#1", "Success") for n in range(9)]
    lines = draw(job(*visits, visit("n9#1", "Lost"), incidents=[incident]), height=8, width=30)
    assert [line.split()[2] for line in lines if "+" in line] == ["n8"]


def test_visits_that_the_engine_left_out_are_counted():
    assert draw(job(visit(), visits_left_out=7))[1] == "|- 7 more visits"


def test_what_a_bot_says_cannot_steer_the_terminal():
    evil = visit(status="Failed", error={"code": "x", "text": "\x1b[2J\x07gone\r\nall"})
    assert draw(job(evil))[1] == "`- x post  failed: x: [2J gone all"


@pytest.mark.parametrize(
    ("span_us", "text"),
    [
        (-5, "0.0s"),
        (490_000, "0.4s"),
        (9_999_999, "9.9s"),
        (12_000_000, "12s"),
        (65_000_000, "1m05s"),
        (7_380_000_000, "2h03m"),
    ],
)
def test_a_span_is_said_as_people_say_it(span_us, text):
    assert to_span(span_us) == text


def test_what_log_wrote_stands_behind_its_visit():
    shown = job(visit("loud#1", "Success", bot="local-1", output={"text": "HELLO Ada"}))
    assert draw(shown)[1] == "`- + loud  local-1  HELLO Ada"
