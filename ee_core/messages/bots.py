"""Broadcasts about bots: who is there, what it serves, what it does."""

from __future__ import annotations

from typing import Any

from ee_core.messages.activity import RunningAttempt
from ee_core.messages.wire import Message, Token, WireFence


class BotHello(Message):
    """`bots.hello` at the start and on a call, `bots.heartbeat.<bot>` every few seconds."""

    bot: Token  # its id
    instance: str  # new at each start of the process
    ledger: str  # the bot's memory; a new one when its disk was lost
    activities: tuple[str, ...]  # types it serves
    labels: dict[str, str] = {}  # what workflows may select by
    stateless: bool = False  # True: a worker for `_any` work, never leased
    schemas: dict[str, dict[str, Any]] = {}  # input schema by type; with hello only
    interval_ms: int = 5000  # of its heartbeats
    running: RunningAttempt | None = None  # what it does now
    highest: WireFence  # the highest fence it has seen
    leaving: bool = False  # the last one: it drains and goes away


class BotsCall(Message):
    """`bots.call`: all bots answer with hello."""
