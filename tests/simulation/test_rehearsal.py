"""A user's own workflow, rehearsed: what becomes of it when an engine or a bot dies, or a message is lost."""

import json
from collections import Counter

import pytest

from ee_core.config import Settings
from ee_core.definitions import load
from ee_core.local.env import SystemEnv
from ee_core.model.events import Error
from ee_core.registry import Registry
from ee_core.simulation.checker import check
from ee_core.simulation.rehearsal import (
    Category,
    NoEndError,
    disturb,
    rehearse_place,
    rehearse_undisturbed,
    tell_place,
)
from ee_core.simulation.rehearsal_branches import rehearse_places
from ee_core.simulation.rehearsal_cast import Rehearsal, Stub, cast_bots, shorten_s
from ee_core.simulation.rehearsal_places import Kind
from ee_core.simulation.rehearsal_report import gather, summary, tell, tell_one
from ee_core.simulation.rehearsal_values import plausible

pytestmark = pytest.mark.slow  # all of them together

END = {"end": "succeeded"}
SCAN = {"activity": "desk.scan", "next": "done"}
RACE = {
    "both": {"parallel": ["quick", "later"]},
    "quick": {"activity": "desk.ask", "next": "enough"},
    "later": {"activity": "delay", "with": {"for": "1s"}, "next": "slow"},
    "slow": {"activity": "desk.ask", "next": "second"},
    "second": {"activity": "desk.ask", "next": "seen"},
    "enough": {
        "exclusive": [{"when": "nodes.slow.visits > 0", "next": "seen"}, {"otherwise": True, "next": "hurry"}]
    },
    "hurry": {"activity": "desk.ask", "next": "seen"},
    "seen": {"join": "reachable", "next": "done"},
    "done": END,
}


@pytest.fixture(scope="session")
def registry():
    return Registry(Settings(), SystemEnv())


@pytest.fixture
def rehearse(registry):
    """What makes a rehearsal of some nodes, the first of which is the start."""

    def rehearse(nodes, *, inputs=None, keys=None, **options):
        content = {"ee": 1, "name": "play", "start": next(iter(nodes)), "nodes": nodes, **(keys or {})}
        definition = load(
            json.dumps(content).encode(),
            place="play.ee.json",
            activities=registry.installed_activities(),
            language=registry.open_expressions,
        )
        return Rehearsal(definition, content, inputs=inputs or {}, **options)

    return rehearse


def go_through(rehearsal, base, *kinds):
    """Rehearse the places of some kinds, each from its beginning."""
    return [
        rehearse_place(rehearsal, base, place) for place in base.places if not kinds or place.kind in kinds
    ]


def count(verdicts):
    return Counter(verdict.category for verdict in verdicts)


# -- what there is to go wrong --------------------------------------------------------------------------------------


def test_each_write_attempt_and_message_is_a_place_of_its_own(rehearse):
    base = rehearse_undisturbed(rehearse({"scan": SCAN, "done": END}))

    names = [place.name for place in base.places]
    kinds = Counter(place.kind for place in base.places)
    assert len(set(names)) == len(names)
    assert set(kinds) == set(Kind)
    assert kinds[Kind.CRASH_BEFORE_WRITE] == kinds[Kind.CRASH_AFTER_WRITE] == kinds[Kind.ANSWER_LOST] == 3
    assert kinds[Kind.DIES_BEFORE] == kinds[Kind.DIES_DURING] == kinds[Kind.DIES_AFTER] == 1
    assert kinds[Kind.MESSAGE_LOST] == kinds[Kind.MESSAGE_DOUBLED] == kinds[Kind.MESSAGE_LATE]
    assert {"message-lost:jobs.execute:1", "message-lost:activity.execute:1", "message-lost:reply:1"} <= set(
        names
    )
    assert base.ending.said == "Succeeded"


