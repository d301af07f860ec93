"""The platform's export form, in the mixtures of case and shape that it comes in."""

from __future__ import annotations

import json

import pytest

from ee_core.model.workflow import NodeKind, content_hash, from_content

FILES = {
    "export-1-envelope.json": ("bindings-1.yaml", "orders wf"),
    "export-2-content.json": ("bindings-2.yaml", "32cfb2b5-711d-4766-a6d0-acfdb25fe574"),
    "export-3-list.json": ("bindings-3.yaml", "9c25e0e8-b402-493e-8086-1ed07b7891b0"),
    "odd-cases.json": ("bindings-odd-cases.yaml", "odd cases"),
    "numbers-and-notes.json": (None, "1"),
    "yaml-export.yaml": (None, "by hand"),
    "minimal.json": (None, "only"),
}


@pytest.fixture
def load_file(data, load_text):
    def load_it(name):
        bindings = FILES[name][0]
        return load_text(
            (data / "export" / name).read_bytes(),
            name,
            bindings=(data / "export" / bindings).read_bytes() if bindings else None,
        )

    return load_it


def one(node, **members):
    """An export of a start, a node and an end."""
    document = [
        {"id": "s", "pointers": [{"pointsTo": "n"}]},
        {"id": "n", "pointers": [{"pointsTo": "e"}], **node, **members},
        {"id": "e", "Type": "End", "pointers": []},
    ]
    return json.dumps(document)


@pytest.mark.parametrize("name", FILES)
def test_a_file_loads_and_hashes_stably(load_file, name):
    first, second = load_file(name), load_file(name)

    assert first.workflow.name == FILES[name][1]
    assert first.hash == second.hash == content_hash(first.content)
    assert from_content(first.content) == first.workflow
    assert first.workflow.scope == "export"
    assert first.workflow.open_inputs


def test_the_hashes_of_the_samples_do_not_change(load_file):
    # A change here changes what running jobs are called: it needs a new `format` in the content.
    assert {name: load_file(name).hash[:12] for name in FILES} == {
        "export-1-envelope.json": "0dfaa3381560",
        "export-2-content.json": "4ba3f629b7e0",
        "export-3-list.json": "661dba89e4d8",
        "odd-cases.json": "af8919337d57",
        "numbers-and-notes.json": "e3651f62656a",
        "yaml-export.yaml": "59ca02a5e9d8",
        "minimal.json": "c9454067a59f",
    }


def test_the_file_that_a_workflow_lies_in_gives_it_no_name(load_text, data):
    text = (data / "export" / "export-3-list.json").read_bytes()

    assert load_text(text, "a.json").hash == load_text(text, "the command's workflow").hash


def test_an_envelope_leaves_out_what_takes_no_part_and_keeps_it_beside(load_file, data):
    definition = load_file("export-1-envelope.json")

    assert [node.kind for node in definition.workflow.nodes] == ["start", "end", "activity"]
    activity = definition.workflow.nodes[2]
    assert activity.name == 'read <the "order"> £ & more '
    assert (activity.activity.type, activity.activity.fail_job) == ("noop", False)
    assert definition.extras["document"] == json.loads(
        (data / "export" / "export-1-envelope.json").read_bytes()
    )
    assert definition.diagnostics == ()


def test_drawing_data_and_unknown_members_are_not_hashed(load_text):
    plain = one({"Type": "Trigger", "parameters": [{"key": "url", "value": "http://a"}]})
    drawn = json.loads(plain)
    drawn[1]["loc"], drawn[1]["mystery"] = "1 2", {"x": [1]}
    whole = {"metadata": {"by": "me"}, "content": {"nodeDataArray": [1, 2], "workflow": drawn}}

    assert load_text(plain, "n.json").hash == load_text(json.dumps(whole), "n.json").hash


