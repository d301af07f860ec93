"""R24: a payload over the limit is refused before it is sent."""

import pytest

from ee_core.model.decide import Ignored
from ee_core.model.events import Choice
from ee_core.model.limits import MAX_INPUT_BYTES, MAX_OUTPUT_BYTES, MAX_RECORD_BYTES
from ee_core.model.record import encode_record


def test_r24_an_input_too_large_opens_an_incident_naming_node_key_and_bytes(flow):
    stage = (
        flow()
        .activity("a", stateless=True, input={"n": 1, "text": "${ inputs.big*2 }"})
        .stage(inputs={"big": "x" * (MAX_INPUT_BYTES // 2)})
    )

    assert stage.incident == ("Oversize", ("fail", "skip"))
    detail = stage.job.incidents["i1"].detail
    assert (detail["node"], detail["key"]) == ("a", "text")
    assert detail["bytes"] > detail["limit"]
    stage.answer(Choice.SKIP)
    assert stage.job.is_finished


@pytest.mark.parametrize(
    ("size", "status"), [(MAX_OUTPUT_BYTES - 2, "Success"), (MAX_OUTPUT_BYTES - 1, "Failed")]
)
def test_r24_an_output_too_large_fails_the_attempt(flow, size, status):
    stage = flow().activity("a").stage()

    stage.succeed("a#1", output="x" * size)

    assert stage.statuses == {"a#1": status}
    assert status == "Success" or stage.job.error.code == "output_too_large"


def test_r24_an_output_that_is_no_json_fails_the_attempt(flow):
    stage = flow().activity("a").stage()

    stage.succeed("a#1", output="\ud800")

    assert stage.job.error.code == "output_invalid"


def test_r24_a_record_stays_within_its_limit_whatever_it_holds(flow):
    shape = flow().activity("s", "a b c")
    for node in "abc":
        shape.activity(node, stateless=True, input="${ nodes.s.output }")
    stage = shape.stage()

    stage.succeed("s#1", output="x" * 100_000)

    assert len(encode_record(stage.records[-1])) <= MAX_RECORD_BYTES
    assert [incident.kind.value for incident in stage.job.incidents.values()] == ["Oversize", "Oversize"]
    stage.answer(Choice.RETRY, "i1")
    assert stage.statuses["b#1"] == "AwaitingBotResponse"


def test_r24_the_first_record_counts_the_jobs_inputs(flow):
    shape = flow().activity("a", stateless=True, input="${ inputs.text[:100_000] }")

    stage = shape.stage(inputs={"text": "x" * 200_000})

    assert len(encode_record(stage.records[0])) <= MAX_RECORD_BYTES
    assert stage.incident == ("Oversize", ("fail", "retry", "skip"))


def test_r24_an_operators_output_too_large_is_refused(flow):
    stage = flow().activity("a", stateless=True).stage()
    stage.silence("a#1")

    assert stage.answer(Choice.SKIP, output="x" * MAX_OUTPUT_BYTES) == Ignored("too_large")


@pytest.mark.parametrize("first", [True, False], ids=["first-record", "later-record"])
@pytest.mark.parametrize("width", [700, 1000, 1500, 2500])
def test_r24_so_many_assignments_that_no_record_holds_them_are_a_runaway(flow, width, first):
    shape = flow()
    if not first:
        shape.activity("before", "s")
    names = [f"n{number}" for number in range(width)]
    shape.parallel("s", " ".join(names))
    for name in names:
        shape.activity(name, stateless=True, input={"n": 1})
    stage = shape.stage()

    if not first:
        stage.succeed("before#1", output="x" * 10_000)

    assert max(len(encode_record(record)) for record in stage.records) <= MAX_RECORD_BYTES
    if stage.job.incidents:
        assert stage.incident == ("Runaway", ("fail",))
        stage.answer(Choice.FAIL)
        assert stage.job.outcome.value == "failed"
    else:
        assert width <= 1000
        assert len(stage.job.live) == width
