"""Whoever forgets the incident or the answer is told the job's open incidents and the answers that each takes."""

import pytest

from ee_core.cli.again import CommandLine
from ee_core.cli.main import run_command
from ee_core.cli.problem import of_usage
from ee_core.cli.unanswered import ask_back
from ee_core.errors import NotFoundError

SHOWN = {
    "job": "j1",
    "incidents": [
        {"incident": "i1", "kind": "Lost", "node": "pay", "choices": ["retry", "skip"]},
        {"incident": "i3", "kind": "JoinStuck", "node": None, "choices": ["fire_join", "fail"]},
    ],
}
THERE_ARE = "job 'j1' has: i1 Lost at pay (takes retry, skip), i3 JoinStuck (takes fire_join, fail)"


@pytest.mark.parametrize(
    ("word", "message", "command"),
    [
        ("retry", f"the incident is missing, {THERE_ARE}", "eectl job resolve j1 i1 retry --server s"),
        ("fail", f"the incident is missing, {THERE_ARE}", "eectl job resolve j1 i3 fail --server s"),
        ("take_result", f"the incident is missing, {THERE_ARE}", "eectl job resolve j1 i1 ANSWER --server s"),
        ("", f"the incident is missing, {THERE_ARE}", "eectl job resolve j1 i1 ANSWER --server s"),
        (
            "i3",
            "the answer is missing, incident 'i3' (JoinStuck) takes: fire_join, fail",
            "eectl job resolve j1 i3 ANSWER --server s",
        ),
    ],
)
def test_what_is_missing_is_said_with_a_command_that_has_it(word, message, command):
    said = of_usage(ask_back(SHOWN, word, CommandLine(behind=("--server", "s"))))

    assert (said.message, said.hint) == (message, f"say `{command}`")


def test_a_job_that_asks_nothing_takes_no_answer():
    with pytest.raises(NotFoundError, match="job 'j1' has no open incident; there is nothing to answer"):
        ask_back(SHOWN | {"incidents": []}, "retry", CommandLine())


def test_a_word_of_a_few_that_is_missing_is_asked_for_on_one_line(capsys):
    assert run_command(["completion"]) == 2
    assert capsys.readouterr().err.endswith("\nhint: choose from: bash, zsh, fish\n")
