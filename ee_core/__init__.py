"""EE runs workflows whose steps are done by bots: workers that are exclusive, stateful and mortal.

The public names below are loaded on first use, so that importing one module of EE loads no other. What plugins need
is in `ee_core.contracts`, `ee_core.hookspecs`, `ee_core.errors`, `ee_core.model` and `ee_core.messages`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ee_core.bot import Bot, Context
    from ee_core.client import Client
    from ee_core.config import Settings, load_settings
    from ee_core.definitions import Definition, load
    from ee_core.engine import Engine, open_engine, open_parts
    from ee_core.errors import EngineError
    from ee_core.local.env import SystemEnv
    from ee_core.simulation.workflow_test import run_workflow

__all__ = [
    "Bot",
    "Client",
    "Context",
    "Definition",
    "Engine",
    "EngineError",
    "Settings",
    "SystemEnv",
    "load",
    "load_settings",
    "open_engine",
    "open_parts",
    "run_workflow",
]

_HOMES: Final = {
    "Bot": "ee_core.bot",
    "Client": "ee_core.client",
    "Context": "ee_core.bot",
    "Definition": "ee_core.definitions",
    "Engine": "ee_core.engine",
    "EngineError": "ee_core.errors",
    "Settings": "ee_core.config",
    "SystemEnv": "ee_core.local.env",
    "load": "ee_core.definitions",
    "load_settings": "ee_core.config",
    "open_engine": "ee_core.engine",
    "open_parts": "ee_core.engine",
    "run_workflow": "ee_core.simulation.workflow_test",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ee_core' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
