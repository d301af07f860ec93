"""Whatever bytes come, loading answers with a definition or with a `WorkflowError`, and the form's freedoms mean nothing."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from ee_cel.language import CelLanguage
from hypothesis import given, settings
from hypothesis import strategies as st

from ee_core.definitions import load
from ee_core.errors import WorkflowError
from ee_core.local.activities import NoopActivity
from ee_core.model.workflow import from_content, to_content

if TYPE_CHECKING:
    from pathlib import Path

NATIVE = """\
ee: 1
name: w
inputs: {limit: {type: integer, default: 3}}
start: read
nodes:
  read: {activity: noop, with: {output: "${inputs.limit + 1} é"}, retry: {attempts: 2, delay: 1s}, next: fork}
  fork: {parallel: [a, b]}
  a: {activity: noop, on_error: meet, bot: {labels: {x: 'y'}}, timeout: {run: 1m}, next: meet}
  b: {exclusive: [{when: nodes.read.output == 4, next: meet}, {otherwise: true, next: meet}]}
  meet: {join: all, next: done}
  done: {end: succeeded}
""".encode()
BINDINGS = {
    "export-1-envelope.json": "bindings-1.yaml",
    "export-2-content.json": "bindings-2.yaml",
    "export-3-list.json": "bindings-3.yaml",
}


def try_load(text: bytes, place: str) -> None:
    try:
        definition = load(text, place=place, activities={"noop": NoopActivity()}, language=CelLanguage())
    except WorkflowError as error:
        assert error.diagnostics
        assert all(each.line >= 1 and each.column >= 1 for each in error.diagnostics)
    else:
        assert to_content(from_content(definition.content)) == definition.content


def seeds(data: Path) -> dict[str, bytes]:
    return {"w.yaml": NATIVE} | {name: (data / "export" / name).read_bytes() for name in BINDINGS}


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_damaged_files_are_told_or_load(data, chance: random.Random, cuts: int):
    name, text = chance.choice(sorted(seeds(data).items()))
    damaged = bytearray(text)
    for _ in range(cuts):
        at = chance.randrange(len(damaged))
        kind = chance.randrange(4)
        if kind == 0:
            del damaged[at : at + chance.randrange(1, 12)]
        elif kind == 1:
            damaged[at:at] = chance.choice(
                [b"{", b"]", b": ", b"&a ", b"\t", b"\xff", b"'", b"${", b"\n  ", b"- ", b"null", b"9"]
            )
        elif kind == 2:
            damaged[at] = chance.randrange(256)
        else:
            other = chance.randrange(len(damaged))
            damaged[at : at + 20] = damaged[other : other + 20]

    try_load(bytes(damaged), name)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["read", "noop", "all", "${x}", "", "1s", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "ee",
                    "name",
                    "start",
                    "nodes",
                    "activity",
                    "next",
                    "when",
                    "otherwise",
                    "join",
                    "parallel",
                    "workflow",
                    "content",
                    "id",
                    "Type",
                    "pointers",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_any_shape_is_told_or_loads(value):
    try_load(json.dumps(value).encode(), "w.json")
    if isinstance(value, dict):
        try_load(json.dumps({"ee": 1, "name": "w", "start": "read", "nodes": value}).encode(), "w.yaml")
        try_load(json.dumps([{"id": "read", **value}]).encode(), "w.json")


def scramble(value: Any, chance: random.Random, depth: int = 0) -> Any:
    """Change what the export form leaves free: the case of keys, the order of members, unknown ones."""
    if isinstance(value, list):
        return [scramble(item, chance, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    members = [("mystery" + str(depth), {"x": [1, None]})]
    for key, inner in value.items():
        case = chance.choice([str.lower, str.upper, str.title, str])
        changed = scramble(inner, chance, depth + 1)
        if key.lower() == "type" and isinstance(inner, str):
            changed = case(inner)
        if key == "key" and isinstance(inner, str):
            changed = case(inner)
        members.append((case(key), changed))
    chance.shuffle(members)
    return dict(members)


@pytest.mark.parametrize("name", BINDINGS)
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shape", ["list", "content", "envelope"])
def test_case_order_shape_and_unknown_members_change_no_hash(load_text, data, name, seed, shape):
    document = json.loads((data / "export" / name).read_bytes())
    bindings = (data / "export" / BINDINGS[name]).read_bytes()
    content = document.get("content", document) if isinstance(document, dict) else {"workflow": document}
    workflow = scramble(content["workflow"], random.Random(seed))
    named = {key: content[key] for key in ("name", "description", "workflowId") if key in content}
    other: Any = {**named, "WORKFLOW": workflow}
    if shape == "envelope":
        other = {"Metadata": {"by": "x"}, "CONTENT": other}
    elif shape == "list" and not named:
        other = workflow

    wanted = load_text(json.dumps(document), name, bindings=bindings)

    assert load_text(json.dumps(other), name, bindings=bindings).content == wanted.content
