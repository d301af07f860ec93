"""What a command prints: a table for people or JSON for programs on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDEST = 60  # of a cell in a table


def say(text: str) -> None:
    """Tell the person at the terminal something."""
    click.echo(text, err=True)


def print_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str], output: str) -> None:
    """Print a list: `output` is ``table`` or ``json``; JSON has all members, a table the named columns."""
    if output == "json":
        print_json(list(rows))
        return
    cells = [
        [name.upper() for name in columns],
        *([_cell(row.get(name)) for name in columns] for row in rows),
    ]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    for line in cells:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print named facts, one a line; empty ones are left out."""
    shown = [(name, _cell(value)) for name, value in pairs if value not in (None, "", {}, [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        click.echo(f"{name.ljust(width)}  {text}")


def is_terminal() -> bool:
    """Say whether a person reads stdout."""
    return sys.stdout.isatty()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = ", ".join(value)
    elif isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        text = ", ".join(f"{name}={item}" for name, item in value.items())
    else:
        text = json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