def test_a_fork_and_its_join_are_told_apart(load_file):
    definition = load_file("export-2-content.json")

    assert [node.kind for node in definition.workflow.nodes if node.kind in {"parallel", "join"}] == [
        "parallel",
        "join",
    ]
    assert definition.workflow.start == "905ef80c-fff3-4212-bcec-78c850ab878d"
    decide = next(node for node in definition.workflow.nodes if node.name == "decide")
    assert decide.kind is NodeKind.INCLUSIVE
    assert [pointer.when for pointer in decide.pointers] == [
        "amount <= 1000 && inStock == true",
        "amount > 1000 || inStock == false",
    ]


def test_a_trigger_becomes_an_http_activity(load_file):
    definition = load_file("export-3-list.json")

    notify = next(node for node in definition.workflow.nodes if node.name == "notify")
    assert notify.activity.type == "http"
    assert notify.activity.input == {
        "method": "POST",
        "url": "http://127.0.0.1:18080/hook",
        "await_response": True,
    }


def test_keys_and_types_are_read_in_any_case(load_file):
    definition = load_file("odd-cases.json")

    found = {node.id: node for node in definition.workflow.nodes}
    assert [node.kind for node in found.values()] == [
        "start", "parallel", "activity", "activity", "join", "inclusive", "activity", "end",
    ]  # fmt: skip
    assert found["s"].name == "Anfang"
    assert found["a"].name == 'eins "zwei" — ☃'
    assert (found["a"].activity.type, found["a"].activity.fail_job) == ("noop", False)
    assert found["b"].activity.stateless
    assert [pointer.when for pointer in found["pick"].pointers] == ["", "context[\"due date\"] == 'now'"]
    assert (found["c"].activity.bot.pool, found["c"].activity.retry.attempts) == ("erp", 2)


def test_parameters_of_a_trigger_mean_what_they_say(load_file):
    definition = load_file("numbers-and-notes.json")

    start, call, end = definition.workflow.nodes
    assert (start.id, call.id) == ("1", "2")
    assert end.name == "Ende der Straße"
    assert call.pointers[0].to == end.id
    assert not call.activity.fail_job
    assert call.activity.input == {
        "method": "PUT",
        "url": "https://example.org/$${id}",
        "await_response": False,
        "headers": {"x-a": "1"},
        "json": {"a": ["$${b}"]},
    }


@pytest.mark.parametrize("kind", [None, "", "Start", "START"])
def test_a_node_without_a_type_is_a_start(load_text, kind):
    text = json.dumps(
        [{"id": "s", "Type": kind, "pointers": [{"pointsTo": "e"}]}, {"id": "e", "type": "end"}]
    )

    assert load_text(text).workflow.start == "s"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(True, True), (False, False), ("true", True), ("False", False), (0, False), ("", True), (None, True)],
)
def test_fail_on_error_may_be_text(load_text, value, wanted):
    text = one(
        {"Type": "Activity", "parameters": [{"key": "failOnError", "type": "boolean", "value": value}]}
    )

    assert load_text(text).workflow.nodes[1].activity.fail_job is wanted


def test_a_parallel_that_a_node_outside_points_at_is_no_join(load_text):
    document = [
        {"id": "s", "pointers": [{"pointsTo": "p"}]},
        {"id": "outside", "Type": "Activity", "pointers": [{"pointsTo": "s"}, {"pointsTo": "p"}]},
        {"id": "p", "Type": "Parallel", "pointers": [{"pointsTo": "e"}]},
        {"id": "e", "Type": "End"},
    ]

    assert load_text(json.dumps(document)).workflow.nodes[2].kind is NodeKind.PARALLEL


def test_activities_without_bindings_load_with_a_warning(load_text):
    definition = load_text(one({"Type": "Activity", "activityId": "abc"}))

    activity = definition.workflow.nodes[1].activity
    assert (activity.type, activity.unbound) == ("", "abc")
    assert [(each.code, each.severity) for each in definition.diagnostics] == [("EE-W233", "warning")]


