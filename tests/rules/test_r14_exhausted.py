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