@pytest.mark.parametrize("kind", Kind)
def test_the_fault_of_a_place_strikes_once_and_in_the_way_it_says(rehearse, kind):
    rehearsal = rehearse({"scan": SCAN, "done": END})
    base = rehearse_undisturbed(rehearsal)
    place = [place for place in base.places if place.kind is kind][-1]
    taken = []

    def take(asked, where):
        is_here = (asked, where) == (place.kind, place.where)
        taken.extend([where] * is_here)
        return is_here and len(taken) == 1

    run = disturb(rehearsal, base, take)

    assert set(taken) == {place.where}  # a request that was not taken comes again
    assert sum(run.hits.values()) == (0 if kind is Kind.SLOW else 1)
    assert check(run.history) == []


def test_a_command_is_never_lost_but_sent_again(rehearse):
    rehearsal = rehearse({"scan": SCAN, "done": END})
    base = rehearse_undisturbed(rehearsal)
    lost = next(place for place in base.places if place.name == "message-lost:jobs.execute:1")

    verdict, story = tell_place(rehearsal, base, lost)

    assert verdict.category is Category.SAME
    assert story.count("client: sends execute") == 2


# -- what comes of it ------------------------------------------------------------------------------------------------


def test_a_workflow_without_a_defect_has_one_outcome(rehearse):
    rehearsal = rehearse(
        {
            "both": {"parallel": ["a", "b"]},
            "a": {"activity": "noop", "with": {"output": {"n": 1}}, "next": "joined"},
            "b": {"activity": "delay", "with": {"seconds": 2}, "next": "joined"},
            "joined": {"join": "all", "next": "done"},
            "done": END,
        }
    )
    base = rehearse_undisturbed(rehearsal)

    verdicts = go_through(rehearsal, base)

    assert set(count(verdicts)) == {Category.SAME, Category.REPEATED}
    assert {node for verdict in verdicts for node in verdict.nodes} == {"a", "b"}
    findings = gather(verdicts, rehearsal.workflow)
    assert summary(base, len(verdicts), findings) == f"{len(verdicts)} places, one outcome: Succeeded"
    assert {one.cure for one in findings} == {"allowed: its type is idempotent"}


def test_an_outcome_that_depends_on_the_order_of_branches_is_found(rehearse):
    rehearsal = rehearse(RACE)
    base = rehearse_undisturbed(rehearsal)

    found = [
        verdict
        for verdict in go_through(rehearsal, base, Kind.SLOW, Kind.DIES_BEFORE)
        if verdict.category is Category.DIFFERS
    ]

    assert {verdict.place.name for verdict in found} == {"slow:quick#1", "dies-before:quick#1"}
    assert {verdict.texts for verdict in found} == {
        (
            "`enough` goes to `seen` once instead of `hurry` once",
            "`hurry`: not visited instead of Success once",
        )
    }
    [finding] = gather(found, rehearsal.workflow)
    assert finding.cure == "when its bot dies before it begins or it takes very long"
    assert "eectl x --only dies-before:quick#1" in "\n".join(tell([finding], "eectl x"))


def test_an_output_that_the_later_branch_overwrites_is_found(rehearse):
    nodes = {
        "both": {"parallel": ["a", "b"]},
        "a": {"activity": "desk.ask", "with": {"by": "a"}, "next": "set"},
        "b": {"activity": "desk.ask", "with": {"by": "b"}, "next": "set"},
        "set": {
            "activity": "desk.write",
            "with": {"count": "${nodes.a.visits + 10 * nodes.b.visits}"},
            "next": "full",
        },
        "full": {
            "exclusive": [
                {"when": "nodes.set.visits < 2", "next": "wait"},
                {"otherwise": True, "next": "done"},
            ]
        },
        "wait": {"activity": "delay", "with": {"for": "1h"}, "next": "done"},
        "done": END,
    }
    rehearsal = rehearse(nodes)
    base = rehearse_undisturbed(rehearsal)

    texts = {text for verdict in go_through(rehearsal, base, Kind.SLOW) for text in verdict.texts}

    assert any(text.startswith("`set` gives") for text in texts)


