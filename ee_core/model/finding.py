"""What is told about a definition that is wrong, or may surprise; the codes are listed in `soundness`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ee_core.model.ids import NodeId

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one place; who knows the file adds line and column."""

    code: str  # EE-W1xx, stable
    severity: Severity
    node: NodeId | None  # None: the workflow itself
    slot: int | None  # place of the pointer in its node, or `ON_ERROR`; None: the node itself
    text: str  # what is wrong, and where
    hint: str  # what to do
