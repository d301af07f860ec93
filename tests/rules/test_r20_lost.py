"""R20: what may have happened is never done again in silence."""

import pytest

from ee_core.model import facts
from ee_core.model.decide import Ignored
from ee_core.model.events import Choice
from ee_core.model.facts import ResponseKind
from ee_core.model.workflow import Retry


@pytest.fixture
def stage(flow):
    stage = flow().activity("a", "end", bot=True).end().stage()
    stage.grant("a#1", "b1")
    return stage


@pytest.mark.parametrize("why", ["accept", "heartbeat", "run", "bot_dead", "crash"])
def test_r20_silence_means_lost_with_a_drain(stage, why):
    stage.silence("a#1", why)

    assert stage.statuses == {"a#1": "Lost"}
    assert stage.incident == ("Lost", ("fail", "retry", "skip"))
    assert stage.waits == ["drain:a#1/1", "operator:i1"]
    assert stage.silence("a#1") == Ignored("not_waiting")


@pytest.mark.parametrize("kind", ["lost", "stopped", "wrong_ledger", "idle"])
def test_r20_the_bots_own_word_means_lost_without_a_drain(stage, kind):
    stage.respond("a#1", ResponseKind(kind))

    assert stage.statuses == {"a#1": "Lost"}
    assert stage.waits == ["operator:i1"]


def test_r20_silence_and_idleness_of_nothing_are_ignored(stage):
    assert stage.idle("a#1", 2) == stage.idle("b#1") == Ignored("unknown_attempt")
    assert stage.tell(facts.AttemptSilent(at_us=0, visit="a#1", attempt=2, why="run")) == Ignored(
        "unknown_attempt"
    )
    assert stage.idle("a#1", bot="b2") == Ignored("wrong_bot")


def test_r20_a_bot_that_was_asked_and_knows_nothing_does_not_do_it(stage):
    stage.idle("a#1")

    assert stage.statuses == {"a#1": "Lost"}
    assert (stage.waits, stage.events[-2].why) == (["operator:i1"], "stopped")
    assert stage.respond("a#1", ResponseKind.SUCCEEDED) == Ignored("duplicate")


def test_r20_silence_takes_the_place_of_an_incident_that_no_worker_is_there(flow):
    stage = flow().activity("a", lost_attempts=1).stage()
    stage.tell(facts.BotMissing(at_us=0, visit="a#1", text="no worker serves it"))

    stage.silence("a#1", "accept")

    assert stage.incident[0] == "Lost"
    assert stage.waits == ["operator:i2"]


def test_r20_retry_asks_for_a_bot_while_the_old_one_drains(stage):
    stage.silence("a#1")

    stage.answer(Choice.RETRY)

    assert stage.waits == ["drain:a#1/1", "lease:a#1"]
    stage.grant("a#1", "b2")
    stage.succeed("a#1")
    assert stage.end == ("succeeded", "end", 0)
    assert stage.waits == ["drain:a#1/1"]


@pytest.mark.parametrize(("choice", "outcome"), [(Choice.SKIP, "succeeded"), (Choice.FAIL, "failed")])
def test_r20_an_operator_may_skip_or_fail_it(stage, choice, outcome):
    stage.silence("a#1")

    stage.answer(choice, output={"by": "hand"})

    assert stage.end[0] == outcome
    assert stage.waits == ["drain:a#1/1"]


def test_r20_a_conflict_asks_a_person_and_frees_the_bot(stage):
    stage.respond("a#1", ResponseKind.CONFLICT)

    assert stage.incident == ("Conflict", ("fail", "retry", "skip"))
    assert stage.waits == ["operator:i1"]
    stage.answer(Choice.RETRY)
    assert stage.waits == ["lease:a#1"]


# -- what follows a loss ---------------------------------------------------------------------------------------


IDEMPOTENT = {"bot": True, "idempotent": True}


