"""What the code says about itself: comments beside fields, sections of docstrings, source of functions."""

from __future__ import annotations

import ast
import inspect
import io
import json
import re
import textwrap
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType

_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Source):$")
_ENTRY = re.compile(r"^ {4}(\w+): (.*)$")


@dataclass(slots=True)
class FieldNote:
    """A field as its class writes it."""

    name: str
    type: str
    default: str  # as Python writes it; "" when there is none
    note: str


@dataclass(slots=True)
class Docstring:
    """A Google docstring, taken apart."""

    summary: str
    paragraphs: list[str] = field(default_factory=list)  # before the first section
    sections: dict[str, str] = field(default_factory=dict)  # dedented
    after: list[str] = field(default_factory=list)  # paragraphs behind the sections

    def entries(self, section: str) -> list[tuple[str, str]]:
        """Return the ``name: text`` entries of a section, in order."""
        found: list[tuple[str, str]] = []
        for line in textwrap.indent(self.sections.get(section, ""), "    ").splitlines():
            match = _ENTRY.match(line)
            if match:
                found.append((match[1], match[2]))
            elif found:
                name, text = found[-1]
                found[-1] = (name, f"{text} {line.strip()}")
        return found


def field_notes(kind: type) -> list[FieldNote]:
    """Return the annotated fields of a class, each with the comment beside it or the lines of comment above."""
    source = textwrap.dedent(inspect.getsource(kind))
    comments = _comments(source)
    body = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)).body
    notes = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if node.target.id == "model_config" or node.target.id.startswith("_"):
                continue
            default = ast.unparse(node.value) if node.value is not None else ""
            note = comments.get(node.end_lineno or 0) or _above(source, node.lineno)
            notes.append(
                FieldNote(node.target.id, ast.unparse(node.annotation), _plain_default(default), note)
            )
    return notes


def member_notes(kind: type) -> list[tuple[str, str]]:
    """Return the members of an enumeration with the comments beside them."""
    source = textwrap.dedent(inspect.getsource(kind))
    comments = _comments(source)
    body = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)).body
    return [
        (_member(node), comments.get(node.end_lineno or 0, ""))
        for node in body
        if isinstance(node, ast.Assign)
    ]


def _member(node: ast.Assign) -> str:
    """Return a member's value, or its name where the value says nothing."""
    is_named = isinstance(node.value, ast.Call)  # auto()
    return ast.unparse(node.targets[0]) if is_named else str(ast.literal_eval(node.value))


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokens
        if token.type == tokenize.COMMENT and not token.line.lstrip().startswith("#")
    }


def _above(source: str, line: int) -> str:
    lines = source.splitlines()
    found: list[str] = []
    for text in reversed(lines[: line - 1]):
        if not text.lstrip().startswith("#"):
            break
        found.insert(0, text.strip().lstrip("# "))
    return " ".join(found)


def _plain_default(default: str) -> str:
    factory = re.search(r"default_factory=(\w+)", default)
    if factory:
        return {"dict": "{}", "list": "[]"}.get(factory[1], f"{factory[1]}()")
    if default.startswith("'"):
        return json.dumps(ast.literal_eval(default))
    given = re.match(r"Field\((?:default=([^,)]+))?", default)
    return (given[1] or "") if given else default


def parse_docstring(text: str | None) -> Docstring:
    """Take a docstring apart."""
    blocks = inspect.cleandoc(text or "").split("\n\n")
    parsed = Docstring(summary=_flow(blocks[0]))
    for block in blocks[1:]:
        head, _, rest = block.partition("\n")
        section = _SECTION.match(head)
        if section:
            parsed.sections[section[1]] = textwrap.dedent(rest)
        elif parsed.sections:
            parsed.after.append(_flow(block))
        else:
            parsed.paragraphs.append(_flow(block))
    return parsed


def _flow(block: str) -> str:
    """Join the lines of a paragraph; a list keeps its items."""
    return re.sub(r"\n(?!\* )\s*", " ", block)


def function_source(function: Callable[..., Any]) -> str:
    """Return a function with its decorators, as its file has it."""
    return textwrap.dedent(inspect.getsource(inspect.unwrap(function))).rstrip()


def own_classes(module: ModuleType) -> list[type]:
    """Return the public classes that a module defines, in its order."""
    return [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def markdown(text: str) -> str:
    """Turn the docstrings' marks into Markdown's; the numbers that tests call rules by are left out."""
    text = re.sub(r"\s*\((?:R\d+a?(?: `\w+`)?(?:, )?)+\)|(?<=time-outs) of R\d+", "", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars and line ends inside cells are made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def code(text: str) -> str:
    """Return text as inline code, nothing for nothing."""
    return f"`{text}`" if text else ""


def page(title: str, intro: str, *parts: str) -> str:
    """Return a page with the note that it is made."""
    made = "<!-- Made from the code by docs/_generate (poe docs). Change the code, not this page. -->"
    return "\n\n".join([made, f"# {title}", intro, *parts]).rstrip() + "\n"
