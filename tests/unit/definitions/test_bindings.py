"""Bindings give an export's activity ids their activity types."""

from __future__ import annotations

import json

EXPORT = json.dumps(
    [
        {"id": "s", "pointers": [{"pointsTo": "a"}]},
        {"id": "a", "Type": "Activity", "activityId": "Order-1", "pointers": [{"pointsTo": "b"}]},
        {"id": "b", "Type": "StatelessActivity", "activityId": "order-2", "pointers": [{"pointsTo": "e"}]},
        {"id": "e", "Type": "End"},
    ]
)
BOUND = b"order-1: {activity: sap.post, with: {n: '${total + 1}'}}\nORDER-2: {activity: noop}\n"


def codes(found):
    return [(each.code, each.severity, each.file, each.line, each.column) for each in found]


def test_bindings_are_merged_and_hashed(load_text):
    bound = load_text(EXPORT, "w.json", bindings=BOUND)
    other = load_text(EXPORT, "w.json", bindings=BOUND.replace(b"+ 1", b"+ 2"))

    first, second = (node.activity for node in bound.workflow.nodes[1:3])
    assert (first.type, first.input, first.stateless, first.unbound) == (
        "sap.post",
        {"n": "${total + 1}"},
        False,
        "",
    )
    assert (second.type, second.stateless, second.idempotent) == ("noop", True, True)
    assert bound.diagnostics == ()
    assert bound.hash != other.hash


def test_bindings_may_be_json(load_text):
    text = json.dumps({"order-1": {"activity": "noop"}, "order-2": {"activity": "noop"}}).encode()

    assert load_text(EXPORT, bindings=text, bindings_place="b.json").diagnostics == ()


def test_an_id_that_is_not_bound_is_a_warning(load_text):
    found = load_text(EXPORT, "w.json", bindings=b"order-2: {activity: noop}\n").diagnostics

    assert [(each.code, each.severity) for each in found] == [("EE-W233", "warning")]
    assert "'Order-1'" in found[0].message


def test_a_binding_that_nothing_uses_is_a_warning_with_the_nearest_id(load_text):
    found = load_text(
        EXPORT, "w.json", bindings=BOUND + b"ordre-3: {activity: noop}\n", bindings_place="b.yaml"
    )

    assert codes(found.diagnostics) == [("EE-W231", "warning", "b.yaml", 3, 1)]
    assert found.diagnostics[0].hint.startswith("did you mean")


def test_empty_bindings_bind_nothing(load_text):
    for text in (b"", b"# later\n", b"{}"):
        assert len(load_text(EXPORT, "w.json", bindings=text).diagnostics) == 2


def test_a_stateless_activity_may_not_be_bound_to_a_type_that_needs_a_bot(fail_text):
    text = BOUND.replace(b"ORDER-2: {activity: noop}", b"order-2: {activity: sap.post}")

    found = fail_text(EXPORT, "w.json", bindings=text, bindings_place="b.yaml")

    assert codes(found) == [("EE-W402", "error", "b.yaml", 2, 21)]


def test_an_expression_in_a_binding_is_told_in_the_bindings_file(fail_text):
    found = fail_text(EXPORT, "w.json", bindings=BOUND.replace(b"+ 1", b"+"), bindings_place="b.yaml")

    assert codes(found) == [("EE-W301", "error", "b.yaml", 1, 51)]


def test_faults_of_bindings_are_told_by_name(fail_text):
    for text, code in [
        (b"order-1: noop\n", "EE-W203"),
        (b"order-1: {with: 1}\n", "EE-W202"),
        (b"order-1: {activity: noop, wiht: 1}\n", "EE-W201"),
        (b"- order-1\n", "EE-W203"),
        (b"order-1: &a {activity: noop}\n", "EE-W005"),
    ]:
        assert code in [each.code for each in fail_text(EXPORT, "w.json", bindings=text)]


def test_bindings_of_a_native_workflow_are_refused(fail_text):
    text = "ee: 1\nname: w\nstart: a\nnodes: {a: {end: succeeded}}\n"

    assert [each.code for each in fail_text(text, bindings=BOUND)] == ["EE-W232"]


def test_bindings_say_what_follows_a_loss(load_text):
    text = b"order-1: {activity: sap.post, on_lost: ask, lost_attempts: 2, retry: {on: [busy]}, timeout: {ask: 5s}}"

    activity = load_text(EXPORT, "w.json", bindings=text).workflow.nodes[1].activity

    assert (activity.on_lost, activity.lost_attempts, activity.retry.on) == ("ask", 2, ("busy",))
    assert activity.timeouts.ask_ms == 5000
