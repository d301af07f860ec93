"""What an engine has seen since it began, by the hooks that observe; and a word to the operator about incidents.

`eectl engine status` shows the counts. They are for people and monitors: nothing is decided from them.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ee_core.contracts.hooks import Direction, MessageOutcome
    from ee_core.model.events import AnyEvent, IncidentOpened
    from ee_core.model.ids import JobId
    from ee_core.model.waits import Wait, WaitKey

_log: Final = logging.getLogger(__name__)


class CoreCounts:
    """Counters of one engine.

    Attributes:
        messages: Messages so far, by direction, outcome and the subject's first two words.
        message_bytes: Likewise, the sum of their bodies.
        events: Committed events, by name.
        waits: Waits that are armed now, by kind.
    """

    def __init__(self) -> None:
        self.messages: Counter[tuple[Direction, MessageOutcome, str]] = Counter()
        self.message_bytes: Counter[tuple[Direction, MessageOutcome, str]] = Counter()
        self.events: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        self._armed: set[tuple[JobId, WaitKey]] = set()  # a wait that changes is armed again under its key

    def snapshot(self) -> dict[str, Any]:
        """Return all counts as plain JSON."""
        return {
            "events": dict(sorted(self.events.items())),
            "waits": {kind: count for kind, count in sorted(self.waits.items()) if count},
            "messages": {
                f"{direction} {subject} {outcome}": count
                for (direction, outcome, subject), count in sorted(self.messages.items())
            },
        }

    @hookimpl(trylast=True)
    def ee_on_event(self, event: AnyEvent) -> None:
        self.events[type(event).__name__] += 1

    @hookimpl(trylast=True)
    def ee_on_wait(self, job: JobId, wait: Wait, armed: bool) -> None:
        key = (job, wait.key)
        if armed == (key in self._armed):
            return
        kind = type(wait).__name__.removesuffix("Wait").lower()
        self.waits[kind] += 1 if armed else -1
        self._armed.add(key) if armed else self._armed.discard(key)

    @hookimpl(trylast=True)
    def ee_on_incident(self, job: JobId, incident: IncidentOpened) -> None:
        _log.warning(
            "job %s asks a person (%s): %s",
            job,
            incident.incident,
            incident.text,
            extra={"action": "incident_opened", "job": job, "incident": incident.incident},
        )

    @hookimpl(trylast=True)
    def ee_on_message(self, direction: Direction, subject: str, size: int, outcome: MessageOutcome) -> None:
        key = (direction, outcome, _first_words(subject))
        self.messages[key] += 1
        self.message_bytes[key] += size


@lru_cache(maxsize=4096)
def _first_words(subject: str) -> str:
    # the first two words say what a message is; the rest names bots, jobs and inboxes, which are without number
    words = subject.split(".", 2)
    return words[0] if words[0] == "_INBOX" else ".".join(words[:2])
