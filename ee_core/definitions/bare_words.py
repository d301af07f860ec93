"""Expressions of the native scope, in the words of the export form's: each member of an output, and each input, by its key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ee_core.model import template

if TYPE_CHECKING:
    from collections.abc import Callable

# A string with its prefix, a comment, or a chain of names; only the last is looked at.
TOKEN: Final = re.compile(
    r"""(?:[bB]?[rR]?|[rR]?[bB]?)(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|//[^\n]*"""
    r"""|(?<![\w.])(?P<chain>(?:inputs|nodes|job)\b(?:\s*\.\s*[A-Za-z_]\w*)*)""",
    re.DOTALL,
)
_OUTPUT: Final = 3  # nodes.<id>.output
_WORDS_OF_CEL: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
        "context",
    ]
)


def to_bare_words(source: str) -> tuple[str, list[str]]:
    """Return an expression in bare words, and the names in it that have none."""
    lost: list[str] = []

    def replace(match: re.Match[str]) -> str:
        chain = match["chain"]
        if chain is None:
            return match[0]
        names = re.split(r"\s*\.\s*", chain)
        is_output = names[0] == "nodes" and names[2:3] == ["output"]
        rest = names[1:] if names[0] == "inputs" else names[_OUTPUT:] if is_output else []
        if not rest:
            lost.append(".".join(names))
            return match[0]
        asks = re.search(r"\bhas\(\s*$", source[: match.start()]) and len(rest) == 1
        if rest[0] in _WORDS_OF_CEL:
            rest[0] = f'context["{rest[0]}"]'
        elif asks:
            rest.insert(0, "context")  # CEL asks for members only
        return ".".join(rest)

    return TOKEN.sub(replace, source), lost


def map_expressions(value: Any, change: Callable[[str], str]) -> Any:
    """Return an input with each expression inside ``${ }`` changed."""
    if isinstance(value, dict):
        return {key: map_expressions(member, change) for key, member in value.items()}
    if isinstance(value, list):
        return [map_expressions(item, change) for item in value]
    if not isinstance(value, str):
        return value
    made, at = [], 0
    for source in template.parse(value).sources:
        made += [value[at : source.offset], change(source.text)]
        at = source.offset + len(source.text)
    return "".join([*made, value[at:]])


def blank_expressions(text: str) -> str:
    """Return a text with blanks for the expressions inside ``${ }``, as long as before.

    Raises:
        TemplateError: The text has a ``${`` that does not end, or is empty.
    """
    return str(map_expressions(text, lambda source: " " * len(source)))
