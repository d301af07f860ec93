"""Expressions are compiled at load time, and a fault is told at the wrong word."""

from __future__ import annotations

import json
import re

import pytest

from ee_core.errors import PluginNotFoundError

HEAD = "ee: 1\nname: w\ninputs: {limit: {type: integer}, price: {type: number}, note: {type: string, required: false}}\n"


def workflow(text):
    return HEAD + "start: a\nnodes:\n" + text


PLACES = {  # the wrong word stands between the marks
    "quoted": "  a: {activity: noop, with: {output: '${inputs.<limt>}'}}\n",
    "doubled quotes": "  a: {activity: noop, with: {output: 'it''s ${inputs.<limt>}'}}\n",
    "escapes": '  a: {activity: noop, with: {output: "\\u00e9\\n \\x41 ${ inputs.<limt> }"}}\n',
    "literal block": "  a:\n    activity: noop\n    with:\n      output: |\n        one\n        ${inputs.<limt>} two\n",
    "folded block": "  a:\n    activity: noop\n    with:\n      output: >-\n        one\n        two ${inputs.limit +\n        inputs.<limt>} two\n",
    "end of the source": "  a:\n    activity: noop\n    with: {output: [1, [2, {x: '${1 +< >}'}]]}\n",
    "plain on two lines": "  a:\n    exclusive:\n      - when: inputs.limit >\n          inputs.<limt>\n        next: z\n",
    "escaped quotes": '  a: {exclusive: [{when: "inputs.limit <==> \\"x\\"", next: z}]}\n',
    "no condition": "  a: {exclusive: [{when: <inputs.limit>, next: z}]}\n",
    "unknown node": "  a: {exclusive: [{when: nodes.<b>.visits > 1, next: z}]}\n",
    "wide characters": "  a: {exclusive: [{when: \"'é😀' == inputs.<nte>\", next: z}]}\n",
}


@pytest.mark.parametrize("name", PLACES)
def test_a_fault_is_told_at_the_wrong_word(fail_text, name):
    before, rest = re.split(r"<(?![ =]> )", workflow(PLACES[name]), maxsplit=1)
    word, after = re.split(r"(?<=[\w =])>", rest, maxsplit=1)

    found = [
        each
        for each in fail_text(before + word + after + "  z: {end: succeeded}\n")
        if each.code == "EE-W301"
    ]

    line, column = before.count("\n") + 1, len(before) - before.rindex("\n")
    assert [(each.line, each.column, each.span) for each in found] == [(line, column, len(word))]


def test_a_fault_in_json_is_told_behind_its_escapes(fail_text):
    document = {
        "ee": 1,
        "name": "w",
        "start": "a",
        "nodes": {
            "a": {"exclusive": [{"when": 'nodes.a.visits > 1 && "é\\n" == nodes.b.x', "next": "z"}]},
            "z": {"end": "succeeded"},
        },
    }
    text = json.dumps(document)

    found = next(each for each in fail_text(text, "w.json") if each.severity == "error")

    assert (found.code, found.line, found.column) == ("EE-W301", 1, text.index("nodes.b") + 7)
    assert found.message == "expression: unknown name 'nodes.b'"


@pytest.mark.parametrize(
    ("when", "word", "cure"),
    [
        ("inputs.limit =< 3", "=<", "<="),
        ("inputs.limit => 3", "=>", ">="),
        ("inputs.limit <> 3", "<>", "!="),
        ("inputs.limit > 3 & inputs.limit < 9", "&", "&&"),
        ("not has(inputs.note)", "not", "!"),
    ],
)
def test_what_other_languages_write_in_a_condition_is_told_with_its_cure(fail_text, when, word, cure):
    [found] = fail_text(
        workflow(
            f"  a: {{exclusive: [{{when: '{when}', next: z}}, {{otherwise: true, next: z}}]}}\n  z: {{end: succeeded}}\n"
        )
    )

    assert found.message == f"expression: unknown operator {word!r}"
    assert found.hint == f"did you mean {cure!r}?"
    assert found.shown[found.column - 1 :][: found.span] == word


def test_a_condition_in_braces_is_told_to_leave_them_out(fail_text):
    [found] = fail_text(
        workflow(
            "  a: {exclusive: [{when: '${inputs.limit > 3}', next: z}, {otherwise: true, next: z}]}\n  z: {end: succeeded}\n"
        )
    )

    assert found.hint == "a condition is an expression already: leave ${ } out"


def test_outputs_are_declared_for_activities_only(fail_text):
    found = fail_text(
        workflow(
            "  a: {activity: noop, next: b}\n  b: {exclusive: [{when: nodes.b.output.x, next: z}, z]}\n  z: {end: succeeded}\n"
        )
    )

    assert "'nodes.b.output'" in found[0].message


def test_an_input_that_may_be_null_and_a_number_take_any_comparison(load_text):
    text = "  a: {exclusive: [{when: inputs.note == null || inputs.price > 1 && inputs.price == 2.5, next: z}, z]}\n  z: {end: succeeded}\n"

    assert load_text(workflow(text)).diagnostics == ()


def test_the_jobs_own_fields_can_be_read(load_text):
    text = "  a: {activity: sap.post, with: {output: '${job.id + job.name + job.version + job.owner}', p: '${job.priority + 1}', l: '${job.labels.x}'}, next: z}\n  z: {end: succeeded}\n"

    assert load_text(workflow(text)).diagnostics == ()


