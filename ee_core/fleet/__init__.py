"""The engine's view of bots: who is there, who has them, who waits for them.

`Fleet` (in `ee_core.fleet.fleet`) is the only door. Its durable record is the lock's value and the journal: after a
restart the waits of all jobs say who sits where, and each bot's answer to a claim says what it really does.
"""

from __future__ import annotations

from ee_core.fleet.fleet import Fleet, TellJob
from ee_core.fleet.looks import BotRow

__all__ = ["BotRow", "Fleet", "TellJob"]
