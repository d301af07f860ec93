"""Text to a definition: a workflow that can be executed, its content and its hash, and what there is to say about it.

One form after the other is tried for size, never guessed from a file's name. All that can be known before a job
starts is checked here, and told at once with its place; nothing is looked up but the given activity types and the
given language, so that loading the same text twice gives the same hash.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W401  nothing here serves the activity type (a warning)
EE-W402  a StatelessActivity is bound to a type that needs a bot
EE-W403  a lost attempt is repeated, though the type is not idempotent (a warning)
EE-W404  no ledger can be asked about a lost attempt: no bot does it (a warning)
======== ==========================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.contracts.activity import ActivityTraits
from ee_core.definitions import export, native, source
from ee_core.definitions.activity_inputs import check_activity_inputs
from ee_core.definitions.bindings import apply_bindings, warn_unbound
from ee_core.definitions.diagnostics import Diagnostic, Report, did_you_mean
from ee_core.definitions.expansion import expand_node
from ee_core.definitions.expressions import compile_draft, report_constants, report_unsure_reads
from ee_core.definitions.outputs import check_outputs
from ee_core.definitions.secret_references import check_references
from ee_core.definitions.selectors import check_selectors
from ee_core.definitions.served import ServedType
from ee_core.definitions.unmarked import check_unmarked
from ee_core.model import soundness
from ee_core.model.events import ON_ERROR
from ee_core.model.workflow import Activity, BotSelector, NodeKind, content_hash, to_content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ee_core.contracts.activity import ActivityType
    from ee_core.contracts.expression import Language
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.export import ExpandNode
    from ee_core.definitions.items import Item
    from ee_core.definitions.selectors import KnownBot
    from ee_core.model.finding import Finding
    from ee_core.model.ids import WorkflowHash
    from ee_core.model.workflow import Activity, Node, Workflow

_UNSERVED: Final = "name the file of a bot that serves it with --bot FILE, or install the plugin that has it"


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow that has been loaded."""

    workflow: Workflow
    content: bytes  # canonical JSON: what is stored
    hash: WorkflowHash
    diagnostics: tuple[Diagnostic, ...] = ()  # warnings, by place
    extras: dict[str, Any] = field(default_factory=dict)  # form, and what is kept beside; not hashed


def load(
    text: bytes,
    *,
    place: str,
    bindings: bytes | None = None,
    bindings_place: str = "the bindings",
    activities: Mapping[str, ActivityType],
    language: Language | Callable[[str], Language],
    expand: ExpandNode = expand_node,
    bots: Sequence[KnownBot] = (),
) -> Definition:
    """Load a workflow from a file of any form.

    Args:
        text: The file's bytes, at most 1 MiB.
        place: Its name, for messages; one that ends in ``.json`` must be JSON.
        bindings: For the export form: which activity types stand for its activity ids.
        bindings_place: Likewise for messages.
        activities: The activity types that are installed, by name; those of bots that are known here as `ServedType`.
        language: The expression language, or what opens it by name; opened only when there are expressions.
        expand: The hook `ee_expand_node`; asked for the node types of the export form that are no core kinds.
        bots: Those that are known, if any: what nodes select by is held against them.

    Raises:
        WorkflowError: It cannot be executed; the text shows every fault with its place, and
            ``diagnostics`` holds them.
    """
    report = Report()
    draft = _read_form(source.read(text, place), report, expand)
    if bindings is not None:
        apply_bindings(draft, source.read(bindings, bindings_place, may_be_empty=True), report)
    warn_unbound(draft, report)
    _resolve_types(draft, activities, report)
    check_activity_inputs(draft, activities, report)
    check_references(draft, report)
    check_unmarked(draft, report)
    check_selectors(draft, bots, report)
    is_well_formed = not report.has_errors
    programs = compile_draft(draft, language, report)
    if is_well_formed:
        # A part that could not be read would be missed by every path through it.
        _report_soundness(draft, report)
        report_unsure_reads(draft, programs, report)
        report_constants(draft, programs, report)
        check_outputs(draft, programs, activities, report)
    report.raise_errors()
    content = to_content(draft.workflow)
    return Definition(draft.workflow, content, content_hash(content), report.sorted(), draft.extras)


