"""Loading as a whole: traits, unknown types, and programs for stored content."""

from __future__ import annotations

import json

import pytest
from ee_cel.language import CelLanguage

from ee_core.definitions import ServedType, compile_expressions
from ee_core.errors import WorkflowError
from ee_core.local.activities import NoopActivity
from ee_core.model.compiled import compile_workflow
from ee_core.model.workflow import from_content

CALL = """\
ee: 1
name: w
start: a
nodes:
  a: {activity: http, with: {method: METHOD}, next: z}
  z: {end: succeeded}
"""


@pytest.mark.parametrize(("method", "idempotent"), [("GET", True), ("POST", False), ("'${inputs.m}'", False)])
def test_traits_are_stored_as_the_type_gives_them(load_text, method, idempotent):
    text = CALL.replace("METHOD", method).replace("start: a", "inputs: {m: {type: string}}\nstart: a")

    activity = load_text(text).workflow.nodes[0].activity

    assert (activity.stateless, activity.idempotent) == (True, idempotent)


def test_a_type_that_is_not_installed_is_stateful_and_a_warning(load_text):
    definition = load_text(CALL.replace("http", "htpp").replace("METHOD", "GET"))

    activity = definition.workflow.nodes[0].activity
    assert (activity.stateless, activity.idempotent) == (False, False)
    assert [(each.code, each.severity, each.line, each.column) for each in definition.diagnostics] == [
        ("EE-W401", "warning", 5, 17)
    ]
    assert definition.diagnostics[0].hint == "did you mean 'http'?"


def test_a_bots_word_on_its_activity_changes_no_hash_and_no_engine_hears_it(load_text, activities):
    text = CALL.replace("a: {activity: http,", "a: {activity: call, on_lost: retry,").replace("METHOD", "GET")
    known = {"call": ServedType(activities["http"])}  # stateless, and idempotent as it is asked

    here, engine = load_text(text, activities=known), load_text(text)

    assert here.hash == engine.hash
    assert [each.code for each in engine.diagnostics] == ["EE-W401", "EE-W403"]
    assert here.diagnostics == ()  # whoever has the bot's file is told nothing that it answers


def test_a_bots_activity_is_held_against_its_schema(fail_text):
    text = CALL.replace("http", "call").replace("METHOD", "GET")

    [found] = fail_text(text, activities={"call": ServedType(NoopActivity())})

    assert found.code == "EE-W411"


def test_the_same_text_has_the_same_hash_wherever_it_lies(load_text):
    text = CALL.replace("METHOD", "GET")

    assert load_text(text, "a/w.yaml").hash == load_text(text, "b/other.yaml").hash


def test_a_comment_and_the_order_of_keys_change_no_hash_and_the_order_of_nodes_does(load_text):
    text = CALL.replace("METHOD", "GET")
    other = text.replace("ee: 1\nname: w\n", "# a comment\nname: w\nee: 1\n")
    lines = text.split("\n")
    swapped = "\n".join([*lines[:4], lines[5], lines[4], ""])

    assert load_text(text).hash == load_text(other).hash
    assert load_text(text).hash != load_text(swapped).hash


def test_stored_content_compiles_again(load_text):
    text = CALL.replace("METHOD", "'${job.id}'").replace(
        "next: z", "next: [{when: nodes.a.visits > 1, next: z}, z]"
    )
    definition = load_text(text)
    stored = from_content(definition.content)

    compiled = compile_workflow(stored, definition.hash, compile_expressions(stored, CelLanguage()))

    assert compiled.programs[0][0].evaluate({"nodes.a.visits": 2}) is True
    assert compiled.templates[0].render({"job.id": "j1"}) == {"method": "j1"}


def test_a_source_that_no_longer_compiles_says_so(load_text):
    compile_source = compile_expressions(load_text(CALL.replace("METHOD", "GET")).workflow, CelLanguage())

    with pytest.raises(WorkflowError, match=r"'nodes\.gone\.visits' of workflow 'w' does not compile"):
        compile_source("nodes.gone.visits")


def test_a_large_workflow_loads_in_time(load_text):
    count = 1000
    nodes = {
        f"n{number}": {
            "activity": "noop",
            "with": {"output": f"${{nodes.n{number}.visits + {number}}}"},
            "next": f"n{number + 1}",
        }
        for number in range(count)
    }
    document = {"ee": 1, "name": "w", "start": "n0", "nodes": nodes | {f"n{count}": {"end": "succeeded"}}}

    assert len(load_text(json.dumps(document)).workflow.nodes) == count + 1
