"""R28: an answer to an incident is applied once, if it is open and offers that."""

import pytest

from ee_core.model.decide import Ignored
from ee_core.model.events import Choice


@pytest.fixture
def stage(flow):
    """A lost attempt."""
    stage = flow().activity("a", "b", stateless=True, fail_job=False).activity("b").stage()
    stage.silence("a#1")
    return stage


def test_r28_the_action_is_recorded_first_with_who_and_why(stage):
    stage.answer(Choice.SKIP, id="act", output=1)

    names = [type(event).__name__ for event in stage.records[-1].events]
    assert names[:3] == ["OperatorActed", "IncidentClosed", "AttemptSucceeded"]
    assert (stage.records[-1].events[0].id, stage.records[-1].events[2].by) == ("act", "skip")
    acted = stage.records[-1].events[0]
    assert (acted.action, acted.who, acted.reason) == ("skip", "ann", "it is done")
    assert stage.job.visits["a#1"].output == 1


def test_r28_an_id_is_applied_once(stage):
    stage.answer(Choice.RETRY, id="act")

    assert stage.answer(Choice.RETRY, id="act") == Ignored("already_applied")
    stage.silence("a#1")
    assert stage.answer(Choice.RETRY, "i2", id="act") == Ignored("already_applied")


def test_r28_an_incident_that_is_closed_is_not_answered(stage):
    stage.answer(Choice.RETRY)

    assert stage.answer(Choice.FAIL) == Ignored("incident_closed")
    assert stage.answer(Choice.FAIL, "i7") == Ignored("incident_closed")
    stage.silence("a#1")
    assert list(stage.job.incidents) == ["i2"]
    assert stage.answer(Choice.FAIL) == Ignored("incident_closed")


@pytest.mark.parametrize("choice", [Choice.FIRE_JOIN, Choice.TAKE_RESULT])
def test_r28_a_choice_that_is_not_offered_is_refused(stage, choice):
    assert stage.answer(choice) == Ignored("choice_not_offered")


def test_r28_a_finished_job_is_not_operated(stage):
    stage.cancel()

    assert stage.answer(Choice.RETRY) == Ignored("finished")


def test_r28_fail_follows_the_rules_of_failure(stage):
    stage.answer(Choice.FAIL)

    assert stage.statuses == {"a#1": "Failed", "b#1": "AwaitingBotResponse"}
    assert stage.job.warnings == 1
    assert stage.job.visits["a#1"].error.code == "lost"


def test_r28_fail_without_another_way_ends_the_job_by_the_operator(flow):
    stage = flow().activity("a", stateless=True).stage()
    stage.silence("a#1")

    stage.answer(Choice.FAIL)

    assert stage.end == ("failed", "operator", 0)
