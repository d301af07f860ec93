"""What the YAML parser could not read, in the words of whoever wrote it.

Lines that do not fit under each other are `ee_core.definitions.indentation`'s; here is what is wrong within a value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ee_core.definitions.indentation import MAX_WIDTH, find_line_fault
from ee_core.model import references

if TYPE_CHECKING:
    import yaml

    from ee_core.definitions.diagnostics import Text

_QUOTED: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:''|[^'])*'""")
_REFERENCE: Final = re.compile(r":\s+(?P<prefix>secret:)\s+(?P<name>[\w.-]+)\s*$", re.IGNORECASE)
CONDITION: Final = re.compile(r"(?:^|[\s{,])when:\s")


class Fault(NamedTuple):
    """What is wrong at a place."""

    offset: int  # into the text
    message: str
    hint: str


def has_bare_expression(line: str) -> bool:
    """Say whether a line holds ``${`` outside of quotes."""
    return "${" in (_QUOTED.sub("", line) if len(line) <= MAX_WIDTH else line)


def find_fault(text: Text, error: yaml.MarkedYAMLError) -> Fault | None:
    """Return what is wrong where the parser gave up, if it is known better than by the parser's words."""
    problem = _offset(text, error.problem_mark)
    if problem is None:
        return None
    last = text.place_at(problem).line
    if fault := find_line_fault(text.content.split("\n"), last):
        offset = text.offset_of(fault.line) + fault.column
        return Fault(offset, fault.message, fault.hint)
    start = _offset(text, error.context_mark)
    where = problem if start is None else start
    return _in_value(text, error, problem) or _unclosed(text, error, where, problem)


def _offset(text: Text, mark: yaml.Mark | None) -> int | None:
    return None if mark is None else min(mark.index, len(text.content))


def _in_value(text: Text, error: yaml.MarkedYAMLError, problem: int) -> Fault | None:
    said = error.problem or ""
    number = text.place_at(problem).line
    line, start = text.line(number), text.offset_of(number)
    if match := _REFERENCE.search(line):
        hint = f"write {references.to_text(match['name'])}, if a secret is meant"
        return Fault(start + match.start("prefix"), "a reference to a secret has no blank in it", hint)
    if "escape" in said or "hexdecimal" in said:
        return Fault(
            problem,
            "between double quotes \\ begins an escape, and this is none",
            "use single quotes, or write \\\\",
        )
    if "expected key" in said and text.content[problem : problem + 1] in {"}", "]"}:
        sign = text.content[problem]
        return Fault(problem, f"there is one {sign} too many", "remove it")
    return None


def _unclosed(text: Text, error: yaml.MarkedYAMLError, start: int, problem: int) -> Fault | None:
    """Find the quote or the bracket that is closed nowhere, or too late."""
    sign, said = text.content[start : start + 1], error.context or ""
    if "quoted scalar" in said and sign in {'"', "'"}:
        return Fault(start, f"the quote {sign} is not closed", f"write {sign} behind the text")
    one, other = text.place_at(start).line, text.place_at(problem).line
    line = text.line(one)
    if "flow" not in said or sign not in {"{", "["} or has_bare_expression(line) or CONDITION.search(line):
        return None
    closing = {"{": "}", "[": "]"}[sign]
    if one < other:
        return Fault(start, f"the bracket {sign} is not closed", f"write {closing} behind what belongs to it")
    message = f"inside {sign} {closing} a comma is missing before this"
    return Fault(problem, message, "put a comma, or quote the whole text if it is one")
