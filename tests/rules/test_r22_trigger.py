"""R22: a trigger is an `http` activity; the model knows it as stateless work, idempotent by its method."""

import pytest


@pytest.fixture
def hook(flow):
    """A request that is out, by a method that is safe to repeat or not."""

    def make(*, is_safe):
        method = "GET" if is_safe else "POST"
        members = {"type": "http", "stateless": True, "idempotent": is_safe, "input": {"method": method}}
        stage = flow().activity("hook", "end", **members).end().stage()
        assert stage.job.waits["response:hook#1/1"].local is not is_safe
        return stage

    return make


def test_r22_a_time_out_is_lost_and_a_person_is_asked(hook):
    stage = hook(is_safe=False)

    stage.silence("hook#1", "run")

    assert stage.incident[0] == "Lost"


def test_r22_a_time_out_of_a_safe_method_is_repeated(hook):
    stage = hook(is_safe=True)

    stage.silence("hook#1", "run")

    assert stage.waits == ["response:hook#1/2"]
