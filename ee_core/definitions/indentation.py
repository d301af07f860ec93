"""Why a text is no YAML, in the words of whoever wrote it: indentation, a colon, a blank, a bracket.

The parser says which rule of its grammar it could not follow, and often a line too late. Here the lines up to that one
are laid beside each other once more, and the first that does not fit is named. Where all fit, nothing is said: the
parser's words stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from ee_core.definitions.rows import Row, iter_rows

MAX_WIDTH: Final = (
    2_000  # of a line that is looked at: who writes longer ones wants no help, and patterns may go back far
)

Kind = Literal["keys", "list", "text"]

_NO_BLANK: Final = re.compile(r"(?P<key>[A-Za-z_][\w-]*):(?!//)(?P<value>\S.*)")
_NO_COLON: Final = re.compile(r"(?P<key>[A-Za-z_][\w-]*)(?:\s+(?P<value>\S.*))?")
_WIDE_COLON: Final = re.compile("[A-Za-z_][\\w-]*\\s*(?P<colon>[\N{FULLWIDTH COLON}\N{SMALL COLON}])")
_FOREIGN: Final = re.compile(r"```|<{7}|={7}|>{7}")


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with a line."""

    line: int  # from 1
    column: int  # columns before the place
    message: str
    hint: str


@dataclass(slots=True)
class _Level:
    """Rows that stand under each other."""

    indent: int
    kind: Kind
    row: Row  # the first
    of_dash: bool = False  # began behind a `- `
    members: int = 0
    last: Row | None = None
    is_open: bool = False  # the last one's value is to come on the next lines
    closed: tuple[int, ...] = ()  # the indentations of what the last one ended
    is_after_open: bool = False  # the last one came where the value of the one before was to come
    is_headless: bool = False  # the same of the second one: the first may be the key of all others


def find_line_fault(lines: list[str], last: int) -> LineFault | None:
    """Return what is wrong with the first line that does not fit to those before it, up to a line."""
    if any(len(line) > MAX_WIDTH for line in lines):
        return None
    rows = list(iter_rows(lines))
    reading = _Reading(rows)
    for place, row in enumerate(rows):
        if row.number > last:
            return None
        if fault := _foreign(row, lines[row.number - 1]) or reading.take(place):
            return fault
    return None


def _foreign(row: Row, line: str) -> LineFault | None:
    """Find what only looks like blanks or colons, and what other tools have left."""
    blank = re.match(r"[^\S\t]+", line)
    strange = next((place for place, one in enumerate(blank.group()) if one != " "), None) if blank else None
    if strange is not None:
        name = f"U+{ord(line[strange]):04X}"
        return LineFault(row.number, strange, f"the indentation holds the character {name}", "use blanks")
    if row.key:
        return None
    if _FOREIGN.match(row.text):
        return LineFault(row.number, row.column, "this line is no part of a workflow", "remove it")
    if match := _WIDE_COLON.match(row.text):
        column = row.column + match.start("colon")
        return LineFault(row.number, column, f"{match['colon']!r} is no colon", "write : and a blank")
    return None


