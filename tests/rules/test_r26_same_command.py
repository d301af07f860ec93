"""R26: one job per command id; admission is in the same record or a later one."""

from ee_core.model.decide import Ignored


def test_r26_the_same_command_again_is_known(flow):
    stage = flow().activity("a").stage()

    assert stage.execute() == Ignored("same_command")


def test_r26_the_same_id_with_another_content_is_a_conflict(flow):
    stage = flow().activity("a").stage()

    assert stage.execute(digest="other") == Ignored("conflict")


def test_r26_a_finished_job_still_knows_its_command(flow):
    stage = flow().activity("a").stage()
    stage.succeed("a#1")

    assert stage.execute() == Ignored("same_command")
    assert stage.execute(digest="other") == Ignored("conflict")


def test_r26_a_held_job_waits_for_admission_and_starts_once(flow):
    stage = flow().activity("a").blank()
    stage.execute(hold=True)
    assert (stage.waits, stage.job.status) == (["admission"], "NotStarted")

    stage.admit()

    assert stage.waits == ["response:a#1/1"]
    assert stage.admit() == Ignored("not_waiting")


def test_r26_nothing_else_makes_a_job(flow):
    stage = flow().activity("a").blank()

    assert stage.admit() == stage.grant("a#1") == stage.due("admission") == Ignored("unknown_job")
