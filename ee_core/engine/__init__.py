"""The only place where the parts meet; it owns every lifetime."""

from __future__ import annotations

from ee_core.engine.engine import Engine, open_engine
from ee_core.engine.parts import Parts, open_lock, open_parts

__all__ = ["Engine", "Parts", "open_engine", "open_lock", "open_parts"]
