"""The page of exceptions."""

from __future__ import annotations

import inspect
import re

from source import code, markdown, page, parse_docstring, table

from ee_core import errors
from ee_core.cli.exits import Exit, exit_of


def list_errors() -> list[type[errors.EngineError]]:
    """Return all classes in the order of the module."""
    return [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.EngineError)
    ]


def make() -> str:
    """Return the page."""
    tree = (errors.__doc__ or "").partition("EngineError\n")
    rows = [
        (
            code(kind.__name__),
            f"[{code(kind.code)}](codes/{kind.code}.md)",
            "yes" if kind.retryable else "",
            markdown(parse_docstring(kind.__doc__).summary),
            _exit_code(kind),
        )
        for kind in list_errors()
    ]
    facts = []
    for kind in list_errors():
        attributes = parse_docstring(kind.__doc__).entries("Attributes")
        if attributes:
            lines = [f"- `{name}`: {markdown(text)}" for name, text in attributes]
            facts.append(f"### {kind.__name__}\n\n" + "\n".join(lines))
    return page(
        "Errors",
        "Every exception is a subclass of `EngineError`. The tree says whose fault it is, the flag `retryable` whether"
        " the same call may succeed later. Over the wire an error travels as code and text, never as a class name.",
        "## The tree",
        "```text\n" + tree[1] + tree[2].rstrip() + "\n```",
        "## The classes",
        "The exit code is what [`eectl`](commands.md#exit-codes) ends with.",
        table(("class", "code", "retryable", "meaning", "exit code"), rows),
        "## What they carry",
        *facts,
    )


def _exit_code(kind: type[errors.EngineError]) -> str:
    bare = kind.__new__(kind)
    found = exit_of(bare)
    words = re.sub(r"_", " ", Exit(found).name.lower())
    return f"{int(found)} ({words})"
