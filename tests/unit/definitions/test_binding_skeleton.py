"""Bindings to fill in: an entry for each activity id, and nothing of an existing file is touched."""

from __future__ import annotations

import json

import pytest

from ee_core.definitions.binding_skeleton import PLACEHOLDER, add_bindings
from ee_core.definitions.source import read
from ee_core.errors import InputError, WorkflowError

NODES = [
    {"id": "s", "pointers": [{"pointsTo": "a"}]},
    {
        "id": "a",
        "type": "Activity",
        "name": "read\nit",
        "activityId": "Id-1",
        "pointers": [{"pointsTo": "b"}],
    },
    {"id": "b", "type": "Activity", "activityId": "id-1", "pointers": [{"pointsTo": "c"}]},
    {
        "id": "c",
        "type": "Activity",
        "name": "write",
        "activityId": "an id: {odd}",
        "pointers": [{"pointsTo": "e"}],
    },
    {"id": "e", "type": "End"},
]


@pytest.fixture
def workflow(load_text):
    return load_text(json.dumps(NODES)).workflow


def test_a_new_file_has_an_entry_for_each_id_with_the_names_of_its_nodes(workflow):
    made = add_bindings(workflow, None, "b.yaml")

    assert made.added == ("Id-1", "an id: {odd}")
    assert made.text == (
        "# read it\n# b\nId-1:\n  activity: CHANGE.ME # the activity type that does it\n  # with: {}\n  # bot: {pool: ...}\n"
        '\n# write\n"an id: {odd}":\n  activity: CHANGE.ME # the activity type that does it\n'
        "  # with: {}\n  # bot: {pool: ...}\n"
    )


@pytest.mark.parametrize(
    "existing",
    [
        "# mine\nID-1:   {activity:  log, with: {text: hi}} # keep\nother: {activity: noop}",
        "ID-1:\n  activity: log\n  with: {text: hi}\n\n# the end\n",
        "ID-1:\n  activity: log\n  with:\n    text: |+\n      hi\n\n",
        "",
        "# nothing yet\n",
    ],
)
def test_an_existing_file_is_continued_letter_by_letter(load_text, workflow, existing):
    made = add_bindings(workflow, existing.encode(), "b.yaml")

    assert made.text.startswith(existing)
    assert made.added == (("an id: {odd}",) if "ID-1" in existing else ("Id-1", "an id: {odd}"))
    bound = load_text(json.dumps(NODES), bindings=made.text.encode()).workflow
    assert [node.activity.type for node in bound.nodes[1:4]] == (
        ["log", "log", PLACEHOLDER] if "ID-1" in existing else [PLACEHOLDER] * 3
    )
    again = add_bindings(workflow, made.text.encode(), "b.yaml")
    assert (again.text, again.added) == (made.text, ())


def test_a_file_in_json_stays_json(workflow):
    made = add_bindings(workflow, b'{"id-1": {"activity": "noop"}}', "b.json")

    assert json.loads(made.text) == {"id-1": {"activity": "noop"}, "an id: {odd}": {"activity": PLACEHOLDER}}


@pytest.mark.parametrize("existing", [b"[]", b"text", b"id-1: {activity: noop}\n..."])
def test_a_file_that_nothing_can_be_added_to_is_left(workflow, existing):
    with pytest.raises((InputError, WorkflowError)):
        add_bindings(workflow, existing, "b.yaml")


def test_what_is_written_reads_as_bindings(workflow):
    text = add_bindings(workflow, None, "b.yaml").text

    assert read(text.encode(), "b.yaml").plain() == {
        "Id-1": {"activity": PLACEHOLDER},
        "an id: {odd}": {"activity": PLACEHOLDER},
    }
