"""R9: an activity waits for a bot, and a NoBot incident closes itself."""

import pytest

from ee_core.fleet.roster import Presence, to_requirement
from ee_core.model import facts
from ee_core.model.decide import Ignored
from ee_core.model.events import Choice
from ee_core.model.ids import Fence
from ee_core.model.workflow import BotSelector, Retry, Timeouts


@pytest.fixture
def stage(flow):
    """One activity that needs a bot."""
    return flow().activity("a", "end", bot=BotSelector(labels={"app": "sap"}), input={"n": 1}).end().stage()


def missing(stage):
    return stage.tell(facts.BotMissing(at_us=0, visit="a#1", text="no bot has app=sap"))


def test_r09_a_visit_waits_for_a_bot_with_its_selector_and_its_age(stage):
    wait = stage.job.waits["lease:a#1"]

    assert (wait.activity, wait.selector.labels, wait.since_us) == ("work", {"app": "sap"}, stage.now_us)


def test_r09_a_granted_bot_is_assigned_and_the_request_counts_as_sent(stage):
    stage.grant("a#1", "b1")

    wait = stage.job.waits["response:a#1/1"]
    assert (wait.bot, wait.ledger, wait.fence, wait.input) == ("b1", "ledger", Fence(1, 1), {"n": 1})
    assert stage.waits == ["response:a#1/1"]


def test_r09_a_bot_for_a_visit_that_does_not_wait_is_ignored(stage):
    stage.grant("a#1")

    assert stage.grant("a#1", "b2") == Ignored("not_waiting")
    assert stage.grant("b#1", "b2") == Ignored("not_waiting")


def test_r09_same_as_names_the_bot_of_the_other_node(flow):
    shape = flow().activity("a", "b", bot=BotSelector()).activity("b", bot=BotSelector(same_as="a"))
    stage = shape.stage()
    stage.grant("a#1", "b7")

    stage.succeed("a#1")

    assert stage.job.waits["lease:b#1"].same_as == "b7"


def test_r09_same_as_follows_a_node_that_is_assigned_later(flow):
    shape = (
        flow()
        .parallel("p", "a b")
        .activity("a", bot=BotSelector())
        .activity("b", bot=BotSelector(same_as="a"))
    )
    stage = shape.stage()
    assert stage.job.waits["lease:b#1"].same_as is None

    stage.grant("a#1", "b7")

    assert stage.job.waits["lease:b#1"].same_as == "b7"


def test_r09_no_bot_opens_an_incident_and_the_visit_goes_on_waiting(stage):
    missing(stage)

    assert stage.incident == ("NoBot", ("fail", "skip"))
    assert stage.waits == ["lease:a#1", "operator:i1"]
    assert stage.job.waits["lease:a#1"].no_bot
    assert missing(stage) == Ignored("duplicate")


def test_r09_the_incident_closes_itself_when_a_bot_is_there(stage):
    missing(stage)
    stage.tell(facts.BotFound(at_us=0, visit="a#1"))
    assert not stage.job.waits["lease:a#1"].no_bot

    missing(stage)
    stage.grant("a#1")

    assert stage.waits == ["response:a#1/1"]
    assert [event.by for event in stage.events if type(event).__name__ == "IncidentClosed"] == [
        "gone",
        "gone",
    ]


def test_r09_the_visit_may_be_skipped_or_failed(stage):
    missing(stage)

    stage.answer(Choice.SKIP, output="done by hand")

    assert stage.job.visits["a#1"].output == "done by hand"
    assert stage.end == ("succeeded", "end", 0)


def test_r09_the_bot_time_out_ends_an_open_incident(flow):
    stage = flow().activity("a", bot=BotSelector(), timeouts=Timeouts(bot_ms=5)).stage()
    missing(stage)

    stage.due("lease:a#1")

    assert stage.end == ("failed", "failure", 0)


def test_r09_the_age_is_that_of_the_record_that_created_the_visit(flow):
    stage = flow().activity("a", bot=True, retry=Retry(attempts=2)).stage()
    born = stage.now_us
    stage.grant("a#1")
    stage.fail("a#1", retry_ms=5)

    stage.due(stage.waits[0])

    assert stage.job.waits["lease:a#1"].since_us == born < stage.now_us


def test_r09_same_as_names_the_bot_that_the_other_node_had_last(flow):
    shape = flow().activity("a", "b", bot=True, retry=Retry(attempts=2))
    stage = shape.activity("b", bot=BotSelector(same_as="a")).stage()
    stage.grant("a#1", "b1")
    stage.fail("a#1", retry_ms=5)
    stage.due(stage.waits[0])
    stage.grant("a#1", "b2")

    stage.succeed("a#1")

    assert stage.job.waits["lease:b#1"].same_as == "b2"


@pytest.fixture
def bot():
    """A bot that serves `work`."""
    return Presence(
        bot="b1",
        instance="one",
        ledger="l",
        activities=frozenset({"work"}),
        labels={"app": "sap", "site": "hh", "pool": "night"},
        stateless=False,
        highest=Fence(0, 0),
        seen_s=0.0,
        until_s=0.0,
        leaving=False,
    )


@pytest.mark.parametrize(
    ("activity", "selector", "fits"),
    [
        ("work", {}, True),
        ("other", {}, False),
        ("work", {"id": "b1"}, True),
        ("work", {"id": "b2"}, False),
        ("work", {"pool": "night"}, True),
        ("work", {"pool": "day"}, False),
        ("work", {"labels": {"app": "sap", "site": "hh"}}, True),
        ("work", {"labels": {"app": "sap", "site": "b"}}, False),
        ("work", {"labels": {"app": "sap", "floor": "1"}}, False),
        ("work", {"id": "b1", "pool": "day"}, False),
    ],
)
def test_r09_a_bot_fits_by_type_id_pool_and_all_labels(bot, activity, selector, fits):
    assert to_requirement(activity, BotSelector(**selector), None).admits(bot) is fits


@pytest.mark.parametrize(("same_as", "fits"), [("b1", True), ("b2", False), (None, False)])
def test_r09_same_as_admits_that_bot_alone_and_none_when_there_was_none(bot, same_as, fits):
    assert to_requirement("work", BotSelector(same_as="a"), same_as).admits(bot) is fits
