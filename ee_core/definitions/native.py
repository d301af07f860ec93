"""The native form: a mapping of nodes, each of the kind its one kind key names.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W201  unknown key
EE-W202  a key is missing
EE-W203  a value of another type
EE-W204  a value that is not allowed here
EE-W205  no kind key, or several
EE-W206  a name or id that is not well formed
EE-W207  not supported yet
EE-W208  a condition that is no text
EE-W209  a form that is not known
======== ==========================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from ee_core.definitions import activity
from ee_core.definitions.draft import Draft, Places
from ee_core.definitions.inputs import find_fault
from ee_core.definitions.members import CODE_TYPE, CODE_VALUE, Members, wrong_type
from ee_core.definitions.unindented import iter_indented
from ee_core.model.events import ON_ERROR
from ee_core.model.ids import NodeId
from ee_core.model.workflow import InputSpec, Node, NodeKind, Pointer, Workflow

if TYPE_CHECKING:
    from ee_core.definitions.diagnostics import Report
    from ee_core.definitions.items import Item

VERSION: Final = 1

_KEYS = ("ee", "name", "version", "description", "on_failure", "scope", "inputs", "start", "nodes", "kept")
_INPUT_KEYS = ("type", "required", "default", "description")
_COMMON = ("name", "description")
_KINDS: Final = {
    "activity": (*_COMMON, *activity.KEYS, "on_error", "fail_job", "next"),
    "parallel": (*_COMMON, "parallel"),
    "join": (*_COMMON, "join", "next"),
    "exclusive": (*_COMMON, "exclusive"),
    "inclusive": (*_COMMON, "inclusive"),
    "end": (*_COMMON, "end"),
}
_UNSUPPORTED: Final = ("hold",)  # a word that is kept for later, and never proposed
# Words of other engines' files that no key is near to, or another key than the one that is meant.
_MEANT: Final = {
    **dict.fromkeys(("then", "to", "goto", "target", "transition"), "next"),
    **dict.fromkeys(("if", "condition", "case"), "when"),
    **dict.fromkeys(("else", "default"), "otherwise"),
    **dict.fromkeys(("input", "inputs", "args", "params", "parameters"), "with"),
    **dict.fromkeys(("type", "uses", "task", "call"), "activity"),
    **dict.fromkeys(("catch", "on_failure"), "on_error"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NODE_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_INPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_RESERVED = frozenset(
    {"in", "true", "false", "null"}
)  # words of expressions: nothing of that name could be read
_TYPES: Final = ("any", "string", "integer", "number", "boolean", "object", "array")

_Type = Literal["string", "integer", "number", "boolean", "object", "array", "any"]


def read_native(root: Item, report: Report) -> Draft:
    """Read a workflow; what is wrong is in the report, and the draft holds what could be read."""
    top = Members(root, "the workflow", report)
    top.check_keys(_KEYS)
    places = Places(root.text.place_at(root.start))
    _check_version(top)
    nodes = [
        _read_node(NodeId(name), item, top, places) for name, item in _named_items(top, "nodes", _NODE_ID)
    ]
    if top.require("start", "say which node comes first, as in start: read") is not None:
        places.start = top.values["start"].place
    scope = cast("Literal['native', 'export']", top.choice("scope", ("native", "export")))
    kept = top.values.get("kept")
    return Draft(
        Workflow(
            name=_read_name(top),
            start=NodeId(top.text("start")),
            nodes=tuple(nodes),
            version=_read_version(top),
            description=top.text("description"),
            inputs={
                name: _read_input(item, report) for name, item in _named_items(top, "inputs", _INPUT_NAME)
            },
            open_inputs=scope == "export",
            on_failure=cast("Literal['stop', 'finish']", top.choice("on_failure", ("stop", "finish"))),
            scope=scope,
        ),
        places,
        {"form": "native", "kept": kept.plain() if kept is not None else None},
    )


def _check_version(top: Members) -> None:
    found = top.require("ee", f"add ee: {VERSION}")
    if found is not None and (found.value != VERSION or isinstance(found.value, bool)):
        message = f"the form's version is {found.raw.strip()!r:.20}; this EE reads {VERSION}"
        top.report.error(CODE_VALUE, found.place, message, f"write ee: {VERSION}, or upgrade")


def _read_name(top: Members) -> str:
    found = top.require("name")
    name = top.text("name")
    if found is not None and isinstance(found.value, str) and not _NAME.fullmatch(name):
        hint = "use letters, digits, '_', '-' and '.', at most 64, the first a letter or digit"
        top.report.error("EE-W206", found.place, f"the name {name!r:.80} is not well formed", hint)
    return name


def _read_version(top: Members) -> str:
    found = top.values.get("version")
    if found is not None and isinstance(found.value, int) and not isinstance(found.value, bool):
        return str(found.value)
    return top.text("version")


def _named_items(top: Members, key: str, pattern: re.Pattern[str]) -> list[tuple[str, Item]]:
    usual = "a: {activity: noop, next: b}" if key == "nodes" else "folder: {type: string}"
    inner = top.mapping(key, key, f"write each under its {'id' if key == 'nodes' else 'name'}, as in {usual}")
    if inner is None:
        if key == "nodes" and key not in top.values:
            top.require(key)
        return []
    what = "node" if key == "nodes" else "input"
    for name in inner.values:
        if not pattern.fullmatch(name) or name in _RESERVED:
            letters = "small letters" if pattern is _NODE_ID else "letters"
            hint = f"use {letters}, digits and '_', at most 64, the first a letter; not {', '.join(sorted(_RESERVED))}"
            kind = "node id" if key == "nodes" else "input name"
            top.report.error(
                "EE-W206", inner.place_of(name), f"the {kind} {name!r:.80} is not well formed", hint
            )
    found = []
    for name, item, held in iter_indented(inner.item, _is_of_node if key == "nodes" else _is_of_input):
        found.append((name, item))
        if held:
            message = f"{what} {name!r} is empty, and {held[0]!r} stands as far left"
            hint = f"indent {', '.join(held)}, which belong to {name!r}" if held[1:] else "indent it"
            top.report.error(CODE_TYPE, inner.place_of(held[0]), message, hint)
    return found


def _is_of_node(key: str, item: Item) -> bool:
    """Say whether a key that stands among nodes is one of a node, and not a node's id."""
    is_node = isinstance(item.value, dict) and not _KINDS.keys().isdisjoint(item.value)
    return not is_node and any(key in keys for keys in _KINDS.values())


