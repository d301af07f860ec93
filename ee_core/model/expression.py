"""What the model asks of an expression: one compiled program, evaluated over names.

The language itself is a plugin (`ee_core.contracts.expression`). Names are dotted, as declared at load time:
``inputs.limit``, ``nodes.read.output``, ``nodes.read.error``, ``nodes.read.visits``, ``job.id``; in the export
form bare context keys and ``context``. A name that has no value yet is absent from the scope, and reading it is
an error unless the language's logic skips it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Scope = Mapping[str, Any]  # dotted name -> plain JSON value; evaluated lazily, never iterated


class Program(Protocol):
    """A compiled expression; stateless, so that all jobs of a workflow share it."""

    @property
    def source(self) -> str:
        """The text it was compiled from."""

    @property
    def references(self) -> tuple[str, ...]:
        """The dotted names it may read, sorted."""

    def evaluate(self, scope: Scope) -> Any:
        """Return the value: plain JSON (None, bool, int, float, str, list, dict).

        Raises:
            ExpressionError: A missing name or key was read, types do not fit, or a budget was used up.
        """
