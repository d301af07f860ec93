"""R1: one start; what points at it, and nothing points to, takes no part."""


def test_r01_the_first_token_is_made_at_the_start(flow):
    stage = flow().activity("a", "end").end().stage()

    assert stage.kinds() == ["JobAccepted", "JobStarted", "VisitCreated", "AttemptAssigned"]
    assert stage.statuses == {"a#1": "AwaitingBotResponse"}


def test_r01_a_node_that_only_points_at_the_start_takes_no_part(flow):
    stage = flow().activity("a", "end").end().activity("connector", "a").stage()

    stage.succeed("a#1")

    assert "connector#1" not in stage.statuses
    assert stage.job.node_status("connector") == "NotProcessed"
    assert stage.end == ("succeeded", "end", 0)


def test_r01_a_gateway_may_be_the_start(flow):
    assert flow().exclusive("x", "end").end().stage().end == ("succeeded", "end", 0)


def test_r01_the_start_need_not_stand_first_in_the_file(flow):
    stage = flow().activity("a", "end").activity("b", "a").end().having(start="b").stage()

    assert stage.statuses == {"b#1": "AwaitingBotResponse"}


def test_r01_what_takes_no_part_is_no_input_of_a_join(flow):
    shape = flow().activity("a", "j").join("j", "end", "all").end().activity("connector", "a j")
    stage = shape.stage()

    stage.succeed("a#1")

    assert stage.end == ("succeeded", "end", 0)
