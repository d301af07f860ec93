"""R12: a failure that does not fail the job is a warning."""


def test_r12_the_token_goes_on_and_the_visit_stays_failed(flow):
    shape = flow().activity("a", "b?nodes.a.error['code']=='broken'", fail_job=False, stateless=True)
    stage = shape.activity("b", "end").end().stage()

    stage.fail("a#1")
    stage.succeed("b#1")

    assert stage.end == ("succeeded", "end", 1)
    assert stage.statuses["a#1"] == "Failed"


def test_r12_a_warning_counts_in_the_record_of_the_end_too(flow):
    stage = flow().activity("a", "end", fail_job=False, stateless=True).end().stage()

    stage.fail("a#1")

    assert stage.end == ("succeeded", "end", 1)
    assert stage.events[-1].warnings == 1


def test_r12_an_error_pointer_is_no_warning(flow):
    stage = (
        flow().activity("a", "b", on_error="end", fail_job=False, stateless=True).activity("b").end().stage()
    )

    stage.fail("a#1")

    assert stage.end == ("succeeded", "end", 0)
