"""A file in the native form, written the one usual way: the order of keys, blanks and quotes; comments and gaps stay.

The values and the order of nodes stay, so the workflow and its hash do. What is written is read again and compared
before anybody sees it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions.layout import sort_keys, sort_members
from ee_core.definitions.source import read
from ee_core.definitions.yaml_text import Tree, write_yaml
from ee_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.definitions.items import Item
    from ee_core.model.references import Path

_COMMENT: Final = re.compile(r"(?:(?<=\s)|^)#[^\n]*", re.MULTILINE)
_BLOCKS: Final = frozenset({"|", ">"})
_EMPTY_LINE: Final = re.compile(r"\n[ \t\r]*\n")


def format_native(data: bytes, file: str) -> str:
    """Return a file's text as it is usually written.

    Args:
        data: Of a file in the native form, YAML or JSON; it need not be a sound workflow.
        file: Its name, for messages.

    Raises:
        WorkflowError: It cannot be read.
        InputError: It is no file in the native form, or holds a comment that would be lost.
    """
    root = read(data, file)
    if not isinstance(root.value, dict) or not isinstance(_member(root, "nodes"), dict):
        raise InputError(
            f"{file} is no workflow in the native form: it has no nodes by id; only such files are formatted"
        )
    if root.text.content.lstrip().startswith("{"):
        text = json.dumps(sort_members(root.plain(), ()), indent=2, ensure_ascii=False) + "\n"
    else:
        text = _Formatter(root).write()
    again = read(text.encode(), file)
    if _typed(again.plain()) != _typed(root.plain()) or list(_comments(again)) != list(_comments(root)):
        raise InputError(f"{file} cannot be formatted without a loss; please report it, with the file")
    return text


def _member(root: Item, key: str) -> object:
    found = root.value.get(key) if isinstance(root.value, dict) else None
    return found.value if found is not None else None


def _typed(value: Any) -> Any:
    """Return a value that equals another only if the order of nodes and the types of numbers do too."""
    if isinstance(value, dict):
        nodes = list(value["nodes"]) if isinstance(value.get("nodes"), dict) else []
        return (nodes, {key: _typed(member) for key, member in value.items()})
    return [_typed(item) for item in value] if isinstance(value, list) else (type(value), value)


@dataclass(frozen=True, slots=True)
class _Comment:
    """One comment of the text."""

    start: int
    text: str
    is_alone: bool  # on its line
    column: int  # from 0


def _scalars(item: Item) -> Iterator[Item]:
    """Yield all keys and scalars, in the order of the text."""
    if isinstance(item.value, dict):
        for key, member in item.value.items():
            yield item.keys[key]
            yield from _scalars(member)
    elif isinstance(item.value, list):
        for each in item.value:
            yield from _scalars(each)
    else:
        yield item


def _find_comments(root: Item) -> list[_Comment]:
    """Find the comments: what stands between keys and scalars is marks, blanks and comments, nothing else."""
    content = root.text.content
    found = []
    at = 0
    spans = [(each.start, each.start + len(_own_text(each))) for each in _scalars(root)]
    for start, end in [*spans, (len(content), len(content))]:
        for match in _COMMENT.finditer(content, at, max(at, start)):
            line = content.rfind("\n", 0, match.start()) + 1
            is_alone = not content[line : match.start()].strip()
            text = match[0].rstrip()
            found.append(_Comment(match.start(), text, is_alone, match.start() - line))
        at = max(at, end)
    for block in (each for each in _scalars(root) if each.style in _BLOCKS):
        header = block.raw.partition("\n")[0]
        mark = header.find("#")
        if mark >= 0:
            found.append(_Comment(block.start + mark, header[mark:].rstrip(), is_alone=False, column=0))
    found.sort(key=lambda each: each.start)
    return found


def _own_text(item: Item) -> str:
    """Return a scalar's text without the lines behind a block, which the parser counts in, unless they belong to it."""
    return item.raw.rstrip() if item.style in _BLOCKS and "+" not in item.raw[:3] else item.raw


def _comments(root: Item) -> Iterator[str]:
    yield from sorted(each.text for each in _find_comments(root))