@pytest.mark.parametrize(
    ("on_lost", "category"),
    [({}, Category.ASKS), ({"on_lost": "retry"}, Category.REPEATED), ({"on_lost": "ask"}, Category.ASKS)],
)
def test_a_bot_that_dies_after_the_effect_asks_a_person_unless_the_author_wrote_otherwise(
    rehearse, on_lost, category
):
    rehearsal = rehearse({"scan": SCAN | on_lost, "done": END})
    base = rehearse_undisturbed(rehearsal)

    [verdict] = go_through(rehearsal, base, Kind.DIES_AFTER)

    assert (verdict.category, verdict.nodes) == (category, ("scan",))


def test_a_bot_that_dies_before_it_begins_is_given_the_work_again(rehearse):
    rehearsal = rehearse({"scan": SCAN, "done": END})
    base = rehearse_undisturbed(rehearsal)

    [verdict] = go_through(rehearsal, base, Kind.DIES_BEFORE)

    assert verdict.category is Category.SAME


def test_what_a_person_is_asked_is_told_once_for_all_nodes_alike(rehearse):
    nodes = {"a": SCAN | {"next": "b"}, "b": SCAN, "done": END}
    rehearsal = rehearse(nodes)
    base = rehearse_undisturbed(rehearsal)

    verdicts = go_through(rehearsal, base, Kind.DIES_DURING, Kind.DIES_AFTER)
    [finding] = gather(verdicts, rehearsal.workflow)

    assert finding.nodes == ("a", "b")
    assert (
        finding.text
        == "when its bot dies while it works or after the effect, nobody knows what the attempt did"
    )
    assert finding.cure == "not idempotent: be ready to answer, or write on_lost: retry if twice does no harm"
    assert finding.places[0] == "dies-during:a#1"
    assert len(finding.places) == 4
    assert tell_one(verdicts[0], rehearsal.workflow) == "a person is asked, as the rules want it: `a`"


def test_a_time_out_for_a_bot_that_its_death_outlasts_is_found(rehearse):
    scan = SCAN | {"timeout": {"bot": "300ms"}, "next": "second"}
    rehearsal = rehearse(
        {
            "scan": scan,
            "second": SCAN | {"bot": {"same_as": "scan"}, "timeout": {"bot": "300ms"}},
            "done": END,
        }
    )
    base = rehearse_undisturbed(rehearsal)

    verdicts = go_through(rehearsal, base, Kind.CRASH_AFTER_WRITE)

    assert any("the job: Failed (no_bot) instead of Succeeded" in verdict.texts for verdict in verdicts)


def test_work_of_the_engine_itself_is_lost_with_it(rehearse):
    post = {"activity": "http", "with": {"method": "POST", "url": "https://example.org/"}, "next": "done"}
    rehearsal = rehearse({"post": post, "done": END})
    base = rehearse_undisturbed(rehearsal)

    verdicts = go_through(rehearsal, base, Kind.DIES_DURING)

    assert [(verdict.category, verdict.texts) for verdict in verdicts] == [(Category.ASKS, ("crash",))]


def test_branches_of_one_run_find_what_runs_from_the_beginning_find(rehearse):
    rehearsal = rehearse(RACE)
    base = rehearse_undisturbed(rehearsal)
    kinds = {Kind.DIES_BEFORE, Kind.DIES_AFTER, Kind.SLOW, Kind.CRASH_AFTER_WRITE}
    places = [place for place in base.places if place.kind in kinds]

    branched = {one.place.name: one for one in rehearse_places(rehearsal, base, places, 2)}

    assert branched == {one.place.name: one for one in go_through(rehearsal, base, *kinds)}


def test_closing_the_iterator_ends_what_runs(rehearse):
    rehearsal = rehearse(RACE)
    base = rehearse_undisturbed(rehearsal)

    verdicts = rehearse_places(rehearsal, base, base.places, 2)
    first = next(verdicts)
    verdicts.close()

    assert first.place in base.places
    assert list(verdicts) == []


# -- fakes -----------------------------------------------------------------------------------------------------------


def test_a_fake_gives_what_is_stated_for_its_node_before_what_is_stated_for_its_type(rehearse):
    nodes = {"a": SCAN | {"next": "b"}, "b": SCAN | {"with": {"n": 1}}, "done": END}
    stubs = {"a": [Stub({"of": "node"})], "desk.scan": [Stub({"of": "type"})]}

    ending = rehearse_undisturbed(rehearse(nodes, stubs=stubs)).ending

    assert ending.visits["a#1"].output == {"of": "node"}
    assert ending.visits["b#1"].output == {"of": "type"}


