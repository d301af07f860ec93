"""From one form to the other and back: the same executable part, and nothing that was kept beside is lost."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from ee_cel.language import CelLanguage

from ee_core.contracts.expression import Names
from ee_core.definitions.bare_words import map_expressions, to_bare_words
from ee_core.definitions.conversion import to_export, to_native
from ee_core.definitions.layout import write_native, write_other
from ee_core.definitions.source import read
from ee_core.local.activities import DelayActivity, LogActivity, NoopActivity
from ee_core.model.workflow import NodeKind

SEEDS = range(60)
PAIRS = [
    ("export-1-envelope.json", "bindings-1.yaml"),
    ("export-2-content.json", "bindings-2.yaml"),
    ("export-3-list.json", "bindings-3.yaml"),
    ("odd-cases.json", "bindings-odd-cases.yaml"),
    ("minimal.json", None),
    ("numbers-and-notes.json", None),
    ("yaml-export.yaml", None),
]


@pytest.fixture
def activities():
    return {each.name: each for each in (NoopActivity(), DelayActivity(), LogActivity())} | {
        "http": Anything("http")
    }


class Anything(NoopActivity):
    """Takes any input."""

    input_schema = None

    def __init__(self, name):
        self.name = name


@pytest.fixture
def reload(load_text):
    """What loads plain documents."""

    def reload(document: Any, bindings: Any = None):
        given = {} if bindings is None else {"bindings": json.dumps(bindings).encode()}
        return load_text(json.dumps(document), "w", **given)

    return reload


def make_native_document(seed: int) -> dict[str, Any]:
    """A sound workflow made by chance: each node leads further on, all come to the end."""
    chance = random.Random(seed)
    count = chance.randint(1, 8)
    names = [f"n{number}" for number in range(count)] + ["done"]

    def later(number: int) -> str:
        return chance.choice(names[number + 1 :])

    def pointers(number: int) -> list[Any]:
        read = f"nodes.n{number}.visits" if chance.random() < 0.2 else "inputs.n"
        some = [{"when": f"{read} > {place}", "next": later(number)} for place in range(chance.randint(1, 2))]
        return [*some, {"otherwise": True, "next": names[number + 1]}]

    nodes: dict[str, Any] = {}
    for number in range(count):
        kind = chance.choice(["activity", "activity", "parallel", "exclusive", "inclusive", "join"])
        if kind == "activity":
            made = {"activity": chance.choice(["noop", "pc.work"]), "next": names[number + 1]}
            if chance.random() < 0.5:
                made["with"] = {
                    "output": {"text": '${inputs.n} is ${string(inputs.n)} "it\'s"', "n": [1, None, 2.5]}
                }
            if chance.random() < 0.3:
                made |= {
                    "retry": {"attempts": 3, "delay": "1500ms"},
                    "fail_job": False,
                    "timeout": {"run": "90s"},
                }
            if chance.random() < 0.3:
                made |= {"next": pointers(number), "on_error": later(number), "name": f"Node: {number} # é"}
        elif kind == "parallel":
            made = {"parallel": [names[number + 1], later(number)]}
        elif kind == "join" and number:
            made = {"join": chance.choice(["reachable", "all", 1]), "next": names[number + 1]}
        else:
            made = {"inclusive" if kind == "join" else kind: pointers(number)}
        nodes[names[number]] = made
    nodes["done"] = {"end": chance.choice(["succeeded", "failed"])}
    inputs = {"n": {"type": "integer", "default": 3}}
    return {"ee": 1, "name": "made", "version": seed, "inputs": inputs, "start": "n0", "nodes": nodes}


def with_drawing(document: dict[str, Any]) -> dict[str, Any]:
    """The export document of a workflow as an editor would have it: drawing data everywhere, and no native document."""
    document = copy.deepcopy(document)
    del document["content"]["native"]
    for place, node in enumerate(document["content"]["workflow"]):
        node |= {"position": {"x": place, "y": 2.5}, "Odd": [place]}
        for pointer in node["pointers"]:
            pointer["line"] = {"bend": place}
    document["content"]["workflow"].append(
        {"id": "note", "Type": "Label", "text": "a note", "pointers": None}
    )
    return document


def stripped(document: Any) -> list[Any]:
    """What of an export document is no part of the workflow."""
    nodes = document["content"]["workflow"]
    return [(node["id"], node.get("position"), node.get("Odd")) for node in nodes]


@pytest.mark.parametrize("seed", SEEDS)
def test_native_to_export_to_native_is_the_same_document(reload, seed):
    document = make_native_document(seed)
    definition = reload(document)

    there = to_export(definition, document, reload)
    exported = reload(there.document, there.bindings)
    back = to_native(exported, there.document, there.bindings, reload)

    assert back.document == document
    assert back.notes == []
    assert reload(back.document).hash == definition.hash


@pytest.mark.parametrize("seed", SEEDS)
def test_an_export_document_comes_back_as_it_was_with_its_drawing(reload, seed):
    native = make_native_document(seed)
    made = to_export(reload(native), native, reload)
    document = with_drawing(made.document)
    definition = reload(document, made.bindings)

    there = to_native(definition, document, made.bindings, reload)
    read_again = read(write_native(there.document).encode(), "w.yaml").plain()
    back = to_export(reload(read_again), read_again, reload)

    assert read_again == there.document
    assert (back.document, back.bindings, back.notes) == (document, made.bindings, [])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_workflow_that_was_changed_keeps_the_drawing_of_what_is_left(reload, seed):
    native = make_native_document(seed)
    made = to_export(reload(native), native, reload)
    document = with_drawing(made.document)
    there = to_native(reload(document, made.bindings), document, made.bindings, reload).document
    first = next(name for name, node in there["nodes"].items() if "end" not in node)
    there["nodes"][first]["description"] = "changed"
    there["nodes"]["new"] = {"activity": "noop", "with": {"output": 1}, "next": first}
    start = there["start"]
    if "inclusive" in there["nodes"][start]:
        there["nodes"][start]["inclusive"].append("new")
    changed = reload(there)

    back = to_export(changed, there, reload)

    again = reload(back.document, back.bindings)
    assert stripped(back.document)[: len(stripped(document))] == stripped(document)
    assert back.document["content"]["workflow"][-1]["id"] == "new"
    ids = there["kept"]["ids"]
    assert shape(again.workflow) == shape(changed.workflow, ids, again.workflow.start)


def shape(workflow, ids=None, start=None):
    """What a workflow does, by ids of the export form."""
    ids = ids or {}
    found = {}
    for node in workflow.nodes:
        name = ids.get(node.id, node.id)
        kind = NodeKind.INCLUSIVE if node.kind is NodeKind.START else node.kind
        to = [(ids.get(each.to, each.to), each.when) for each in node.pointers]
        found[name] = (
            kind,
            node.description,
            to,
            node.activity and (node.activity.type, node.activity.input),
        )
    return found


@pytest.mark.parametrize(("name", "bindings"), PAIRS, ids=[name for name, _ in PAIRS])
def test_each_sample_comes_back_as_it_was_and_runs_in_the_native_form(
    load_text, reload, data, name, bindings
):
    text = (data / "export" / name).read_bytes()
    document = read(text, name).plain()
    bound = read((data / "export" / bindings).read_bytes(), bindings).plain() if bindings else None
    definition = reload(document, bound)

    there = to_native(definition, document, bound, reload)
    native = load_text(write_native(there.document), "w.yaml")
    back = to_export(native, there.document, reload)

    assert back.document == document
    assert reload(back.document, back.bindings).hash == definition.hash
    ids = there.document["kept"]["ids"]
    reached = shape(native.workflow, {name: node for node, name in to_ours(definition, ids).items()})
    exported = shape(definition.workflow)
    assert {node: each[2] for node, each in reached.items()} == {node: exported[node][2] for node in reached}


def to_ours(definition, ids):
    """Per id that a workflow has for a node, the native one."""
    written = definition.extras["ids"]
    return {
        node.id: name
        for node in definition.workflow.nodes
        for name, theirs in ids.items()
        if written.get(node.id, node.id) == theirs
    }


def test_the_native_document_inside_is_not_used_when_the_nodes_have_changed(reload):
    document = make_native_document(1)
    there = to_export(reload(document), document, reload).document
    there["content"]["workflow"][0]["description"] = "changed"

    back = to_native(reload(there), there, None, reload)

    assert back.document["scope"] == "export"
    assert "older than the nodes" in back.notes[0]


def test_what_the_export_form_has_no_words_for_is_noted(reload):
    document = make_native_document(1)
    document["on_failure"] = "finish"
    document["nodes"] = {
        "n0": {"activity": "noop", "on_error": "both", "next": "fork"},
        "fork": {"parallel": ["a", "both"]},
        "a": {"activity": "noop", "next": [{"when": "nodes.n0.visits > inputs.n", "next": "both"}, "both"]},
        "both": {"join": "all", "next": "bad"},
        "bad": {"end": "failed"},
    }

    notes = to_export(reload(document), document, reload).notes

    assert notes == [
        "the types and defaults of the inputs are left out: n",
        "on_failure: finish is left out",
        "node 'n0': on_error: both is left out",
        "node 'a': nodes.n0.visits in 'nodes.n0.visits > inputs.n' has no words in this form; change the expression by hand",
        "node 'a': 'nodes.n0.visits > inputs.n' is written as 'nodes.n0.visits > n', which the last output with that key"
        " answers",
        "node 'both': join: all is left out; it waits for what can still come",
        "node 'bad': end: failed is left out; the job ends as succeeded",
    ]


def test_a_choice_of_the_first_that_is_true_is_written_as_conditions_that_exclude_each_other(reload):
    choice = [
        {"when": "inputs.n > 2", "next": "a"},
        {"when": "inputs.n > 1 || inputs.n < 0", "next": "b"},
        {"otherwise": True, "next": "c"},
    ]
    nodes = {"s": {"exclusive": choice}, **{name: {"end": "succeeded"} for name in "abc"}}
    document = {"ee": 1, "name": "w", "inputs": {"n": {"type": "integer"}}, "start": "s", "nodes": nodes}

    made = to_export(reload(document), document, reload).document

    conditions = [each["expression"] for each in made["content"]["workflow"][1]["pointers"]]
    language = CelLanguage()
    for n in range(-2, 5):
        taken = [
            language.compile(each, Names({"context": "map"}, open=True)).evaluate(
                {"n": n, "context": {"n": n}}
            )
            for each in conditions
        ]
        first = 0 if n > 2 else 1 if n > 1 or n < 0 else 2
        assert taken == [place == first for place in range(3)]


@pytest.mark.parametrize(
    ("source", "made", "lost"),
    [
        ("inputs.n > 1", "n > 1", []),
        ("nodes.read.output.body.total < inputs.limit", "body.total < limit", []),
        ("has(nodes.a.output.sum) && nodes.a.output.sum > 1", "has(context.sum) && sum > 1", []),
        ("has(nodes.a.output.sum.x)", "has(sum.x)", []),
        ("inputs.package", 'context["package"]', []),
        ("'inputs.n' + \"nodes.a.output.b\" + inputs.s", "'inputs.n' + \"nodes.a.output.b\" + s", []),
        (
            "nodes.a.visits > job.priority",
            "nodes.a.visits > job.priority",
            ["nodes.a.visits", "job.priority"],
        ),
        ("nodes.a.output", "nodes.a.output", ["nodes.a.output"]),
        ("my.inputs.n + x_inputs.n", "my.inputs.n + x_inputs.n", []),
    ],
)
def test_names_become_bare_words(source, made, lost):
    assert to_bare_words(source) == (made, lost)


def test_expressions_inside_an_input_are_changed_and_nothing_else():
    written = {"${a}": ["x ${ a } y ${b}$${c}", 5, None, "${d + '}'}"]}

    assert map_expressions(written, str.upper) == {"${a}": ["x ${ A } y ${B}$${c}", 5, None, "${D + '}'}"]}


def test_bindings_are_written_as_yaml_that_reads_back(data):
    bindings = read((data / "export" / "bindings-2.yaml").read_bytes(), "b").plain()

    assert read(write_other(bindings).encode(), "b").plain() == bindings