def test_r20_idempotent_work_is_repeated_with_a_new_attempt_and_fence(flow):
    stage = flow().activity("a", "end", **IDEMPOTENT).end().stage()
    stage.grant("a#1", "b1")

    stage.silence("a#1")

    assert [type(event).__name__ for event in stage.records[-1].events] == ["AttemptLost", "RetryDue"]
    assert stage.statuses == {"a#1": "Pending"}
    assert stage.waits == ["drain:a#1/1", "lease:a#1"]
    first, again = stage.job.visits["a#1"].attempts[0], stage.grant("a#1", "b2")[0]
    assert (again.attempt, again.input_hash) == (2, "")
    assert again.fence > first.fence
    stage.succeed("a#1")
    assert stage.end == ("succeeded", "end", 0)


def test_r20_stateless_idempotent_work_is_sent_again_in_the_same_record(flow):
    stage = flow().activity("a", input="${ inputs.n }").stage(inputs={"n": 7})

    stage.silence("a#1", "heartbeat")

    kinds = [type(event).__name__ for event in stage.records[-1].events]
    assert kinds == ["AttemptLost", "RetryDue", "AttemptAssigned"]
    assert stage.job.waits["response:a#1/2"].input == 7


@pytest.mark.parametrize("lost_attempts", [1, 2, 3])
def test_r20_so_many_lost_attempts_ask_a_person(flow, lost_attempts):
    stage = flow().activity("a", lost_attempts=lost_attempts).stage()

    for _ in range(lost_attempts):
        assert not stage.job.incidents
        stage.silence("a#1")

    assert stage.statuses == {"a#1": "Lost"}
    assert stage.incident == ("Lost", ("fail", "retry", "skip"))
    assert stage.job.visits["a#1"].last_attempt == lost_attempts


def test_r20_three_lost_attempts_are_the_default(flow):
    stage = flow().activity("a").stage()

    while not stage.job.incidents:
        stage.silence("a#1")

    assert stage.job.visits["a#1"].last_attempt == 3


def test_r20_failed_attempts_and_lost_ones_are_counted_apart(flow):
    stage = (
        flow()
        .activity("a", lost_attempts=2, stateless=True, idempotent=True, retry=Retry(attempts=2))
        .stage()
    )

    stage.silence("a#1")
    stage.fail("a#1", retry_ms=5)
    stage.due(stage.waits[0])
    stage.silence("a#1")

    assert stage.incident[0] == "Lost"
    assert stage.job.visits["a#1"].last_attempt == 3


def test_r20_a_late_result_of_the_first_loss_can_be_taken_after_the_last(flow):
    stage = flow().activity("a", "end", **IDEMPOTENT, lost_attempts=2).end().stage()
    stage.grant("a#1", "b1")
    fence = stage.job.visits["a#1"].attempts[0].fence
    stage.silence("a#1")
    stage.grant("a#1", "b2")
    stage.respond("a#1", ResponseKind.SUCCEEDED, attempt=1, bot="b1", fence=fence, output=1)
    assert stage.statuses == {"a#1": "AwaitingBotResponse"}

    stage.silence("a#1")

    assert stage.incident == ("Lost", ("fail", "retry", "skip", "take_result"))
    stage.answer(Choice.TAKE_RESULT)
    assert stage.end[0] == "succeeded"


@pytest.mark.parametrize("on_lost", ["", "incident"])
def test_r20_what_is_not_idempotent_is_never_done_again_by_itself(flow, on_lost):
    stage = flow().activity("a", bot=True, on_lost=on_lost).stage()
    stage.grant("a#1")

    stage.silence("a#1")

    assert stage.incident[0] == "Lost"


def test_r20_the_workflow_may_want_an_incident_for_idempotent_work(flow):
    stage = flow().activity("a", stateless=True, idempotent=True, on_lost="incident").stage()

    stage.silence("a#1")

    assert stage.incident[0] == "Lost"


