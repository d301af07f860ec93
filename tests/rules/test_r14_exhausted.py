"""R14: no token is left and no End was reached."""


def test_r14_a_job_without_tokens_is_finished(flow):
    stage = flow().parallel("p", "a b").activity("a").activity("b").stage()

    stage.succeed("a#1")
    assert not stage.job.is_finished

    stage.succeed("b#1")
    assert stage.end == ("succeeded", "exhausted", 0)


def test_r14_a_job_may_be_exhausted_at_once(flow):
    assert flow().parallel("p", "").stage().end == ("succeeded", "exhausted", 0)


def test_r14_an_open_incident_keeps_the_job(flow):
    stage = flow().parallel("p", "x a").exclusive("x", "a?False").activity("a").stage()

    stage.succeed("a#1")

    assert not stage.job.is_finished


def test_r14_a_token_queued_in_a_join_that_asks_a_person_keeps_the_job(flow):
    shape = flow().inclusive("i", "a b?False").activity("a", "j").activity("b", "j").join("j", "end", "all")
    stage = shape.end().stage()

    stage.succeed("a#1")

    assert (stage.job.is_finished, stage.job.queued) == (False, 1)


def test_r14_a_job_that_is_exhausted_failed_if_one_of_its_tokens_vanished(flow):
    shape = flow().parallel("p", "a b").activity("a").activity("b").having(on_failure="finish")
    stage = shape.stage()

    stage.fail("a#1")
    stage.succeed("b#1")

    assert stage.end == ("failed", "exhausted", 0)
