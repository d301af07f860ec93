"""What is said of jobs that were pruned."""

import io

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.pruned import add, describe_pruning, with_mark

PART = {"jobs": ["a", "b"], "forgotten": 1, "contents": 0, "kept": [], "more": True}


def kept(*jobs):
    return [{"job": job, "why": "a bot may still work for it"} for job in jobs]


def test_two_answers_are_one_and_an_older_engine_has_none_that_stays():
    older = {"jobs": ["c"], "forgotten": 2, "contents": 3, "more": False}

    assert add(add({}, PART), older) == {"jobs": ["a", "b", "c"], "forgotten": 3, "contents": 3, "kept": []}


def test_it_is_said_where_pruned_jobs_are_seen_and_why_another_one_stays():
    assert describe_pruning(PART | {"kept": kept("last")}, is_trial=False) == [
        "2 jobs pruned, 1 forgotten; how they ended stays: `eectl job list` shows them as Pruned",
        "job last stays: a bot may still work for it",
    ]


def test_a_trial_has_pruned_nothing_and_few_that_stay_are_named():
    lines = describe_pruning(add({}, PART | {"kept": kept(*"cdefghi")}), is_trial=True)

    assert lines[0] == "2 jobs would be pruned, 1 forgotten"
    assert len(lines) == 7
    assert lines[-1] == "2 more stay, too; -o json names them"


def test_a_pruned_job_is_marked():
    assert with_mark({"job": "a", "status": "Finished", "pruned": True})["status"] == "Pruned"
    assert with_mark({"job": "a", "status": "Finished"})["status"] == "Finished"


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (
            "",
            Exit.USAGE,
            "error: nothing was removed, nobody answered the question\n"
            "hint: say --yes, or --dry-run to see which jobs\n",
        ),
        ("n\n", Exit.OK, "nothing was removed\n"),
    ],
)
def test_without_a_yes_nothing_is_removed_and_that_is_said(monkeypatch, capsys, typed, code, said):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    assert run_command(["job", "prune", "--older-than", "0"]) == code
    assert capsys.readouterr().err.endswith(said)
