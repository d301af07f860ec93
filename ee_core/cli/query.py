"""``--query``: a JMESPath expression, and which of its members the data do not have.

JMESPath says null of a member that is not there, so a misspelt one looks like data that are empty.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

import click
import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST: Final = 20  # members in one hint


class Query:
    """A JMESPath expression.

    Raises:
        click.UsageError: It is none.
    """

    def __init__(self, source: str) -> None:
        try:
            self._parsed = jmespath.compile(source).parsed
        except JMESPathError as error:
            raise click.UsageError(f"--query is no JMESPath expression: {_on_one_line(error)}") from None

    def search(self, data: Any) -> tuple[Any, str]:
        """Return what it finds in the data, and a hint where it finds nothing for a member that is not there.

        Raises:
            click.UsageError: It does not fit the data.
        """
        interpreter = _Noting()
        try:
            found = interpreter.visit(self._parsed, data)
        except JMESPathError as error:
            raise click.UsageError(f"--query does not fit the data: {_on_one_line(error)}") from None
        return found, interpreter.to_hint() if _lacks(found) else ""


class _Noting(TreeInterpreter):  # type: ignore[misc]  # jmespath has no types
    """Notes which members were asked for and never found, and those that were beside."""

    def __init__(self) -> None:
        super().__init__()
        self._missed: dict[
            str, dict[str, None]
        ] = {}  # by name; the members that were there instead, in order
        self._met: set[str] = set()

    def visit_field(self, node: Mapping[str, Any], value: Any) -> Any:
        """Look a member up."""
        name = node["value"]
        if isinstance(value, dict):
            if name in value:
                self._met.add(name)
            else:
                self._missed.setdefault(name, {}).update(dict.fromkeys(map(str, value)))
        return super().visit_field(node, value)

    def to_hint(self) -> str:
        """Name the first member that none of the data has, and those they have; empty when there is none."""
        for name, beside in self._missed.items():
            if name not in self._met and beside:
                near = difflib.get_close_matches(name, beside, n=1)
                meant = f"did you mean {near[0]!r}? " if near else ""
                shown = ", ".join(list(beside)[:_MOST]) + (", ..." if len(beside) > _MOST else "")
                return f"no member {name!r} here; {meant}there are: {shown}"
        return ""


def _lacks(found: Any, depth: int = 2) -> bool:
    """Say whether what was found is nothing, or has nothing in it."""
    if found is None or found in ([], {}):
        return True
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return depth > 0 and any(_lacks(each, depth - 1) for each in inner)


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
