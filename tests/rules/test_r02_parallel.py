"""R2: a parallel follows every pointer at once."""


def test_r02_a_parallel_follows_every_pointer(flow):
    stage = flow().parallel("p", "a b c").activity("a").activity("b").activity("c").stage()

    assert stage.statuses == {"p#1": "Success"} | dict.fromkeys(["a#1", "b#1", "c#1"], "AwaitingBotResponse")


def test_r02_a_parallel_with_several_pointers_in_passes_each_token(flow):
    shape = flow().parallel("p", "a b").activity("a", "q").activity("b", "q").parallel("q", "c").activity("c")
    stage = shape.stage()

    stage.succeed("a#1", "b#1")

    assert {"q#1", "q#2", "c#1", "c#2"} <= set(stage.statuses)


def test_r02_a_parallel_asks_no_condition(flow):
    stage = flow().parallel("p", "a?False b?otherwise c").activity("a").activity("b").activity("c").stage()

    assert set(stage.statuses) == {"p#1", "a#1", "b#1", "c#1"}
