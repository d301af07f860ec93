"""Parameters with expressions: JSON whose strings may hold ``${ expression }``.

A string that is one expression and nothing else becomes the expression's value and keeps its type; inside other
text a value is written as text. ``$${`` is a literal ``${``. An expression ends at the brace that balances its
first one; braces inside the expression's own strings and comments do not count, so the scanner knows the string
forms of CEL: both quotes, tripled quotes, and the prefix r that takes the backslash its meaning.

Rule: only the definition's own text is scanned, once, by `parse`. What an expression evaluates to is put in as it
is and never looked at again, whatever it holds. Keys of objects are not scanned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ee_core.errors import TemplateError
from ee_core.model.expression import Program, Scope
from ee_core.model.references import Path, find_references

_MARK = re.compile(r"\$\$\{|\$\{")
# In turn: a string's opening with its prefix, a word (so that the r of `bar` is no prefix), a comment, a brace.
_TOKEN = re.compile(r"""([bB]?[rR]?|[rR]?[bB]?)(\"{3}|'{3}|"|')|\w+|//[^\n]*|[{}]""")

# Whatever stands behind a backslash closes nothing.
_STRING_TOKEN = {quote: re.compile(rf"\\.|{quote}", re.DOTALL) for quote in ('"""', "'''", '"', "'")}


@dataclass(frozen=True, slots=True)
class Source:
    """One expression and where it stands."""

    path: Path
    text: str  # without the blanks around it
    offset: int  # of the expression's first character, in the string at `path`


@dataclass(frozen=True, slots=True)
class _Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class _Value:
    number: int  # of the source


@dataclass(frozen=True, slots=True)
class _Text:
    parts: tuple[str | int, ...]  # literal text, or the number of a source


@dataclass(frozen=True, slots=True)
class _Array:
    items: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class _Object:
    members: tuple[tuple[str, _Part], ...]


_Part = _Literal | _Value | _Text | _Array | _Object


@dataclass(frozen=True, slots=True)
class BoundTemplate:
    """A template with its programs; stateless, shared by all jobs of a workflow."""

    programs: tuple[Program, ...]  # one per source, in order
    references: tuple[Path, ...]  # where the definition's own text refers to secrets
    _part: _Part

    def render(self, scope: Scope) -> Any:
        """Return the value with every expression evaluated, in the order they are written.

        What holds no expression is the definition's own object, not a copy: nobody may change it.

        Raises:
            ExpressionError: An expression failed; it names its source.
        """
        return _render(self._part, self.programs, scope)


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON value as parsed; immutable."""

    sources: tuple[Source, ...]  # in the order they are written; one that is written twice is there twice
    _part: _Part

    @property
    def references(self) -> tuple[Path, ...]:
        """Where literal text refers to secrets, in order; the paths are those of the rendered value too."""
        return tuple(_find_references(self._part, ()))

    @property
    def is_one_expression(self) -> bool:
        """Whether the whole value is an expression, whose value takes its place and may be of any type."""
        return isinstance(self._part, _Value)

    def bind(self, compile: Callable[[str], Program]) -> BoundTemplate:
        """Compile every expression, each different text once; what `compile` raises is passed on."""
        programs = {text: compile(text) for text in dict.fromkeys(source.text for source in self.sources)}
        bound = tuple(programs[source.text] for source in self.sources)
        return BoundTemplate(bound, self.references, self._part)


def parse(value: Any) -> Template:
    """Find the expressions in a JSON value.

    Raises:
        TemplateError: A ``${`` is not closed, or nothing is in it.
    """
    sources: list[Source] = []
    part = _parse(value, (), sources)
    return Template(tuple(sources), part)


def to_text(value: Any) -> str:
    """Return a JSON value as it is written inside text: text as it is, all else as compact JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _parse(value: Any, path: Path, sources: list[Source]) -> _Part:
    if isinstance(value, str):
        return _parse_text(value, path, sources)
    if isinstance(value, Mapping):
        members = tuple((key, _parse(member, (*path, key), sources)) for key, member in value.items())
        return (
            _Literal(value) if _is_same(value.values(), (part for _, part in members)) else _Object(members)
        )
    if isinstance(value, list | tuple):
        items = tuple(_parse(item, (*path, place), sources) for place, item in enumerate(value))
        return _Literal(value) if _is_same(value, items) else _Array(items)
    return _Literal(value)


def _is_same(values: Any, parts: Any) -> bool:
    """Say whether every part is the literal of its own value, so that the whole may stay the same object."""
    return all(
        isinstance(part, _Literal) and part.value is value for value, part in zip(values, parts, strict=True)
    )


def _find_references(part: _Part, path: Path) -> Iterator[Path]:
    """An expression keeps its place: what it becomes has no part in this."""
    match part:
        case _Literal(value):
            yield from find_references(value, path)
        case _Array(items):
            for place, item in enumerate(items):
                yield from _find_references(item, (*path, place))
        case _Object(members):
            for key, member in members:
                yield from _find_references(member, (*path, key))


def _parse_text(text: str, path: Path, sources: list[Source]) -> _Part:
    parts: list[str | int] = []
    literal, position = "", 0
    while mark := _MARK.search(text, position):
        literal += text[position : mark.start()]
        if mark.group() == "$${":
            literal += "${"
            position = mark.end()
            continue
        end = _find_end(text, mark.end(), path)
        if literal:
            parts.append(literal)
        parts.append(len(sources))
        sources.append(_source(text, mark.end(), end, path))
        literal, position = "", end + 1
    if position == 0:
        return _Literal(text)
    literal += text[position:]
    if literal:
        parts.append(literal)
    match parts:
        case []:
            return _Literal("")
        case [int() as number]:
            return _Value(number)
        case [str() as only]:
            return _Literal(only)
    return _Text(tuple(parts))


def _source(text: str, start: int, end: int, path: Path) -> Source:
    inside = text[start:end]
    stripped = inside.strip()
    if not stripped:
        raise TemplateError(
            "nothing stands between ${ and }; write an expression there, or $${ for a literal ${",
            path=path,
            offset=start - 2,
        )
    return Source(path, stripped, start + len(inside) - len(inside.lstrip()))


def _find_end(text: str, start: int, path: Path) -> int:
    """Return the place of the brace that closes the expression that begins at `start`."""
    depth = 0
    position = start
    while token := _TOKEN.search(text, position):
        position = token.end()
        if quote := token.group(2):
            position = _skip_string(text, position, quote, is_raw="r" in token.group(1).lower())
            if position < 0:
                raise TemplateError(
                    f"the text that begins with {quote} inside ${{ is not closed; close it with {quote}",
                    path=path,
                    offset=token.start(2),
                )
        elif token.group() == "{":
            depth += 1
        elif token.group() == "}":
            if depth == 0:
                return token.start()
            depth -= 1
    raise TemplateError(
        "${ is not closed; add the } that ends the expression, or write $${ for a literal ${",
        path=path,
        offset=start - 2,
    )


def _skip_string(text: str, position: int, quote: str, *, is_raw: bool) -> int:
    """Return the place behind a string's closing quote, -1 if it has none."""
    if is_raw:
        end = text.find(quote, position)
        return end + len(quote) if end >= 0 else -1
    for found in _STRING_TOKEN[quote].finditer(text, position):
        if found.group() == quote:
            return found.end()
    return -1


def _render(part: _Part, programs: tuple[Program, ...], scope: Scope) -> Any:
    match part:
        case _Literal(value):
            return value
        case _Value(number):
            return programs[number].evaluate(scope)
        case _Text(parts):
            return "".join(_render_text(parts, programs, scope))
        case _Array(items):
            return [_render(item, programs, scope) for item in items]
        case _Object(members):
            return {key: _render(member, programs, scope) for key, member in members}


def _render_text(parts: tuple[str | int, ...], programs: tuple[Program, ...], scope: Scope) -> Iterator[str]:
    for part in parts:
        yield part if isinstance(part, str) else to_text(programs[part].evaluate(scope))
