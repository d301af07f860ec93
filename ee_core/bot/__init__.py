"""Bots: what their authors write with, and the host that carries out attempts, in another process or the engine's.

For authors: `Bot` and `Context`, and the errors in `ee_core.errors`. A host is in `ee_core.bot.host`, a worker for
stateless work in `ee_core.bot.worker`, signals and a process of its own in `ee_core.bot.process`.
"""

from ee_core.bot.context import Context
from ee_core.bot.sdk import Bot

__all__ = ["Bot", "Context"]
