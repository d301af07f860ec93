"""``-o`` and ``--query``: how a command prints its data, the same for all commands that have any.

A command says what its data are, and how people are shown them; programs get them whole, as JSON, YAML or names.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.output import put, say
from ee_core.cli.table import WIDEST, to_cell, to_pairs, to_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ee_core.cli.query import Query

FORMATS: Final = ("table", "wide", "json", "jsonl", "yaml", "name")
_FLAG: Final = re.compile(r"(?:-o|--output)(?:=?(?P<form>[a-z]+))?")
FOR_PROGRAMS: Final = frozenset({"json", "jsonl", "yaml"})  # their errors are objects too


class Output:
    """How one command prints its data.

    Args:
        form: One of `FORMATS`.
        query: A JMESPath expression that is applied to the data before they are printed; empty: all of them.

    Raises:
        click.UsageError: The expression is none.
    """

    def __init__(self, form: str, query: str = "") -> None:
        self.form = form
        self._query = _to_query(query) if query else None
        if form == "name" and query:
            raise click.UsageError("-o name prints names, and --query prints what it finds; use one of them")

    @property
    def is_for_people(self) -> bool:
        """Whether the command shows its data in its own way."""
        return self.form in {"table", "wide"} and self._query is None

    @property
    def is_stream(self) -> bool:
        """Whether each piece of data is a line of its own."""
        return self.form == "jsonl"

    @property
    def widest(self) -> int | None:
        """The most columns of a cell; None is any number."""
        return None if self.form == "wide" else WIDEST

    def rows(
        self,
        rows: Sequence[Mapping[str, Any]],
        columns: Sequence[str],
        *,
        wide: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        """Print a list.

        Args:
            columns: What a table shows of a row.
            wide: What ``-o wide`` shows beside.
            name: The member that names a row; without it the first column.
        """
        if self.is_for_people:
            self.table(rows, (*columns, *wide) if self.form == "wide" else columns)
        elif self.form == "name":
            self._put_lines(to_cell(row.get(name or columns[0])) for row in rows)
        else:
            self._put_data(list(rows))

    def record(self, record: Any, show: Callable[[], None], *, names: Sequence[str] = ()) -> None:
        """Print one thing.

        Args:
            show: Prints it for people.
            names: What ``-o name`` prints.
        """
        if self.is_for_people:
            show()
        elif self.form == "name":
            self._put_lines(names)
        else:
            self._put_data(record)

    def piece(self, data: Mapping[str, Any], *, name: str) -> None:
        """Print one thing of many that come one by one: a line of JSON, a document of YAML, or its name.

        What a query finds nothing in is left out.

        Args:
            name: What ``-o name`` prints.
        """
        found = self._query.search(data)[0] if self._query is not None else data
        if self.form == "name":
            put(name)
        elif found is None:
            return
        elif self.form == "yaml":
            put(f"---\n{_to_yaml(found)}")
        elif self.form in FOR_PROGRAMS:
            put(json.dumps(found, ensure_ascii=False))
        else:
            self._put_lines(self._to_lines([found] if isinstance(found, list) else found))

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print a table for people."""
        self._put_lines(to_table(rows, columns, widest=self.widest))

    def pairs(self, pairs: Any) -> None:
        """Print named facts for people; empty ones are left out."""
        self._put_lines(to_pairs(pairs, widest=self.widest))

    def _put_data(self, data: Any) -> None:
        found, hint = self._query.search(data) if self._query is not None else (data, "")
        if hint:
            say(f"hint: --query: {hint}")
        match self.form:
            case "json":
                put(json.dumps(found, indent=2, ensure_ascii=False))
            case "jsonl":
                self._put_lines(
                    json.dumps(each, ensure_ascii=False)
                    for each in (found if isinstance(found, list) else [found])
                )
            case "yaml":
                put(_to_yaml(found))
            case _:
                self._put_lines(self._to_lines(found))

    def _to_lines(self, found: Any) -> Any:
        """Return what a query found as people read it."""
        if isinstance(found, dict):
            return to_pairs(found.items(), widest=self.widest)
        if not isinstance(found, list):
            return [to_cell(found)]
        if found and all(isinstance(each, dict) for each in found):
            return to_table(
                found, list(dict.fromkeys(key for each in found for key in each)), widest=self.widest
            )
        return ["  ".join(map(to_cell, each)) if isinstance(each, list) else to_cell(each) for each in found]

    @staticmethod
    def _put_lines(lines: Any) -> None:
        for line in lines:
            put(line)


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-o`` and ``--query`` to a command, which gets them as one `Output` called `output`."""

    @click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(FORMATS),
        help="A table, a wide one, JSON, a line of JSON for each thing, YAML, or names alone;"
        " without it the setting output (table).",
    )
    @click.option(
        "--query",
        metavar="EXPR",
        default="",
        help="Print what this JMESPath expression finds in the data, as it stands in -o json.",
    )
    @functools.wraps(command)
    def with_output(*arguments: Any, form: str | None, query: str, **options: Any) -> Any:
        shared = click.get_current_context().ensure_object(dict)
        return command(*arguments, output=Output(form or _usual_form(shared), query), **options)

    return with_output


def find_form(asked: Sequence[str], shared: Mapping[str, Any]) -> str:
    """Return the form that a command line asks for, even where it cannot be read otherwise.

    Args:
        shared: What the command line said so far.
    """
    for word, following in zip(asked, [*asked[1:], ""], strict=True):
        found = _FLAG.fullmatch(word)
        if found:
            return found["form"] or following
    return _usual_form(shared)


def _usual_form(shared: Mapping[str, Any]) -> str:
    """Return the form that is used without ``-o``."""
    from ee_core.config import find_output

    config = shared.get("config")
    return find_output(file=Path(config) if config else None, context=shared.get("context"))


def _to_query(source: str) -> Query:
    from ee_core.cli.query import Query  # few ask, and jmespath takes time to import

    return Query(source)


def _to_yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text.removesuffix("\n").removesuffix("\n...")
