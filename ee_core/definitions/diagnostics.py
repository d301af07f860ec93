"""What is told about a definition: diagnostics with their places, and the report that gathers them.

A diagnostic names file, line and column, shows the line with a caret, and says what to do. All of one file are
gathered before any is told. Lines and columns are 1-based and count code points, as editors do. Codes are stable:

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W0xx  the text: `ee_core.definitions.source`
EE-W1xx  the graph: `ee_core.model.soundness`
EE-W2xx  the form: `ee_core.definitions.native`, `export` and `bindings`
EE-W3xx  expressions: `ee_core.definitions.expressions`, `outputs` and `unmarked`
EE-W4xx  activity types: `ee_core.definitions.loading`, `selectors`, `activity_inputs` and `secret_references`
======== ==========================================================================
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ee_core.errors import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Severity = Literal["error", "warning"]

MAX_RENDERED: Final = 20
MAX_ERRORS: Final = 100  # enough for a person; a file made to be wrong must not cost more
_WIDTH: Final = 100  # columns of a source line that are shown


class Text:
    """A file's text, with its name for messages."""

    __slots__ = ("_lines", "_starts", "content", "file")

    def __init__(self, file: str, content: str) -> None:
        self.file = file
        self.content = content
        self._lines: dict[
            int, str
        ] = {}  # one object per line: a file of one long line has a thousand diagnostics
        self._starts = [0, *(match.end() for match in re.finditer("\n", content))]

    def line(self, number: int) -> str:
        """Return a line by its 1-based number, without its end."""
        found = self._lines.get(number)
        if found is None:
            end = self._starts[number] - 1 if number < len(self._starts) else len(self.content)
            found = self._lines[number] = self.content[self._starts[number - 1] : end].rstrip("\r")
        return found

    def offset_of(self, number: int) -> int:
        """Return where a line begins, by its 1-based number."""
        return self._starts[number - 1]

    def place_at(self, offset: int, span: int = 1) -> Place:
        """Return the place of an offset into the content; the span is cut at the line's end."""
        number = bisect_right(self._starts, offset)
        column = offset - self._starts[number - 1] + 1
        return Place(self, number, column, max(1, min(span, len(self.line(number)) - column + 1)))


class Place(NamedTuple):
    """Part of a line."""

    text: Text
    line: int
    column: int
    span: int = 1  # columns, on this line


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing about one place."""

    code: str  # EE-Wnnn, stable
    severity: Severity
    message: str
    file: str
    line: int  # from 1
    column: int  # from 1
    span: int  # columns from `column`, on the same line, at least 1
    hint: str = ""  # what to do
    shown: str = ""  # the source line

    def render(self) -> str:
        """Return the diagnostic as text: message, place, the line with a caret, the hint."""
        line, column, span = _crop(self.shown, self.column, self.span)
        margin = " " * len(str(self.line))
        indent = "".join(" " * _width(each) for each in line[: column - 1])
        caret = "^" * max(1, sum(_width(each) for each in line[column - 1 : column - 1 + span]) or span)
        rows = [
            f"{self.severity}[{self.code}]: {self.message}",
            f"{margin}--> {self.file}:{self.line}:{self.column}",
            f"{margin} |",
            f"{self.line} | {line}".rstrip(),
            f"{margin} | {indent}{caret}",
        ]
        if self.hint:
            rows.append(f"{margin} = help: {self.hint}")
        return "\n".join(rows)


@dataclass(slots=True)
class Report:
    """Gathers the diagnostics of one loading."""

    _found: dict[Diagnostic, None] = field(default_factory=dict)
    _errors: int = 0

    def error(self, code: str, place: Place, message: str, hint: str = "") -> None:
        """Add an error.

        Raises:
            WorkflowError: It was one too many: nothing more is looked for.
        """
        self.add(code, "error", place, message, hint)

    def warn(self, code: str, place: Place, message: str, hint: str = "") -> None:
        """Add a warning."""
        self.add(code, "warning", place, message, hint)

    def add(self, code: str, severity: Severity, place: Place, message: str, hint: str = "") -> None:
        """Add a diagnostic; the same one about the same place only once."""
        made = Diagnostic(
            code=code,
            severity=severity,
            message=message,
            file=place.text.file,
            line=place.line,
            column=place.column,
            span=max(1, place.span),
            hint=hint,
            shown=place.text.line(place.line),
        )
        self._found[made] = None
        self._errors += severity == "error"
        if self._errors >= MAX_ERRORS:
            self.raise_errors()

    @property
    def has_errors(self) -> bool:
        """Whether the definition must not be used."""
        return self._errors > 0

    def sorted(self) -> tuple[Diagnostic, ...]:
        """Return all, by file in order of appearance, then by place."""
        order = {file: number for number, file in enumerate(dict.fromkeys(each.file for each in self._found))}
        return tuple(
            sorted(self._found, key=lambda each: (order[each.file], each.line, each.column, each.code))
        )

    def raise_errors(self) -> None:
        """Raise what was gathered, warnings too, if there is an error.

        Raises:
            WorkflowError: Its text is the rendering.
        """
        if self.has_errors:
            found = self.sorted()
            raise WorkflowError(render(found), diagnostics=found)


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """Return diagnostics as text, one after the other; errors first when there are too many to show."""
    shown = list(diagnostics)
    if len(shown) > MAX_RENDERED:
        errors = [each for each in shown if each.severity == "error"]
        shown = (errors + [each for each in shown if each.severity != "error"])[:MAX_RENDERED]
    blocks = [each.render() for each in shown]
    if len(diagnostics) > len(shown):
        blocks.append(f"... and {len(diagnostics) - len(shown)} more")
    return "\n\n".join(blocks)


def did_you_mean(word: str, words: Iterable[str], otherwise: str = "") -> str:
    """Return a hint with the nearest word, or another hint when none is near."""
    known = {each.lower(): each for each in words}
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f"did you mean {known[near[0]]!r}?" if near else otherwise


def _crop(line: str, column: int, span: int) -> tuple[str, int, int]:
    """Cut a window around the caret out of a long line, and make it printable."""
    line = "".join(each if each.isprintable() else " " for each in line)
    if len(line) <= _WIDTH:
        return line, column, span
    start = max(0, min(column - 1 - _WIDTH // 3, len(line) - _WIDTH))
    end = start + _WIDTH
    window = ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")
    column -= start - (1 if start else 0)
    return window, column, min(span, max(1, len(window) - column + 1))


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
