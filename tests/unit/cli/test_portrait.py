"""A job as `eectl job show` prints it."""

from ee_core.cli.again import CommandLine
from ee_core.cli.formats import Output
from ee_core.cli.portrait import print_job

SHOWN = {
    "job": "j1", "workflow": "post", "version": "", "status": "Processing", "outcome": "", "reason": "", "error": None,
    "warnings": 0, "owner": "", "labels": {}, "accepted": "2026-01-31T12:00:00Z", "finished": None,
    "inputs": {"who": "Ada", "again": "no"},
    "visits": [
        {"visit": "fork#1", "status": "Success", "attempt": 0, "bot": None, "output": None},
        {"visit": "a#1", "status": "Processing", "attempt": 1, "bot": "b1", "output": None},
    ],
    "waits": [{"text": "a#1: bot 'b1' has attempt 1"}, {"text": "b#1 waits for a bot"}],
    "incidents": [],
}  # fmt: skip


def test_what_was_never_attempted_has_no_attempt_and_all_waits_stand_together(capsys):
    print_job(SHOWN, Output("table"), CommandLine())

    lines = capsys.readouterr().out.splitlines()
    assert "inputs    who=Ada, again=no" in lines
    assert lines[-6:] == [
        "VISIT   STATUS      ATTEMPT  BOT  OUTPUT  ERROR",
        "fork#1  Success",
        "a#1     Processing  1        b1",
        "",
        "waiting: a#1: bot 'b1' has attempt 1",
        "waiting: b#1 waits for a bot",
    ]


def test_an_incident_shows_what_its_expression_read(capsys):
    incident = {"incident": "i1", "kind": "Expression", "text": "t", "choices": ["fail"], "visit": "a#1"}
    shown = SHOWN | {"incidents": [incident | {"detail": {"values": {"nodes.a.output": {"n": "é"}}}}]}
    print_job(shown, Output("table"), CommandLine())

    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:-1] == ["INCIDENT i1  Expression: t", 'read:    nodes.a.output = {"n": "é"}']


def test_a_job_that_was_pruned_says_so(capsys):
    print_job(
        SHOWN | {"status": "Finished", "pruned": True, "visits": [], "waits": []},
        Output("table"),
        CommandLine(),
    )

    lines = capsys.readouterr().out.splitlines()
    assert "status    Pruned" in lines
    assert lines[-1] == "its records were pruned: only how it ended is kept"


def test_a_bot_that_said_how_far_it_is_has_it_beside_its_visit(capsys):
    at_work = SHOWN["visits"][1] | {"progress": {"fraction": 0.45, "text": "page 3\nof 7"}}
    print_job(SHOWN | {"visits": [SHOWN["visits"][0], at_work], "waits": []}, Output("table"), CommandLine())

    assert capsys.readouterr().out.splitlines()[-3:] == [
        "VISIT   STATUS      ATTEMPT  BOT  PROGRESS         OUTPUT  ERROR",
        "fork#1  Success",
        "a#1     Processing  1        b1   45% page 3 of 7",
    ]
