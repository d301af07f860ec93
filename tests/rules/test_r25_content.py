"""R25: a job keeps the content it was accepted with."""

import pytest

from ee_core.errors import IllegalTransitionError
from ee_core.model.evolve import apply
from ee_core.model.job import Job


def test_r25_a_job_is_not_replayed_with_another_content(flow):
    stage = flow().activity("a").stage()
    other = flow().activity("a", "end").end().blank()

    with pytest.raises(IllegalTransitionError, match="is not at hand"):
        apply(Job.blank("job", other.workflow), stage.records[0])


def test_r25_replay_asks_no_expression(flow):
    shape = flow().exclusive("x", "a?inputs.n>1").activity("a", "end", input="${ inputs.n }").end()
    stage = shape.stage(inputs={"n": 3})
    stage.succeed("a#1")

    for programs in stage.workflow.programs:
        for program in filter(None, programs):
            program.source = "1/0"

    assert stage.replay() == stage.job
