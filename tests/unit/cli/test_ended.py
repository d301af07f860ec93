"""What a command says that came when its job was over."""

import pytest

from ee_core.cli.ended import describe_end
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

SHOWN = {"job": "j1", "workflow": "post", "outcome": "cancelled", "reason": "wrong file", "finished": "12:00"}


def test_a_cancel_of_a_cancelled_job_has_what_it_asked_for():
    assert describe_end(SHOWN, "cancelled") == (
        "job j1 had ended already: cancelled (wrong file) at 12:00; nothing was done",
        Exit.OK,
    )


@pytest.mark.parametrize(
    ("outcome", "wanted"), [("succeeded", "cancelled"), ("failed", ""), ("cancelled", "")]
)
def test_what_cannot_be_any_more_is_a_conflict(outcome, wanted):
    text, code = describe_end(SHOWN | {"outcome": outcome, "reason": ""}, wanted)

    assert text == f"job j1 had ended already: {outcome} at 12:00; nothing was done"
    assert code == Exit.CONFLICT


@pytest.mark.parametrize("wanted", ["cancelled", ""])
def test_a_job_that_only_a_cancel_knows_is_not_found(wanted):
    text, code = describe_end(SHOWN | {"workflow": ""}, wanted)

    assert text.startswith("job j1 is not known")
    assert code == Exit.NOT_FOUND


def test_a_misspelt_answer_is_told_the_answers_there_are(capsys):
    code = run_command(["job", "resolve", "j1", "i1", "retri"])

    assert code == Exit.USAGE
    assert capsys.readouterr().err == (
        "error: invalid value for 'ANSWER': 'retri' is not one of 'retry', 'take_result', 'skip', 'fail', 'fire_join'\n"
        "hint: did you mean 'retry'?\n"
    )