FAULTS = {
    "two starts": ([{"id": "a", "pointers": [{"pointsTo": "e"}]}, {"id": "b", "pointers": [{"pointsTo": "e"}]}, {"id": "e", "Type": "End"}], "EE-W103", "second start"),
    "no start": ([{"id": "e", "Type": "End"}], "EE-W101", "no start"),
    "dangling pointer": ([{"id": "s", "pointers": [{"pointsTo": "x"}]}, {"id": "e", "Type": "End"}], "EE-W105", "'x'"),
    "same id twice": ([{"id": "s", "pointers": [{"pointsTo": "e"}]}, {"id": "e", "Type": "End"}, {"id": "e", "Type": "End"}], "EE-W104", "'e'"),
    "pointer to nowhere": ([{"id": "s", "pointers": [{"pointsTo": ""}]}], "EE-W225", "leads nowhere"),
    "node without id": ([{"id": "s", "pointers": []}, {"Type": "End"}], "EE-W222", "no id"),
    "node that is none": ([{"id": "s", "pointers": []}, 5], "EE-W222", "a number"),
    "no nodes": ([], "EE-W221", "no nodes"),
    "unknown type": ([{"id": "s", "pointers": []}, {"id": "x", "Type": "Activty"}], "EE-W223", "'Activty'"),
    "two types": ([{"id": "s", "Type": "Start", "type": "End"}], "EE-W226", "two types"),
    "trigger without url": ([{"id": "s", "pointers": [{"pointsTo": "t"}]}, {"id": "t", "Type": "Trigger", "parameters": []}], "EE-W224", "no parameter url"),
    "connector astray": ([{"id": "s", "pointers": [{"pointsTo": "e"}]}, {"id": "c", "Type": "ConnectorStart", "pointers": [{"pointsTo": "e"}]}, {"id": "e", "Type": "End"}], "EE-W224", "must point at the start"),
    "pointer at a label": ([{"id": "s", "pointers": [{"pointsTo": "l"}]}, {"id": "l", "Type": "Label"}], "EE-W105", "'l'"),
    "truth": ([{"id": "s", "pointers": [{"pointsTo": "a"}]}, {"id": "a", "Type": "Activity", "parameters": [{"key": "FailOnError", "value": "perhaps"}]}], "EE-W224", "'perhaps'"),
    "pointers that are none": ([{"id": "s", "pointers": {"pointsTo": "e"}}], "EE-W203", "expected a list"),
    "expression": ([{"id": "s", "pointers": [{"pointsTo": "e", "expression": "amount >"}]}, {"id": "e", "Type": "End"}], "EE-W301", "ends too early"),
    "idle cycle": ([{"id": "s", "pointers": [{"pointsTo": "x"}]}, {"id": "x", "Type": "Exclusive", "pointers": [{"pointsTo": "x"}]}], "EE-W110", "no activity"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_by_name(fail_text, name):
    document, code, word = FAULTS[name]

    errors = [each for each in fail_text(json.dumps(document), "w.json") if each.severity == "error"]

    assert [each.code for each in errors] == [code]
    assert word in errors[0].message


def test_the_hook_may_know_more_types(load_text, fail_text):
    from ee_core.definitions import expand_node
    from ee_core.model.workflow import Activity, Node

    def expand(node, workflow):
        if node.kind != "Robot":
            return expand_node(node, workflow)
        inner = Node(
            id="other", kind=NodeKind.ACTIVITY, activity=Activity(type="noop"), pointers=node.pointers
        )
        return (inner,)

    text = one({"Type": "Robot", "speed": 3})

    definition = load_text(text, expand=expand)
    assert [(node.id, node.kind) for node in definition.workflow.nodes] == [
        ("s", "start"),
        ("n", "activity"),
        ("e", "end"),
    ]
    assert definition.workflow.nodes[1].activity.idempotent
    assert fail_text(text)[0].code == "EE-W223"


def test_a_hook_that_raises_is_told_with_the_node(fail_text):
    def expand(node, workflow):
        raise KeyError("speed")

    found = fail_text(one({"Type": "Robot"}), expand=expand)

    assert (found[0].code, "KeyError('speed')" in found[0].message) == ("EE-W224", True)