def _is_of_input(key: str, item: Item) -> bool:
    return key in _INPUT_KEYS and not isinstance(item.value, dict)


def _read_input(item: Item, report: Report) -> InputSpec:
    members = Members(item, "an input", report)
    if not isinstance(item.value, dict):
        wrong_type(report, item, "the input", "a mapping", "write {type: string}")
    members.check_keys(_INPUT_KEYS)
    kind = members.choice("type", _TYPES)
    default = members.values.get("default")
    spec = InputSpec(
        type=cast("_Type", kind),
        required=members.boolean("required", default=default is None),
        default=default.plain() if default is not None else None,
        description=members.text("description"),
    )
    if default is not None and spec.required:
        message = "an input with a default is never required"
        report.error(CODE_VALUE, members.place_of("required"), message, "leave one of the two out")
    if default is not None and (fault := find_fault(spec, spec.default)):
        report.error(CODE_TYPE, default.place, f"the default is {fault}")
    return spec


def _read_node(node: NodeId, item: Item, top: Members, places: Places) -> Node:
    members = Members(item, f"node {node!r}", top.report)
    places.nodes[node] = top.values["nodes"].keys[node].place
    kind = _find_kind(members, places.nodes[node])
    if kind is None:
        return Node(id=node, kind=NodeKind.ACTIVITY)
    told = (*_KINDS, *_UNSUPPORTED) if kind == "activity" else (*_KINDS,)  # a second kind has been reported
    members.check_keys(_KINDS[kind], _MEANT, told=told)
    pointers = _read_pointers(node, members, kind, places)
    return Node(
        id=node,
        kind=NodeKind(kind),
        name=members.text("name"),
        description=members.text("description"),
        pointers=pointers,
        **_read_kind(node, members, kind, places),
    )


def _find_kind(members: Members, place: Any) -> str | None:
    if not isinstance(members.item.value, dict):
        wrong_type(members.report, members.item, members.what, "a mapping")
        return None
    found = [kind for kind in _KINDS if kind in members.values]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(_KINDS)
    if found:
        message = f"{members.what} is of several kinds: {', '.join(found)}"
        members.report.error("EE-W205", members.place_of(found[1]), message, "keep one of them")
        return found[0]
    members.report.error("EE-W205", place, f"{members.what} has no kind", f"add one of {listed}")
    known = {key for keys in _KINDS.values() for key in keys}
    members.check_keys([*_KINDS, *sorted(known - _KINDS.keys())], _MEANT, told=_UNSUPPORTED)
    return None


