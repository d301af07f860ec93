"""What an expression language plugin promises. The kit's mutants live with the plugin `ee-cel`.

[X1] `compile` returns a `Program`, or a `Fault` for a source that can never be evaluated; it never raises for a bad source.
[X2] A name that is not declared (and, unless `Names.open`, not a declared one with a member) is a `Fault` at its column, with the nearest declared name in `hint`.
[X3] A program's value is plain JSON: None, bool, int, float, str, list or dict with text keys; anything else, NaN and infinity are an `ExpressionError`.
[X4] An absent name that is read is an `ExpressionError` naming it; logic that does not need it (`true || x`), or asks whether it has a value (CEL: `has(x)`), is none.
[X5] With `want_bool` a source whose type is known and not boolean is a `Fault`; one whose value turns out not to be is an `ExpressionError`.
[X6] Evaluation ends: a budget of steps, a source of at most 4 kB, a value of at most 64 kB, collections of at most 10,000; beyond each is an error that names the limit.
[X7] A program keeps nothing between evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.model.expression import Program


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression may read."""

    types: Mapping[str, str] = field(
        default_factory=dict
    )  # dotted name -> bool int double string list map dyn
    open: bool = False  # export form: any bare word is a context key of type dyn


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a source does not compile."""

    message: str  # what is wrong, for people
    column: int  # 1-based, in the source's line
    line: int = 1  # 1-based, in the source
    length: int = 1  # columns that are meant
    hint: str = ""  # a valid word that was probably meant


@runtime_checkable
class Language(Protocol):
    """An expression language; used at load time, on the engine's loop."""

    @property
    def name(self) -> str:
        """What `Workflow.language` says."""

    def compile(self, source: str, names: Names, *, want_bool: bool = False) -> Program | Fault:
        """Compile one expression."""
