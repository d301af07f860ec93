"""Finds, checks and opens plugins; no other part of EE knows stevedore or pluggy's plugin manager.

`Registry` is what an engine, a bot or a command makes, once. Inside: `listing` says what is installed, `loading` imports
and checks one module, `calls` asks hooks so that a plugin which raises costs only its own answer, and `answers` holds
the rule by which several answers become one.
"""

from __future__ import annotations

from ee_core.registry.answers import add_headers, admit_job, choose_bot, choose_retry, expand_node
from ee_core.registry.calls import Answer, HookCalls
from ee_core.registry.plugins import PluginRow, PluginState, Registry

__all__ = [
    "Answer",
    "HookCalls",
    "PluginRow",
    "PluginState",
    "Registry",
    "add_headers",
    "admit_job",
    "choose_bot",
    "choose_retry",
    "expand_node",
]