def _read_kind(node: NodeId, members: Members, kind: str, places: Places) -> dict[str, Any]:
    """Read what belongs to a node's kind and is no pointer."""
    if kind == "activity":
        return _read_activity(node, members, places)
    if kind == "end":
        return {"outcome": members.choice("end", ("succeeded", "failed"))}
    if kind == "join":
        return {"join": _read_join(members)}
    return {}


def _read_activity(node: NodeId, members: Members, places: Places) -> dict[str, Any]:
    if "hold" in members.values:
        message = "hold is not supported yet"
        members.report.error(
            "EE-W207", members.place_of("hold"), message, "use bot: {same_as: ...} where it will do"
        )
    on_error = members.text("on_error") or None
    if on_error is not None:
        places.pointers[node, ON_ERROR] = members.values["on_error"].place
    fail_job = members.boolean("fail_job", default=True)
    return {
        "activity": activity.read_activity(members, places, node, fail_job=fail_job),
        "on_error": NodeId(on_error) if on_error else None,
    }


def _read_join(members: Members) -> str | int:
    found = members.values["join"].value
    if isinstance(found, int) and not isinstance(found, bool):
        return members.whole("join", 1, least=1, most=10_000)
    return members.choice("join", ("reachable", "all"))


def _read_pointers(node: NodeId, members: Members, kind: str, places: Places) -> tuple[Pointer, ...]:
    key = kind if kind in {"parallel", "exclusive", "inclusive"} else "next"
    found = members.values.get(key)
    if found is None or key not in _KINDS[kind]:
        return ()
    if key == "next" and isinstance(found.value, str):
        return (_point(node, 0, found, places),)
    if not isinstance(found.value, list) or not found.value:
        expected = "a node id or a list" if key == "next" else "a list"
        wrong_type(members.report, found, key, f"{expected} that is not empty", _as_list(found, key))
        return ()
    # A parallel follows every pointer, so it has nothing to say about each.
    only_names = kind == "parallel"
    read = (
        _read_pointer(node, slot, item, members, places, only_names) for slot, item in enumerate(found.value)
    )
    return tuple(pointer for pointer in read if pointer is not None)


def _as_list(found: Item, key: str) -> str:
    """Return how to write as a list what is none."""
    if isinstance(found.value, dict) and key != "parallel":
        return "begin each pointer with a dash, as in - otherwise: true"
    names = re.split(r"[,;\s]+", found.value) if isinstance(found.value, str) else []
    is_of_ids = key == "parallel" and bool(names) and all(map(_NODE_ID.fullmatch, names))
    return f"write parallel: [{', '.join(names)}]" if is_of_ids else ""


def _point(
    node: NodeId, slot: int, target: Item, places: Places, when: str = "", otherwise: bool = False
) -> Pointer:
    places.pointers[node, slot] = target.place
    return Pointer(to=NodeId(str(target.value)), when=when, otherwise=otherwise)


def _read_pointer(
    node: NodeId, slot: int, item: Item, members: Members, places: Places, only_names: bool
) -> Pointer | None:
    if isinstance(item.value, str):
        return _point(node, slot, item, places)
    if only_names or not isinstance(item.value, dict):
        expected = "a node id" if only_names else "a node id, {when, next} or {otherwise, next}"
        wrong_type(members.report, item, "a pointer", expected)
        return None
    entry = Members(item, "a pointer", members.report)
    entry.check_keys(("when", "otherwise", "next"), _MEANT)
    target = entry.require("next")
    when = _read_condition(entry)
    if when:
        places.conditions[node, slot] = entry.values["when"]
    otherwise = entry.boolean("otherwise", default=False)
    if "otherwise" in entry.values and not otherwise:
        message = "otherwise can only be true"
        members.report.error(CODE_VALUE, entry.place_of("otherwise"), message, "leave it out")
    if target is None or not isinstance(target.value, str):
        if target is not None:
            wrong_type(members.report, target, "next", "a node id")
        return None
    return _point(node, slot, target, places, when, otherwise)


def _read_condition(entry: Members) -> str:
    found = entry.values.get("when")
    if found is None:
        return ""
    if isinstance(found.value, str) and found.value.strip():
        return found.value
    written = found.raw.strip()
    quoted = f"when: '{written}'" if "'" not in written and "\n" not in written and written else "when: '...'"
    entry.report.error("EE-W208", found.place, "the condition is no text", f"quote the condition: {quoted}")
    return ""