def _read_form(root: Item, report: Report, expand: ExpandNode) -> Draft:
    is_native = isinstance(root.value, dict) and ("ee" in root.value or isinstance(_nodes_of(root), dict))
    nodes = None if is_native else export.find_nodes(root)
    if is_native:
        draft = native.read_native(root, report)
    elif nodes is not None:
        draft = export.read_export(root, nodes, report, expand)
    else:
        message = "this is no workflow: it has neither 'ee: 1' and 'nodes', nor a 'workflow' list"
        hint = (
            "it is a file of tests: eectl test FILE"
            if isinstance(root.value, dict) and "tests" in root.value
            else "begin with ee: 1"
        )
        report.error("EE-W209", root.text.place_at(root.start), message, hint)
        report.raise_errors()
        raise AssertionError("an error was reported and not raised")
    return draft


def _nodes_of(root: Item) -> object:
    nodes = root.value.get("nodes") if isinstance(root.value, dict) else None
    return nodes.value if nodes is not None else None


def _resolve_types(draft: Draft, activities: Mapping[str, ActivityType], report: Report) -> None:
    """Store what the activity types say of themselves (R9a)."""
    nodes = tuple(
        msgspec.structs.replace(node, activity=_resolve(node, node.activity, draft, activities, report))
        if node.activity is not None and node.activity.type
        else node
        for node in draft.workflow.nodes
    )
    draft.workflow = msgspec.structs.replace(draft.workflow, nodes=nodes)


def _resolve(
    node: Node, activity: Activity, draft: Draft, activities: Mapping[str, ActivityType], report: Report
) -> Activity:
    place = draft.places.types.get(node.id) or draft.places.of(node.id)
    found = activities.get(activity.type)
    if found is None:
        message = f"no plugin here serves the activity type {activity.type!r}; a bot must"
        report.warn("EE-W401", place, message, did_you_mean(activity.type, activities, _UNSERVED))
    traits = found.traits_for(activity.input) if found is not None else ActivityTraits()
    stateless, idempotent = traits.stateless, traits.idempotent
    if activity.stateless and not stateless:
        message = f"node {node.name or node.id!r} is a StatelessActivity, but {activity.type!r} needs a bot"
        report.error("EE-W402", place, message, "bind it to a stateless type, or make it an Activity")
    # who names a bot wants one, also for a type that needs none
    stateless = stateless and activity.bot == BotSelector()
    resolved = msgspec.structs.replace(activity, stateless=stateless, idempotent=idempotent)
    said = found.said.traits_for(activity.input) if isinstance(found, ServedType) else traits
    _warn_on_lost(node, resolved, draft, report, is_idempotent=said.idempotent)
    if resolved.on_lost == ("retry" if idempotent else "incident"):
        return msgspec.structs.replace(resolved, on_lost="")  # as if it had been left out
    return resolved


def _warn_on_lost(
    node: Node, activity: Activity, draft: Draft, report: Report, *, is_idempotent: bool
) -> None:
    place = draft.places.on_lost.get(node.id) or draft.places.of(node.id)
    if activity.on_lost == "retry" and not is_idempotent:
        message = (
            f"a lost attempt may have been carried out, and {activity.type!r} is not known to be idempotent"
        )
        report.warn(
            "EE-W403",
            place,
            message,
            "write on_lost: ask or incident if twice does harm; `workflow check --bot FILE` knows what a bot's function says",
        )
    elif activity.on_lost == "ask" and activity.stateless:
        message = f"no bot does {activity.type!r}, so there is no ledger to ask"
        report.warn("EE-W404", place, message, "write on_lost: incident or retry, or select a bot")


def _report_soundness(draft: Draft, report: Report) -> None:
    for finding in soundness.check(draft.workflow):
        place = draft.places.of(finding.node, finding.slot)
        if finding.code == "EE-W111" and finding.node in draft.places.same_as:
            place = draft.places.same_as[finding.node]
        hint = _find_list(finding, draft.workflow) if finding.code == "EE-W105" else ""
        report.add(finding.code, finding.severity, place, finding.text, hint or finding.hint)


def _find_list(finding: Finding, workflow: Workflow) -> str:
    """Return how several targets are written, where they stand in one text as in ``next: one, another``."""
    ids = {node.id: node for node in workflow.nodes}
    node = ids.get(finding.node) if finding.node is not None else None
    if node is None or finding.slot is None or finding.slot == ON_ERROR:
        return ""
    pointer = node.pointers[finding.slot]
    names = re.split(r"[,;\s]+", pointer.to)
    if len(names) == 1 or not ids.keys() >= set(names):
        return ""
    if len(node.pointers) > 1 or pointer.when or pointer.otherwise:
        return "a pointer leads to one node: write one for each"
    key = node.kind if node.kind in {NodeKind.PARALLEL, NodeKind.EXCLUSIVE, NodeKind.INCLUSIVE} else "next"
    return f"write a list: {key}: [{', '.join(names)}]"
