"""The smallest expression language: a program is a name, and its value what stands under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ee_core.model.expression import Scope


@dataclass(frozen=True)
class Name:
    """A program that reads the one name it is made of."""

    source: str

    @property
    def references(self) -> tuple[str, ...]:
        return (self.source,)

    def evaluate(self, scope: Scope) -> Any:
        return scope[self.source]
