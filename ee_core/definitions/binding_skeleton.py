"""A bindings file for an export file: an entry for each activity id that has none, for somebody to fill in.

An existing bindings file is continued as it is, letter by letter: what is missing is added at its end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ee_core.definitions.source import read
from ee_core.definitions.yaml_text import Tree, to_tree, write_yaml
from ee_core.errors import InputError

if TYPE_CHECKING:
    from ee_core.model.workflow import Workflow

PLACEHOLDER: Final = "CHANGE.ME"  # well formed, and no type that anybody serves


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The text of a bindings file, and the activity ids that it was given entries for."""

    text: str
    added: tuple[str, ...]


def add_bindings(workflow: Workflow, existing: bytes | None, file: str) -> Skeleton:
    """Return a bindings file in which every activity id of a workflow has an entry.

    Args:
        workflow: Of an export file, loaded without bindings.
        existing: A bindings file's bytes, None when there is none yet.
        file: Its name, for messages.

    Raises:
        WorkflowError: The file cannot be read.
        InputError: It holds something else than bindings, or is in a form that nothing can be added to.
    """
    uses = _uses(workflow)
    text = "" if existing is None else existing.decode("utf-8-sig", "replace")
    root = read(existing or b"", file, may_be_empty=True)
    if root.value is not None and not isinstance(root.value, dict):
        raise InputError(f"{file} holds no bindings: expected a mapping of activity ids")
    known = {key.strip().lower() for key in root.value or ()}
    missing = {key: names for key, names in uses.items() if key.strip().lower() not in known}
    if not missing:
        return Skeleton(text, ())
    if text.lstrip().startswith("{"):
        return Skeleton(_add_to_json(root.plain(), missing), tuple(missing))
    gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    made = text + gap + _write(missing)
    again = read(made.encode(), file).plain()
    if again != {**(root.plain() or {}), **{key: {"activity": PLACEHOLDER} for key in missing}}:
        raise InputError(
            f"{file} ends in a way that nothing can be added to; give its entries as a block, one a line"
        )
    return Skeleton(made, tuple(missing))


def _uses(workflow: Workflow) -> dict[str, list[str]]:
    """Return the activity ids that are bound to nothing, each with the names of its nodes."""
    uses: dict[str, list[str]] = {}
    spelt: dict[str, str] = {}  # ids are compared in any letter case
    for node in workflow.nodes:
        if node.activity is not None and node.activity.unbound:
            key = spelt.setdefault(node.activity.unbound.strip().lower(), node.activity.unbound)
            uses.setdefault(key, []).append(node.name or node.id)
    return uses


def _write(missing: dict[str, list[str]]) -> str:
    tree = to_tree({key: {"activity": PLACEHOLDER} for key in missing}, lambda _path: False)
    assert isinstance(tree.value, dict), "a mapping was given"
    for place, (key, names) in enumerate(missing.items()):
        entry = tree.value[key]
        entry.has_gap = place > 0
        entry.before = [f"# {' '.join(name.split())}" for name in names]
        _explain(entry)
    return write_yaml(tree)


def _explain(entry: Tree) -> None:
    assert isinstance(entry.value, dict), "a mapping was given"
    entry.value["activity"].beside = "# the activity type that does it"
    entry.value["activity"].behind = ["# with: {}", "# bot: {pool: ...}"]


def _add_to_json(bindings: dict[str, object], missing: dict[str, list[str]]) -> str:
    added = {key: {"activity": PLACEHOLDER} for key in missing}
    return json.dumps({**bindings, **added}, indent=2, ensure_ascii=False) + "\n"
