"""R8: several tokens on one node are visits of their own."""


def test_r08_each_token_is_its_own_visit(flow):
    shape = flow().parallel("p", "a b").activity("a", "c").activity("b", "c").activity("c", "d").activity("d")
    stage = shape.stage()

    stage.succeed("a#1", "b#1")
    assert stage.statuses["c#1"] == stage.statuses["c#2"] == "AwaitingBotResponse"

    stage.succeed("c#2")
    assert stage.job.visits["d#1"].source == "c#2"
    assert stage.job.node_status("c") == "AwaitingBotResponse"


def test_r08_the_output_is_of_the_visit_that_ended_last(flow):
    shape = flow().parallel("p", "a1 a2").activity("a1", "c").activity("a2", "c")
    stage = shape.activity("c", "d?nodes.c.output==1 e?nodes.c.output==2").activity("d").activity("e").stage()
    stage.succeed("a1#1", "a2#1")

    stage.succeed("c#2", output=2)
    stage.succeed("c#1", output=1)

    assert [visit for visit in stage.statuses if visit[0] in "de"] == ["e#1", "d#1"]


def test_r08_tokens_that_come_in_one_decision_do_not_merge(flow):
    stage = flow().parallel("p", "c x c").parallel("x", "c").activity("c").stage()

    assert [visit for visit in stage.statuses if visit.startswith("c#")] == ["c#1", "c#2", "c#3"]