def test_a_fake_gives_its_input_back_when_nobody_knows_better(rehearse):
    nodes = {"a": SCAN | {"with": {"n": "${inputs.n + 1}"}}, "done": END}
    keys = {"inputs": {"n": {"type": "integer"}}}

    ending = rehearse_undisturbed(rehearse(nodes, inputs={"n": 4}, keys=keys)).ending

    assert ending.visits["a#1"].output == {"n": 5}


def test_a_stated_error_is_retried_and_fails_the_job_as_it_would(rehearse):
    nodes = {"a": SCAN | {"retry": {"attempts": 3, "delay": "1s"}}, "done": END}
    stubs = {"a": [Stub(error=Error("shut", "nobody there"))]}

    base = rehearse_undisturbed(rehearse(nodes, stubs=stubs))

    assert base.ending.said == "Failed (shut)"
    attempts = [place.where for place in base.places if place.kind is Kind.DIES_DURING]
    assert attempts == ["a#1", "a#1/2", "a#1/3"]
    assert not any(place.kind is Kind.DIES_AFTER for place in base.places)


def test_a_list_has_what_successive_attempts_give_and_its_last_one_stays(rehearse):
    again = {
        "exclusive": [{"when": "nodes.a.output != 'ready'", "next": "a"}, {"otherwise": True, "next": "done"}]
    }
    nodes = {"a": SCAN | {"retry": {"attempts": 2}, "next": "again"}, "again": again, "done": END}
    busy = Stub(error=Error("busy", ""))
    stubs = {"a": [Stub([1, None]), busy, Stub({"n": 1.5}), Stub("ready")]}

    base = rehearse_undisturbed(rehearse(nodes, stubs=stubs))

    assert base.ending.said == "Succeeded"
    assert [base.ending.visits[f"a#{n}"].output for n in (1, 2, 3)] == [[1, None], {"n": 1.5}, "ready"]
    assert [place.where for place in base.places if place.kind is Kind.DIES_DURING] == [
        "a#1", "a#2", "a#2/2", "a#3",
    ]  # fmt: skip


def test_an_attempt_that_is_made_again_gets_what_it_would_have_got(rehearse):
    again = {"exclusive": [{"when": "nodes.a.output != 3", "next": "a"}, {"otherwise": True, "next": "done"}]}
    nodes = {"a": SCAN | {"on_lost": "retry", "next": "again"}, "again": again, "done": END}
    rehearsal = rehearse(nodes, stubs={"a": [Stub(1), Stub(2), Stub(3)]})
    base = rehearse_undisturbed(rehearsal)

    verdicts = go_through(rehearsal, base, Kind.DIES_DURING, Kind.DIES_AFTER, Kind.CRASH_BEFORE_WRITE)

    assert len(verdicts) > 8
    assert set(count(verdicts)) <= {Category.SAME, Category.REPEATED}


def test_no_real_activity_of_a_plugin_is_carried_out(rehearse):
    get = {
        "activity": "http",
        "with": {"method": "GET", "url": "https://no.such.host.invalid/"},
        "next": "done",
    }
    rehearsal = rehearse({"get": get, "done": END}, outputs={"http": {"status": 200}})

    assert rehearse_undisturbed(rehearsal).ending.visits["get#1"].output == {"status": 200}


def test_bots_are_made_for_whatever_is_asked_for(rehearse):
    nodes = {
        "a": SCAN | {"next": "b"},
        "b": SCAN | {"bot": {"labels": {"app": "sap"}, "pool": "north"}, "next": "c"},
        "c": SCAN | {"bot": {"id": "pc-7"}, "next": "d"},
        "d": SCAN | {"bot": {"same_as": "b"}},
        "done": END,
    }
    rehearsal = rehearse(nodes)

    bots = {bot.id: dict(bot.labels) for bot in cast_bots(rehearsal.workflow, 2)}

    assert bots == {"pc-7": {}, **{f"bot-{n}": {"app": "sap", "pool": "north"} for n in (2, 3)}}
    assert rehearse_undisturbed(rehearsal).ending.said == "Succeeded"


