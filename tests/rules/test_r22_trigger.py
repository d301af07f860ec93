"""R22: a trigger is an `http` activity; the model knows it as stateless work, idempotent by its method."""

import pytest


@pytest.mark.parametrize("is_safe", [True, False])
def test_r22_a_time_out_is_lost_and_a_person_is_asked(flow, is_safe):
    shape = flow().activity(
        "hook", "end", type="http", stateless=True, idempotent=is_safe, input={"method": "GET"}
    )
    stage = shape.end().stage()
    assert stage.job.waits["response:hook#1/1"].local is not is_safe

    stage.silence("hook#1", "run")

    assert stage.incident[0] == "Lost"
