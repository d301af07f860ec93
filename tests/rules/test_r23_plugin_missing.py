"""R23: a plugin that is missing opens an incident that closes when it is there."""

from ee_core.model import facts
from ee_core.model.decide import Ignored
from ee_core.model.events import Choice


def missing(stage):
    return stage.tell(facts.PluginMissing(at_us=0, visit="a#1", text="entry point 'work' of ee-work"))


def test_r23_local_work_without_its_plugin_waits_for_it(flow):
    stage = flow().activity("a", stateless=True).stage()

    missing(stage)

    assert stage.incident == ("PluginMissing", ("fail", "skip"))
    assert "entry point 'work' of ee-work" in stage.job.incidents["i1"].text
    assert stage.job.waits["response:a#1/1"].no_bot
    stage.tell(facts.PluginFound(at_us=0, visit="a#1"))
    assert stage.waits == ["response:a#1/1"]
    assert not stage.job.waits["response:a#1/1"].no_bot


def test_r23_only_local_work_misses_a_plugin(flow):
    assert missing(flow().activity("a", bot=True).stage()) == Ignored("not_waiting")
    assert missing(flow().activity("a").stage()) == Ignored("not_waiting")


def test_r23_only_a_visit_without_a_bot_misses_one(flow):
    stage = flow().activity("a", stateless=True).stage()
    assert stage.tell(facts.BotMissing(at_us=0, visit="a#1", text="nobody")) == Ignored("not_waiting")

    missing(stage)
    assert stage.tell(facts.BotFound(at_us=0, visit="a#1")) == Ignored("not_waiting")


def test_r23_an_unbound_activity_asks_a_person_when_it_is_reached(flow):
    shape = flow().activity("a", "b", type="", unbound="47").activity("b", stateless=True)
    stage = shape.stage()
    assert stage.incident == ("PluginMissing", ("fail", "skip"))
    assert "'47'" in stage.job.incidents["i1"].text
    assert stage.tell(facts.PluginFound(at_us=0, visit="a#1")) == Ignored("not_waiting")

    stage.answer(Choice.SKIP, output={"n": 1})

    assert stage.statuses == {"a#1": "Success", "b#1": "AwaitingBotResponse"}
