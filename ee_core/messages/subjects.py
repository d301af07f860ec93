"""Subjects: which message travels where.

A subject prefix (namespace) stands before every subject and a dot; it is empty by default. Bot ids, job ids and
partitions are single tokens; an activity type may have dots and stands last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ee_core.errors import MessageError

_TOKEN: Final = re.compile(r"(?!_)[A-Za-z0-9_-]{1,64}")
_TYPE: Final = re.compile(r"(?!_)[A-Za-z0-9_.-]{1,64}")

# Every pattern by the kind of its channel; brokers make their stores from it. A broadcast needs no store.
PATTERNS: Final[Mapping[str, tuple[str, ...]]] = {
    "work": ("jobs.execute", "jobs.cancel", "jobs.operate", "jobs.command.*", "activity.execute._any.>"),
    "inbox": ("activity.execute.*", "activity.cancel.*", "activity.query.*", "activity.ack.*"),
    "reply": ("activity.response", "activity.response.*.*"),
    "broadcast": ("activity.cancel._any.>", "bots.hello", "bots.heartbeat.*", "bots.call", "jobs.events.*"),
    "request": ("jobs.query",),
}


def check_token(text: str, what: str) -> str:
    """Return an id that may be a subject token.

    Raises:
        MessageError: It is not 1-64 of ``A-Za-z0-9_-``, or begins with ``_``.
    """
    if not _TOKEN.fullmatch(text):
        raise MessageError(
            f"{what} {text!r} is not usable; use 1 to 64 letters, digits, '-' and '_', not '_' first"
        )
    return text


def check_type(text: str) -> str:
    """Return an activity type's name; like a token, and dots between."""
    if not _TYPE.fullmatch(text) or ".." in text or text.startswith(".") or text.endswith("."):
        raise MessageError(
            f"activity type {text!r} is not usable; use letters, digits, '-', '_' and dots between words"
        )
    return text


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects of one namespace."""

    prefix: str = ""

    def named(self, tail: str) -> str:
        """Return a subject or pattern with the prefix before it."""
        return f"{self.prefix}.{tail}" if self.prefix else tail

    def tail(self, subject: str) -> str:
        """Return a subject without the prefix."""
        return subject.removeprefix(f"{self.prefix}.") if self.prefix else subject

    @property
    def execute_job(self) -> str:
        return self.named("jobs.execute")

    @property
    def cancel_job(self) -> str:
        return self.named("jobs.cancel")

    @property
    def operate_job(self) -> str:
        return self.named("jobs.operate")

    @property
    def query_jobs(self) -> str:
        return self.named("jobs.query")

    def command(self, partition: int) -> str:
        return self.named(f"jobs.command.{partition}")

    def job_events(self, job: str) -> str:
        return self.named(f"jobs.events.{job}")

    def execute(self, bot: str) -> str:
        return self.named(f"activity.execute.{bot}")

    def execute_any(self, activity: str) -> str:
        return self.named(f"activity.execute._any.{activity}")

    def cancel(self, bot: str) -> str:
        return self.named(f"activity.cancel.{bot}")

    def cancel_any(self, activity: str) -> str:
        return self.named(f"activity.cancel._any.{activity}")

    def query_bot(self, bot: str) -> str:
        return self.named(f"activity.query.{bot}")

    def ack(self, bot: str) -> str:
        return self.named(f"activity.ack.{bot}")

    def response(self, partition: int | str, bot: str) -> str:
        """Return the subject a bot answers on; ``*`` for either makes the engine's pattern."""
        return self.named(f"activity.response.{partition}.{bot}")

    @property
    def bare_response(self) -> str:
        return self.named("activity.response")

    @property
    def bots_hello(self) -> str:
        return self.named("bots.hello")

    @property
    def bots_call(self) -> str:
        return self.named("bots.call")

    def bot_heartbeat(self, bot: str) -> str:
        return self.named(f"bots.heartbeat.{bot}")
