"""R11: a failed activity is tried again, then `on_error`, then the job fails."""

from ee_core.model.workflow import Retry


def test_r11_a_failed_attempt_is_followed_by_another_after_its_delay(flow):
    stage = flow().activity("a", bot=True, retry=Retry(attempts=2)).stage()
    stage.grant("a#1")

    stage.fail("a#1", retry_ms=500)

    (wait,) = stage.job.waits.values()
    assert wait.due_us == stage.now_us + 500_000
    stage.due(wait.key)
    assert stage.waits == ["lease:a#1"]
    stage.grant("a#1", "b2")
    assert stage.waits == ["response:a#1/2"]


def test_r11_stateless_work_is_sent_again_at_once_with_the_same_input(flow):
    shape = flow().activity("a", stateless=True, retry=Retry(attempts=2), input="${ inputs.n }")
    stage = shape.stage(inputs={"n": 7})

    stage.fail("a#1", retry_ms=5)
    stage.due(stage.waits[0])

    wait = stage.job.waits["response:a#1/2"]
    assert wait.input == 7
    assert stage.events[-1].input_hash == ""


def test_r11_attempts_are_bounded_whatever_the_hooks_say(flow):
    stage = flow().activity("a", stateless=True, retry=Retry(attempts=2)).stage()

    stage.fail("a#1", retry_ms=5)
    stage.due(stage.waits[0])
    stage.fail("a#1", retry_ms=5)

    assert stage.end == ("failed", "failure", 0)


def test_r11_hooks_may_give_up_early(flow):
    stage = flow().activity("a", stateless=True, retry=Retry(attempts=9)).stage()

    stage.fail("a#1", retry_ms=None)

    assert stage.end == ("failed", "failure", 0)


def test_r11_the_error_pointer_comes_before_fail_job(flow, on_error):
    stage = flow().activity("a", "b", on_error="c").activity("b").activity("c", "end").end().stage()

    stage.fail("a#1")

    assert stage.events[-3].slots == (on_error,)
    stage.succeed("c#1")
    assert stage.end == ("succeeded", "end", 0)
    assert stage.statuses["a#1"] == "Failed"


def test_r11_stop_fails_the_job_and_cancels_siblings_in_the_same_record(flow):
    shape = flow().parallel("p", "a b").activity("a").activity("b", bot=True)
    stage = shape.stage()
    stage.grant("b#1")

    stage.fail("a#1", "no_paper")

    assert [type(event).__name__ for event in stage.records[-1].events] == ["AttemptFailed", "JobFinished"]
    assert (stage.end, stage.job.error.code) == (("failed", "failure", 0), "no_paper")
    assert stage.statuses == {"p#1": "Success", "a#1": "Failed", "b#1": "Cancelled"}
    assert stage.waits == ["drain:b#1/1"]


def test_r11_finish_lets_siblings_go_on_and_the_job_ends_failed(flow):
    shape = flow().parallel("p", "a b").activity("a", "j").activity("b", "j").join("j", "end").end()
    stage = shape.having(on_failure="finish").stage()

    stage.fail("a#1", "no_paper")
    assert stage.statuses["b#1"] == "AwaitingBotResponse"

    stage.succeed("b#1")
    assert (stage.end, stage.job.error.code) == (("failed", "end", 0), "no_paper")


def test_r11_finish_without_an_end_is_exhausted_and_failed(flow):
    stage = flow().activity("a").having(on_failure="finish").stage()

    stage.fail("a#1")

    assert stage.end == ("failed", "exhausted", 0)


def test_r11_codes_that_the_policy_does_not_name_are_not_retried(flow):
    retry = Retry(attempts=5, on=("busy", "timeout"))
    stage = flow().activity("a", stateless=True, retry=retry).stage()

    stage.fail("a#1", "timeout", retry_ms=5)
    stage.due(stage.waits[0])
    stage.fail("a#1", "no_paper", retry_ms=5)

    assert stage.job.visits["a#1"].last_attempt == 2
    assert (stage.end, stage.job.error.code) == (("failed", "failure", 0), "no_paper")


def test_r11_the_error_pointer_comes_before_fail_job_also_where_that_is_false(flow):
    shape = flow().activity("a", "b", on_error="c", fail_job=False, stateless=True).activity("b")
    stage = shape.activity("c").stage()

    stage.fail("a#1")

    assert set(stage.statuses) == {"a#1", "c#1"}


def test_r11_finish_lets_joins_look_again_when_the_failed_token_vanishes(flow):
    shape = flow().parallel("p", "a b").activity("a", "j").activity("b", "j").join("j", "last")
    stage = shape.activity("last").having(on_failure="finish").stage()
    stage.succeed("b#1")
    assert stage.job.queued == 1

    stage.fail("a#1")

    assert stage.statuses["last#1"] == "AwaitingBotResponse"