def test_a_long_delay_is_shortened_and_stays_longer_than_a_shorter_one(rehearse):
    nodes = {"a": {"activity": "delay", "with": {"for": "30d"}, "next": "done"}, "done": END}

    base = rehearse_undisturbed(rehearse(nodes))

    assert base.ending.visits["a#1"].output == {"seconds": 30 * 86_400.0}
    assert base.duration_s < 1200
    lengths = [shorten_s(duration_s) for duration_s in (0, 1, 59, 60, 61, 120, 3600, 86_400, 366 * 86_400)]
    assert lengths == sorted(set(lengths))


def test_an_incident_without_any_fault_is_the_workflow_s_own(rehearse):
    nodes = {
        "ask": {"activity": "desk.ask", "next": "ways"},
        "ways": {"exclusive": [{"when": "nodes.ask.output == 'yes'", "next": "done"}]},
        "done": END,
    }

    assert rehearse_undisturbed(rehearse(nodes)).ending.said == "waits for a person (NoBranchTaken)"
    stated = rehearse(nodes, stubs={"ask": [Stub("yes")]})
    assert rehearse_undisturbed(stated).ending.said == "Succeeded"


def test_a_key_that_the_later_branch_of_an_export_file_overwrites_is_found(registry):
    content = {
        "workflow": [
            {"id": "s", "Type": "Start", "pointers": [{"pointsTo": "p"}]},
            {"id": "p", "Type": "Parallel", "pointers": [{"pointsTo": "a"}, {"pointsTo": "b"}]},
            {
                "id": "a",
                "Type": "Activity",
                "name": "ask Ann",
                "activityId": "1",
                "pointers": [{"pointsTo": "j"}],
            },
            {
                "id": "b",
                "Type": "Activity",
                "name": "ask Bob",
                "activityId": "1",
                "pointers": [{"pointsTo": "j"}],
            },
            {"id": "j", "Type": "Parallel", "pointers": [{"pointsTo": "e"}]},
            {"id": "e", "Type": "End", "pointers": None},
        ]
    }
    bindings = {"1": {"activity": "desk.ask"}}
    definition = load(
        json.dumps(content).encode(),
        place="play.json",
        bindings=json.dumps(bindings).encode(),
        activities=registry.installed_activities(),
        language=registry.open_expressions,
    )
    stubs = {"ask Ann": [Stub({"colour": "red"})], "ask Bob": [Stub({"colour": "blue"})]}
    rehearsal = Rehearsal(definition, content, bindings, stubs=stubs)
    base = rehearse_undisturbed(rehearsal)

    texts = {verdict.texts for verdict in go_through(rehearsal, base, Kind.SLOW)}

    assert texts in (
        {(), ('the context\'s `colour` is "red" instead of "blue"',)},
        {(), ('the context\'s `colour` is "blue" instead of "red"',)},
    )


def test_a_workflow_that_never_ends_is_told_from_one_that_waits(rehearse):
    nodes = {
        "ask": {"activity": "delay", "with": {"seconds": 0}, "next": "again"},
        "again": {
            "exclusive": [
                {"when": "nodes.ask.visits < 0", "next": "done"},
                {"otherwise": True, "next": "ask"},
            ]
        },
        "done": END,
    }

    with pytest.raises(NoEndError):
        rehearse_undisturbed(rehearse(nodes))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {
                "type": "object",
                "properties": {"n": {"type": "integer", "minimum": 3}, "s": {}},
                "required": ["n"],
            },
            {"n": 3},
        ),
        ({"properties": {"a": {"type": "array", "items": {"type": "string"}}}}, {"a": ["text"]}),
        ({"examples": [{"status": 200}], "type": "object"}, {"status": 200}),
        ({"enum": ["red", "blue"]}, "red"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
        ({"type": ["number", "null"], "maximum": 0}, 0),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"const": None}, None),
        ({}, None),
    ],
)
def test_a_value_that_a_schema_would_take_is_made_of_it(schema, value):
    assert plausible(schema) == value