@dataclass(slots=True)
class _Entry:
    """A key with its value, or an item of a list."""

    start: int
    end: int  # of its own head: the key, or the whole scalar
    column: int
    tree: Tree


class _Formatter:
    """Writes one file."""

    def __init__(self, root: Item) -> None:
        self._content = root.text.content
        self._root = root
        self._entries: list[_Entry] = []

    def write(self) -> str:
        tree = self._build(self._root, ())
        # An item of a list begins where its first key does, and was made after it: it comes first.
        self._entries.reverse()
        self._entries.sort(key=lambda entry: entry.start)
        head, foot = self._attach()
        self._mark_gaps(tree, has_head=bool(head))
        tree.before = head
        return write_yaml(tree, tuple(foot))

    def _build(self, item: Item, path: Path) -> Tree:
        is_flow = item.raw[:1] in {"{", "["} and isinstance(item.value, dict | list)
        if isinstance(item.value, dict):
            members = {}
            for key in sort_keys(path, item.value):
                members[key] = self._build(item.value[key], (*path, key))
                self._add(item.keys[key].start, item.value[key], members[key])
            return Tree(members, is_flow=is_flow)
        if isinstance(item.value, list):
            items = []
            for place, each in enumerate(item.value):
                tree = self._build(each, (*path, place))
                self._add(each.start, each, tree)
                items.append(tree)
            return Tree(items, is_flow=is_flow)
        return Tree(item.value, written=_folded(item))

    def _add(self, start: int, item: Item, tree: Tree) -> None:
        line = self._content.rfind("\n", 0, start) + 1
        is_scalar = not isinstance(item.value, dict | list)
        end = item.start + len(_own_text(item)) if is_scalar else item.start
        self._entries.append(_Entry(start, max(start, end), start - line, tree))

    def _attach(self) -> tuple[list[str], list[str]]:
        """Give each comment to an entry; return those before the first entry, and those behind the last."""
        head: list[str] = []
        foot: list[str] = []
        starts = [entry.start for entry in self._entries]
        for comment in _find_comments(self._root):
            place = bisect_right(starts, comment.start)
            following = self._entries[place] if place < len(starts) else None
            if place == 0:
                head.append(comment.text)
            elif not comment.is_alone and self._is_beside(self._entries[place - 1], comment):
                tree = self._entries[place - 1].tree
                tree.beside = f"{tree.beside} {comment.text}".strip()
            elif (last := self._last_of_block(place, comment, following)) is not None:
                last.tree.behind.append(comment.text)
            elif following is None:
                foot.append(comment.text)
            else:
                following.tree.before.append(comment.text)
        return head, foot

    def _last_of_block(self, place: int, comment: _Comment, following: _Entry | None) -> _Entry | None:
        """Return the entry that a comment ends a block with: as deep as the comment, and the next one is less deep."""
        if comment.column <= (following.column if following is not None else 0):
            return None
        for entry in reversed(self._entries[:place]):
            if entry.column <= comment.column:
                return entry if entry.column == comment.column else None
        return None

    def _is_beside(self, entry: _Entry, comment: _Comment) -> bool:
        return "\n" not in self._content[max(entry.start, min(entry.end, comment.start)) : comment.start]

    def _mark_gaps(self, tree: Tree, *, has_head: bool) -> None:
        end = 0
        for entry in self._entries:
            entry.tree.has_gap = _EMPTY_LINE.search(self._content[end : entry.start]) is not None
            end = max(end, entry.end)
        if self._entries and isinstance(tree.value, dict):
            # whichever key comes first now stands below the head as the first one did
            has_gap = self._entries[0].tree.has_gap and has_head
            self._entries[0].tree.has_gap = False
            next(iter(tree.value.values())).has_gap = has_gap


def _folded(item: Item) -> str:
    """Return the lines of a folded block as they are, without their indentation; "" for all other texts."""
    if item.style != ">":
        return ""
    header, *lines = _own_text(item).split("\n")
    header = header.split("#")[0].strip()
    if not re.fullmatch(">-?", header) or any(line.strip() and line[:1] == "\t" for line in lines):
        return ""
    depth = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "\n".join([header, *(line[depth:].rstrip() for line in lines)])
