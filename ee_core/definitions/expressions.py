"""Expressions of a draft: compiled, with every fault at the place where the author wrote the wrong word.

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W301  the expression does not compile
EE-W302  a ``${`` that cannot be read
EE-W303  the expression language cannot be used
EE-W304  a node is read that is not on every path to the reader (a warning)
EE-W305  a condition is false whatever happens, or true with more pointers behind it (a warning)
======== ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ee_core.contracts.expression import Fault
from ee_core.definitions.names import names_of
from ee_core.definitions.ways import Ways
from ee_core.errors import ExpressionError, PluginError, TemplateError
from ee_core.model import template
from ee_core.model.ids import NodeId
from ee_core.model.workflow import NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ee_core.contracts.expression import Language
    from ee_core.definitions.diagnostics import Place, Report
    from ee_core.definitions.draft import Draft
    from ee_core.definitions.items import Item
    from ee_core.model.expression import Program


@dataclass(frozen=True, slots=True)
class Written:
    """An expression where it stands."""

    node: NodeId
    source: str
    item: Item  # the text that holds it
    offset: int  # into that text
    is_condition: bool
    slot: int | None = None  # of a condition: its pointer's

    def place(self, offset: int = 0, span: int = 0) -> Place:
        """Return the place of a part of the source, or of all of it."""
        return self.item.place_in(self.offset + offset, span or len(self.source))


def compile_draft(
    draft: Draft, language: Language | Callable[[str], Language], report: Report
) -> list[tuple[Written, Program]]:
    """Compile every expression; what does not compile is in the report."""
    written = [*_iter_conditions(draft), *_iter_inputs(draft, report)]
    if not written:
        return []  # such a workflow needs no language
    try:
        opened = language(draft.workflow.language) if callable(language) else language
    except PluginError as error:
        report.error("EE-W303", written[0].place(), f"expressions cannot be compiled: {error}")
        return []
    names = names_of(draft.workflow)
    programs = []
    for each in written:
        found = opened.compile(each.source, names, want_bool=each.is_condition)
        if isinstance(found, Fault):
            _report_fault(each, found, report)
        else:
            programs.append((each, found))
    return programs


def _iter_conditions(draft: Draft) -> Iterator[Written]:
    for (node, slot), item in draft.places.conditions.items():
        if isinstance(item.value, str):
            yield Written(node, item.value, item, 0, is_condition=True, slot=slot)


def _iter_inputs(draft: Draft, report: Report) -> Iterator[Written]:
    for node, item in draft.places.inputs.items():
        for text in item.iter_texts():
            try:
                sources = template.parse(text.value).sources
            except TemplateError as error:
                report.error("EE-W302", text.place_in(error.offset, 2), str(error))
                continue
            for source in sources:
                yield Written(node, source.text, text, source.offset, is_condition=False)


def _report_fault(written: Written, fault: Fault, report: Report) -> None:
    lines = written.source.split("\n")
    offset = sum(len(line) + 1 for line in lines[: fault.line - 1]) + fault.column - 1
    hint = f"did you mean {fault.hint!r}?" if fault.hint else ""
    if written.is_condition and "${" in written.source:
        hint = "a condition is an expression already: leave ${ } out"
    report.error("EE-W301", written.place(offset, fault.length), f"expression: {fault.message}", hint)


def report_constants(draft: Draft, programs: list[tuple[Written, Program]], report: Report) -> None:
    """Warn about conditions that read nothing and make a pointer useless: theirs, or those behind it."""
    nodes = {node.id: node for node in draft.workflow.nodes}
    for written, program in programs:
        if written.slot is None or program.references or written.node not in nodes:
            continue
        try:
            value = program.evaluate({})
        except ExpressionError:
            continue  # an incident at run time, with its own words
        node = nodes[written.node]
        is_last = written.slot == len(node.pointers) - 1
        if value is False:
            message = "the condition is always false, so its pointer is never followed"
            report.warn("EE-W305", written.place(), message, "leave the pointer out, or read something")
        elif node.kind is NodeKind.EXCLUSIVE and not is_last:
            message = "the condition is always true, so no pointer behind it is ever followed"
            report.warn("EE-W305", written.place(), message, "make it the otherwise, at the end")


def report_unsure_reads(draft: Draft, programs: list[tuple[Written, Program]], report: Report) -> None:
    """Warn about outputs and errors that may not be there when they are read, unless the source asks first."""
    ways = Ways(draft.workflow)
    for written, program in programs:
        for name in program.references:
            head, _, rest = name.partition(".")
            node, _, member = rest.partition(".")
            asks = f"nodes.{node}.visits" in program.references or "has(" in written.source
            if head != "nodes" or member not in {"output", "error"} or asks:
                continue
            how = _how_missed(ways, NodeId(node), member, written)
            if how:
                place = written.place(max(0, written.source.find(name)), len(name))
                message = f"{name} is read at node {written.node!r}, which a job can come to {how} {node!r}"
                hint = f"ask first, as in has({name}) && ..., or lead all paths through {node!r}"
                report.warn("EE-W304", place, message, hint)


def _how_missed(ways: Ways, node: NodeId, member: str, written: Written) -> str:
    """Say how a job may come to a reader without what it reads; empty if it cannot."""
    before, is_after = written.node, written.is_condition
    if ways.can_miss(node, before=before, is_after=is_after):
        return "without node"
    if member == "output" and ways.can_miss(node, before=before, is_after=is_after, failed=True):
        return "after the failure of node"
    return ""