class _Reading:
    """Lays rows beside each other."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._levels: list[_Level] = []

    def take(self, place: int) -> LineFault | None:
        row = self._rows[place]
        columns = [*row.dashes, *([row.column] if row.key else [])]
        if not columns or self._goes_on(row):
            return self._take_text(row)
        kind: Kind = "list" if row.dashes else "keys"
        if fault := self._enter(place, columns[0], kind):
            return fault
        for column in columns[1:]:
            is_key = column == columns[-1] and bool(row.key)
            self._push(column, "keys" if is_key else "list", row, of_dash=True)
        level = self._levels[-1]
        level.is_open = not row.text
        return None

    def _goes_on(self, row: Row) -> bool:
        """Say whether a row with a dash is more of the text before it."""
        if row.key or not self._levels:
            return False
        top = self._levels[-1]
        if top.last is None or top.is_open or row.block:
            return False
        return row.indent > top.indent and top.last.text[:1] not in {"", '"', "'", "[", "{", "|", ">"}

    def _push(self, indent: int, kind: Kind, row: Row, *, of_dash: bool = False) -> None:
        self._levels.append(_Level(indent, kind, row, of_dash=of_dash, members=1, last=row))

    def _take_text(self, row: Row) -> LineFault | None:
        """Take a text without a key: the value of what is open, or more of the text before it."""
        if not self._levels:
            self._push(row.column, "text", row)
            return None
        top = self._levels[-1]
        if row.block:
            message = f"this line is indented by {row.indent}, the text above it by {row.block}"
            return LineFault(row.number, row.indent, message, f"indent it by {row.block}")
        if top.is_open and row.column > top.indent:
            top.is_open = False
            self._push(row.column, "text", row)
            return None
        owner = self._levels[-2].indent if top.kind == "text" and len(self._levels) > 1 else top.indent
        if row.column > owner or (top.kind == "text" and len(self._levels) == 1):
            return None  # a text goes on
        if top.is_open and top.kind == "keys" and row.column == top.indent and top.last:
            message = f"this line belongs to {top.last.key!r}, and stands as far left"
            return LineFault(row.number, row.column, message, f"write {top.last.key}: {row.text}")
        return _no_colon(row)

    def _enter(self, place: int, column: int, kind: Kind) -> LineFault | None:
        """Let a row begin a level, or be one more of its level."""
        row, levels = self._rows[place], self._levels
        if not levels:
            self._push(column, kind, row)
            return None
        top = levels[-1]
        if top.kind == "text":
            return self._break_text(place, column)
        is_list_of_key = kind == "list" and top.kind == "keys" and column == top.indent
        if top.is_open and (column > top.indent or is_list_of_key):
            top.is_open = False
            self._push(column, kind, row)
            return None
        before = list(levels)
        while len(levels) > 1 and (levels[-1].indent > column or self._ends_list(column, kind)):
            levels.pop()
        top = levels[-1]
        if top.indent != column or top.kind != kind:
            return self._misfit(place, column, kind, before)
        closed = before[len(levels) :]
        top.is_after_open = top.is_open and not closed
        top.is_headless = top.is_headless or (top.is_after_open and top.members == 1)
        top.members, top.last, top.closed = top.members + 1, row, tuple(each.indent for each in closed)
        return None

    def _ends_list(self, column: int, kind: Kind) -> bool:
        """Say whether a key follows on a list that stands as far left as its own key."""
        below, top = self._levels[-2:]
        is_list_of_key = top.kind == "list" and below.kind == "keys" and below.indent == top.indent
        return is_list_of_key and top.indent == column and kind == "keys"

    def _break_text(self, place: int, column: int) -> LineFault | None:
        """Take a key behind a text without one: where both stand under each other, that one was to be a key too."""
        row = self._rows[place]
        top = self._levels[-1]
        owner = self._levels[-2].indent if len(self._levels) > 1 else -1
        if row.dashes and not row.key and column > owner:
            return None  # more of the text
        if column > owner:
            is_word = " " not in top.row.text
            return _no_colon(top.row) if column == top.indent or (column > top.indent and is_word) else None
        self._levels.pop()
        return self._enter(place, column, "list" if row.dashes else "keys")

    def _misfit(self, place: int, column: int, kind: Kind, before: list[_Level]) -> LineFault | None:
        row, top = self._rows[place], self._levels[-1]
        popped = before[len(self._levels) :]
        if not row.dashes and row.key.startswith("-") and any(each.kind == "list" for each in before):
            return LineFault(
                row.number, row.column, "a blank is missing behind the dash", f"write - {row.key[1:]}: ..."
            )
        if odd := self._find_odd(place, column, kind, popped):
            return _misplaced(*odd, [column])
        meant = self._meant(place, column, kind, before)
        more = (
            ""
            if popped or not top.last or " " not in top.last.text
            else ", or quote the text before it if it goes on here"
        )
        return _misplaced(row, column, meant, more) if meant else None

    def _find_odd(self, place: int, column: int, kind: Kind, popped: list[_Level]) -> tuple[Row, int] | None:
        """Return the row before that does not fit, with its indentation, where it is not the one that came last."""
        top = self._levels[-1]
        goes_on = column in top.closed and (not popped or popped[0].indent in top.closed)
        if top.last and column > top.indent and (goes_on or top.is_after_open):
            return top.last, top.indent  # it ended what goes on here, or is the value of the key before it
        first = popped[0] if popped else top
        is_between = first.indent < column or top.indent < column
        is_uneven = first.indent % 2 > column % 2  # of two lines, the one that most would not write so
        is_alone = first.members == 1 and (is_uneven or self._indent_after(place, column) == column)
        if not first.of_dash and first.kind == kind and is_between and (is_alone or first.is_headless):
            return first.row, first.indent
        return None

    def _indent_after(self, place: int, column: int) -> int | None:
        """Return the indentation of the next row that is not deeper than a column."""
        later = (each.indent for each in self._rows[place + 1 :])
        return next((indent for indent in later if indent <= column), None)

    def _meant(self, place: int, column: int, kind: Kind, before: list[_Level]) -> list[int]:
        """Return the indentations that a row may have been meant to have, the likeliest first."""
        row = self._rows[place]
        levels = sorted({each.indent for each in before if each.kind == kind})
        near = [each for each in levels if each < column][-1:] + [each for each in levels if each > column][
            :1
        ]
        if not row.text and place + 1 < len(self._rows):  # what follows belongs to it
            child = self._rows[place + 1]
            near = [each for each in near if each < child.indent or (child.dashes and each == child.indent)]
        if len(near) < 2:
            return near
        said = [before[-1].indent, self._indent_after(place, near[1])]
        return list(dict.fromkeys(each for each in said if each in near)) or near[1:]


def _misplaced(row: Row, indent: int, meant: list[int], more: str = "") -> LineFault:
    others = " and ".join(str(each) for each in meant)
    message = f"this line is indented by {indent}, its neighbours by {others}"
    hint = "indent it by " + " or ".join(str(each) for each in meant) + more
    return LineFault(row.number, indent, message, hint)


def _no_colon(row: Row) -> LineFault | None:
    """Say what is missing in a row that was to be a key."""
    if match := _NO_BLANK.fullmatch(row.text):
        column = row.column + match.start("value") - 1
        message = "a blank is missing behind the colon"
    elif match := _NO_COLON.fullmatch(row.text):
        column = row.column + match.end("key")
        message = "a colon is missing"
    else:
        return None
    hint = f"write {match['key']}: {match['value'] or ''}".rstrip()
    return LineFault(row.number, column, message, hint)
