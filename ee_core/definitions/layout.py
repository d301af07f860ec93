"""How documents are laid out when they are written as YAML: the order of keys, what stands in one line, where gaps are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.yaml_text import to_tree, write_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ee_core.model.references import Path

KINDS: Final = ("activity", "parallel", "join", "exclusive", "inclusive", "end")
_TOP: Final = (
    "ee",
    "name",
    "version",
    "description",
    "on_failure",
    "scope",
    "inputs",
    "start",
    "nodes",
    "kept",
)
_NODE: Final = (
    *(
        "name",
        "description",
        "activity",
        "parallel",
        "join",
        "exclusive",
        "inclusive",
        "end",
        "with",
        "bot",
        "hold",
    ),
    *("timeout", "retry", "on_lost", "lost_attempts", "on_error", "fail_job", "next"),
)
_INNER: Final = {
    "bot": ("id", "pool", "labels", "same_as"),
    "timeout": ("bot", "accept", "heartbeat", "run", "ask"),
    "retry": ("attempts", "delay", "backoff", "max_delay", "on"),
}
_INPUT: Final = ("type", "required", "default", "description")
_POINTER: Final = ("when", "otherwise", "next")
_SECTIONS: Final = ("inputs", "start", "kept")  # begin behind an empty line
_IN_A_LINE: Final = ("parallel", "bot", "timeout", "retry")  # members of a node, where they fit
_DEEP: Final = 4


def sort_keys(path: Path, keys: Iterable[str]) -> list[str]:
    """Return the keys of a mapping of the native form in their order; names that an author chose stay as they are."""
    keys = list(keys)
    order = _order(path)
    known = [key for key in order if key in keys]
    return [*known, *(key for key in keys if key not in known)]


def sort_members(value: Any, path: Path) -> Any:
    """Return a value of the native form with the keys of each mapping in their order.

    Args:
        path: Where it stands.
    """
    if isinstance(value, dict):
        return {key: sort_members(value[key], (*path, key)) for key in sort_keys(path, value)}
    if isinstance(value, list):
        return [sort_members(item, (*path, place)) for place, item in enumerate(value)]
    return value


def _order(path: Path) -> Sequence[str]:
    match path:
        case ():
            return _TOP
        case ("inputs", _):
            return _INPUT
        case ("nodes", _):
            return _NODE
        case ("nodes", _, ("bot" | "timeout" | "retry") as part):
            return _INNER[part]
        case ("nodes", _, ("next" | "exclusive" | "inclusive"), _):
            return _POINTER
    return ()


def write_native(document: dict[str, Any]) -> str:
    """Return a document of the native form as YAML."""
    tree = to_tree(sort_members(document, ()), _is_in_a_line)
    assert isinstance(tree.value, dict), "a mapping was given"
    for key in _SECTIONS:
        if key in tree.value:
            tree.value[key].has_gap = True
    nodes = tree.value["nodes"].value
    for place, node in enumerate(nodes.values() if isinstance(nodes, dict) else ()):
        node.has_gap = place > 0
    return write_yaml(tree)


def write_other(document: Any) -> str:
    """Return a document of another kind, as bindings, as YAML."""
    return write_yaml(
        to_tree(document, lambda path: len(path) >= _DEEP or (bool(path) and path[-1] in _IN_A_LINE))
    )


def _is_in_a_line(path: Path) -> bool:
    match path:
        case ("inputs", _, *_):
            return True
        case ("nodes", _, part, *_) if part in _IN_A_LINE:
            return True
        case ("nodes", _, "with", *rest):
            return bool(rest)
    return len(path) > _DEEP and path[0] == "kept"
