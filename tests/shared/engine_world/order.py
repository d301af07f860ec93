"""Durable before act: the rule that every message of an engine is held to while an engine test runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine_world.world import World

_ENDS = {"AttemptSucceeded", "AttemptFailed", "AttemptLost", "AssignmentVoided", "LateResponse", "BotDrained"}


def check_order(world: World, subject: str, body: bytes) -> None:
    """Note it if what an engine sends follows from no record that stands."""
    message = json.loads(body)

    def demand(holds: bool, text: str) -> None:
        if not holds:
            world.violations.append(text)

    if subject.startswith("activity.execute."):
        sent = (message["visit"], message["attempt"])
        known = {(each.visit, each.attempt) for each in world.find(message["job"], "AttemptAssigned")}
        demand(sent in known, f"{subject}: {sent} was sent before it was recorded")
    elif subject.startswith("activity.ack.") and message["verdict"] == "recorded":
        about = (message["visit"], message["attempt"])
        known = {_attempt_of(each) for each in world.recorded(message["job"])}
        demand(about in known, f"{subject}: {about} was acknowledged before it was recorded")
    elif subject.startswith("jobs.events."):
        count = len(world.store.records.get(message["subject"], ()))
        demand(message["record"] < count, f"{subject}: {message['id']} was told before it was recorded")
    elif subject.startswith("_INBOX.") and message.get("status") in {"accepted", "known", "cancelled"}:
        demand(message["job"] in world.store.summaries, f"{message} was answered before it was recorded")


def _attempt_of(event: Any) -> tuple[Any, Any] | None:
    """Return the attempt that an event ended or asks about."""
    if type(event).__name__ == "IncidentOpened":
        return event.visit, event.detail.get("attempt")
    return (event.visit, event.attempt) if type(event).__name__ in _ENDS else None