def test_r20_the_workflow_may_want_any_work_repeated(flow):
    stage = flow().activity("a", bot=True, on_lost="retry", lost_attempts=2).stage()
    stage.grant("a#1")

    stage.respond("a#1", ResponseKind.WRONG_LEDGER)
    assert stage.waits == ["lease:a#1"]
    stage.grant("a#1")
    stage.respond("a#1", ResponseKind.LOST)

    assert stage.incident[0] == "Lost"


def test_r20_local_work_that_died_with_its_process_is_repeated_only_if_the_workflow_wants(flow):
    stage = flow().activity("a", stateless=True, on_lost="retry").stage()

    stage.silence("a#1", "crash")

    assert stage.waits == ["response:a#1/2"]


# -- ask: the ledger has the first word --------------------------------------------------------------------------


@pytest.fixture
def asking(flow):
    """An attempt whose bot went silent, and whose ledger is asked."""
    stage = flow().activity("a", "end", bot=True, on_lost="ask").end().stage()
    stage.grant("a#1", "b1")
    (event,) = stage.silence("a#1", "heartbeat")
    assert (type(event).__name__, event.why) == ("AttemptQuestioned", "heartbeat")
    return stage


def test_r20_ask_leaves_the_attempt_open_while_the_ledger_is_asked(asking):
    assert asking.statuses == {"a#1": "AwaitingBotResponse"}
    assert asking.waits == ["response:a#1/1"]
    assert asking.job.waits["response:a#1/1"].questioned
    assert not asking.job.incidents


def test_r20_ask_is_recorded_once(asking):
    assert asking.silence("a#1", "run") == Ignored("duplicate")


def test_r20_ask_takes_a_terminal_answer_as_if_nothing_had_been(asking):
    asking.succeed("a#1", output=1)

    assert asking.end == ("succeeded", "end", 0)
    assert "AttemptLost" not in asking.kinds()


@pytest.mark.parametrize("kind", ["lost", "stopped", "wrong_ledger", "idle"])
def test_r20_ask_makes_it_lost_when_the_ledger_has_no_result(asking, kind):
    asking.respond("a#1", ResponseKind(kind))

    assert (asking.statuses, asking.incident[0]) == ({"a#1": "Lost"}, "Lost")
    assert asking.waits == ["operator:i1"]


def test_r20_ask_makes_it_lost_when_the_ledger_does_not_know_it(asking):
    asking.idle("a#1")

    assert asking.waits == ["operator:i1"]


def test_r20_ask_makes_it_lost_with_a_drain_when_nobody_answers(asking):
    asking.silence("a#1", "heartbeat", asked=True)

    assert asking.statuses == {"a#1": "Lost"}
    assert asking.waits == ["drain:a#1/1", "operator:i1"]


def test_r20_ask_is_over_with_the_attempt(asking):
    asking.cancel()

    assert asking.silence("a#1", asked=True) == Ignored("not_waiting")
    assert asking.waits == ["drain:a#1/1"]


def test_r20_ask_repeats_idempotent_work_when_the_ledger_has_no_result(flow):
    stage = flow().activity("a", **IDEMPOTENT, on_lost="ask").stage()
    stage.grant("a#1")
    stage.silence("a#1")

    stage.respond("a#1", ResponseKind.LOST)

    assert stage.waits == ["lease:a#1"]
    stage.grant("a#1")
    assert not stage.job.waits["response:a#1/2"].questioned


def test_r20_ask_has_no_ledger_to_ask_where_no_bot_is(flow):
    stage = flow().activity("a", stateless=True, on_lost="ask").stage()

    stage.silence("a#1", "crash")

    assert stage.incident[0] == "Lost"


def test_r20_the_retry_policy_says_nothing_of_lost_attempts(flow):
    stage = flow().activity("a", bot=True, retry=Retry(attempts=5)).stage()
    stage.grant("a#1")

    stage.silence("a#1")

    assert stage.incident[0] == "Lost"