def test_a_workflow_without_expressions_opens_no_language(load_text):
    def open_language(name):
        raise AssertionError(name)

    load_text(workflow("  a: {activity: noop, next: z}\n  z: {end: succeeded}\n"), language=open_language)


def test_a_language_that_is_not_installed_is_told_at_the_first_expression(fail_text):
    def open_language(name):
        raise PluginNotFoundError(f"expression language {name!r} is not installed")

    found = fail_text(
        workflow("  a: {exclusive: [{when: 'true', next: z}, z]}\n  z: {end: succeeded}\n"),
        language=open_language,
    )

    assert [(each.code, each.line, each.column) for each in found] == [("EE-W303", 6, 27)]
    assert "'cel' is not installed" in found[0].message


READS = {
    "on the only path": ("a", "  a: {activity: noop, next: b}\n  b: {activity: noop, with: {output: '${nodes.a.output}'}, next: z}\n", False),
    "behind a choice": ("b", "  a: {exclusive: [{when: nodes.a.visits > 3, next: b}, {otherwise: true, next: c}]}\n  b: {activity: noop, next: c}\n  c: {activity: noop, with: {output: '${nodes.b.output}'}, next: z}\n", True),
    "asked first": ("b", "  a: {exclusive: [{when: nodes.a.visits > 3, next: b}, {otherwise: true, next: c}]}\n  b: {activity: noop, next: c}\n  c: {activity: noop, with: {output: '${has(nodes.b.output) ? nodes.b.output : 0}'}, next: z}\n", False),
    "both branches joined": ("b", "  a: {parallel: [b, c]}\n  b: {activity: noop, next: j}\n  c: {activity: noop, next: j}\n  j: {join: reachable, next: d}\n  d: {activity: noop, with: {output: ['${nodes.b.output}', '${nodes.c.output}']}, next: z}\n", False),
    "one of two is enough": ("b", "  a: {parallel: [b, c]}\n  b: {activity: noop, next: j}\n  c: {activity: noop, next: j}\n  j: {join: 1, next: d}\n  d: {activity: noop, with: {output: '${nodes.b.output}'}, next: z}\n", True),
    "a sibling": ("b", "  a: {parallel: [b, c]}\n  b: {activity: noop, next: j}\n  c: {activity: noop, with: {output: '${nodes.b.output}'}, next: j}\n  j: {join: all, next: z}\n", True),
    "its own condition": ("a", "  a: {activity: noop, next: [{when: nodes.a.output.x, next: z}, {otherwise: true, next: z}]}\n", False),
    "behind its failure": ("a", "  a: {activity: noop, on_error: b, next: c}\n  b: {activity: noop, next: c}\n  c: {activity: noop, with: {output: '${nodes.a.output}'}, next: z}\n", True),
    "where its error leads away": ("a", "  a: {activity: noop, on_error: z, next: c}\n  c: {activity: noop, with: {output: '${nodes.a.output}'}, next: z}\n", False),
    "behind one that may fail": ("a", "  a: {activity: noop, fail_job: false, next: c}\n  c: {activity: noop, with: {output: '${nodes.a.output}'}, next: z}\n", True),
    "its error behind its failure": ("a", "  a: {activity: noop, on_error: b, next: z}\n  b: {activity: noop, with: {output: '${nodes.a.error}'}, next: z}\n", False),
    "again after its failure": ("a", "  a: {activity: noop, on_error: b, next: c}\n  b: {activity: noop, next: a}\n  c: {activity: noop, with: {output: '${nodes.a.output}'}, next: z}\n", False),
    "its own input": ("a", "  a: {activity: noop, with: {output: '${nodes.a.output}'}, next: z}\n", True),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_reading_a_node_that_may_be_missing_is_a_warning(load_text, name):
    read, text, warns = READS[name]

    found = [
        each
        for each in load_text(workflow(text + "  z: {end: succeeded}\n")).diagnostics
        if each.code == "EE-W304"
    ]

    assert len(found) == warns
    assert all(f"nodes.{read}.output" in each.message for each in found)


@pytest.mark.parametrize(
    ("kind", "when", "said"),
    [
        ("exclusive", "1 > 2", "the condition is always false, so its pointer is never followed"),
        ("inclusive", "false", "the condition is always false, so its pointer is never followed"),
        ("exclusive", "true", "the condition is always true, so no pointer behind it is ever followed"),
        ("inclusive", "true", ""),
        ("exclusive", "nodes.a.visits > 1", ""),
        ("exclusive", "1 / 0 > 1", ""),  # told at run time
    ],
)
def test_a_condition_that_reads_nothing_is_told_when_a_pointer_is_useless_by_it(load_text, kind, when, said):
    text = f"  a: {{activity: noop, next: c}}\n  c: {{{kind}: [{{when: '{when}', next: z}}, {{otherwise: true, next: a}}]}}\n  z: {{end: succeeded}}\n"

    found = load_text(workflow(text)).diagnostics

    assert [(each.code, each.severity, each.message) for each in found] == (
        [("EE-W305", "warning", said)] if said else []
    )
    assert [each.shown[each.column - 1 :][: each.span] for each in found] == ([when] if said else [])
