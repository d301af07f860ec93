"""YAML as EE writes it: one way to write each value, two blanks a level, comments where they were.

What is written here `source` reads back to the same values: plain text where that is safe in YAML 1.2 and 1.1 alike, else
quotes; text of several lines as a block.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ee_core.definitions.items import Plain

WIDTH: Final = 100  # a flow collection that is wider is written as a block

# Also what YAML 1.1 takes for something else: other tools may read the file.
_NO_TEXT: Final = re.compile(
    r"~|null|true|false|yes|no|on|off|y|n|[-+]?[0-9.][0-9_.,:eo+-]*|0x[0-9a-f_]+|[-+]?\.(inf|nan)|<<|=|",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(r"[^\W]|[/$(.]")  # how plain text may begin
_NOT_PLAIN: Final = re.compile(r": |:$| #|^\.{3}|\s$|[\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff]")
_FLOW: Final = re.compile(r"[,\[\]{}]")
_NEEDS_ESCAPE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(slots=True)
class Tree:
    """A value with the way it is written."""

    value: Plain | list[Tree] | dict[str, Tree]
    is_flow: bool = False
    written: str = ""  # a scalar's lines, when they shall stay as they are
    has_gap: bool = False  # an empty line stands before it
    before: list[str] = field(default_factory=list)  # comments in the lines above, from the #
    beside: str = ""  # comment at the end of its first line
    behind: list[str] = field(default_factory=list)  # comments below it, as deep as itself

    def has_comments(self) -> bool:
        """Say whether there is a comment about a part of it."""
        return any(
            each.before or each.beside or each.behind or each.has_comments() for each in _parts(self.value)
        )


def _parts(value: Plain | list[Tree] | dict[str, Tree]) -> list[Tree]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def to_tree(
    value: Any, is_flow: Callable[[tuple[str | int, ...]], bool], path: tuple[str | int, ...] = ()
) -> Tree:
    """Make a tree of plain JSON; `is_flow` says by its path which collection is written in one line, if it fits."""
    if isinstance(value, dict):
        members = {key: to_tree(member, is_flow, (*path, key)) for key, member in value.items()}
        return Tree(members, is_flow=is_flow(path))
    if isinstance(value, list):
        items = [to_tree(item, is_flow, (*path, place)) for place, item in enumerate(value)]
        return Tree(items, is_flow=is_flow(path))
    return Tree(value)


def write_yaml(tree: Tree, foot: tuple[str, ...] = ()) -> str:
    """Return the text of a document, with comments behind its end."""
    if isinstance(tree.value, dict | list) and tree.value and not _fits(tree, 0):
        lines = list(_block(tree, 0))
    else:
        lines = [_inline(tree, in_flow=False)]
    return "\n".join([*tree.before, *lines, *tree.behind, *foot]) + "\n"


def _fits(tree: Tree, width: int) -> bool:
    """Say whether a collection is written in one line."""
    return tree.is_flow and not tree.has_comments() and width + len(_inline(tree, in_flow=True)) <= WIDTH


def _block(tree: Tree, depth: int) -> Iterator[str]:
    indent = "  " * depth
    members = (
        tree.value.items() if isinstance(tree.value, dict) else ((None, each) for each in _parts(tree.value))
    )
    for place, (key, member) in enumerate(members):
        if member.has_gap and (place > 0 or depth == 0):  # none at the begin of a block inside another
            yield ""
        yield from (f"{indent}{comment}" for comment in member.before)
        if key is None:
            yield from _item(member, depth)
        else:
            yield from _entry(f"{indent}{_scalar(key, in_flow=False)}:", member, depth)
        yield from (f"{indent}{comment}" for comment in member.behind)


def _entry(head: str, tree: Tree, depth: int) -> Iterator[str]:
    beside = f" {tree.beside}" if tree.beside else ""
    if isinstance(tree.value, dict | list) and tree.value and not _fits(tree, len(head) + 1):
        yield head + beside
        yield from _block(tree, depth + 1)
    elif isinstance(tree.value, str) and (lines := _lines(tree)):
        yield f"{head} {lines[0]}{beside}"
        yield from ("  " * (depth + 1) + line if line else "" for line in lines[1:])
    else:
        yield f"{head} {_inline(tree, in_flow=False)}{beside}"


def _item(tree: Tree, depth: int) -> Iterator[str]:
    indent = "  " * depth
    is_block = isinstance(tree.value, dict | list) and bool(tree.value) and not _fits(tree, len(indent) + 2)
    first = next(iter(tree.value.values())) if is_block and isinstance(tree.value, dict) else None
    if first is None or tree.beside or first.before:
        yield from _entry(f"{indent}-", tree, depth)
        return
    lines = _block(tree, depth + 1)
    yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
    yield from lines


def _lines(tree: Tree) -> list[str]:
    """Return the header and the lines of a text that is written as a block; nothing for other texts."""
    if tree.written:
        return tree.written.split("\n")
    text = tree.value if isinstance(tree.value, str) else ""
    body = text.rstrip("\n")
    odd = body[:1] in {" ", "\t", "\n"} or _UNPRINTABLE.search(text) is not None
    if "\n" not in text or not body or odd:
        return []
    ends = len(text) - len(body)
    header = {0: "|-", 1: "|"}.get(ends, "|+")
    return [header, *body.split("\n"), *[""] * (ends - 1)]


def _inline(tree: Tree, *, in_flow: bool) -> str:
    if isinstance(tree.value, dict):
        members = (
            f"{_scalar(key, in_flow=True)}: {_inline(each, in_flow=True)}" for key, each in tree.value.items()
        )
        return "{" + ", ".join(members) + "}"
    if isinstance(tree.value, list):
        return "[" + ", ".join(_inline(each, in_flow=True) for each in tree.value) + "]"
    return _scalar(tree.value, in_flow=in_flow)


def _scalar(value: Plain, *, in_flow: bool) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    is_plain = _PLAIN.match(value) and not _NO_TEXT.fullmatch(value) and not _NOT_PLAIN.search(value)
    if is_plain and not (in_flow and _FLOW.search(value)):
        return value
    if _NEEDS_ESCAPE.search(value):
        return '"' + re.sub(rf'["\\\\]|{_NEEDS_ESCAPE.pattern}', _escape, value) + '"'
    return _quote(value) if re.search(r'["\\]', value) else f'"{value}"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(match[0])
    return short or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")


def _quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
