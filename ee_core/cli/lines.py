"""One line per event, for people; and when nothing happens for a while, what the job waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.follow import list_remarkable, to_names, with_names
from ee_core.cli.routes import find_choices, to_way
from ee_core.cli.said import to_said
from ee_core.messages.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.cli.again import CommandLine
    from ee_core.cli.follow import Told
    from ee_core.contracts.env import Env

_QUIET_US: Final = 5_000_000  # then it says what is waited for
# Events that say nothing to somebody who watches: what they mean follows from the others.
_SILENT: Final = frozenset({"JobStarted", "VisitCreated", "TokenQueued", "VisitVanished", "OperatorActed"})

_WHYS: Final[Mapping[str, str]] = {
    "accept": "the bot did not say that it began",
    "heartbeat": "the bot gave no sign of life",
    "run": "it took longer than the time-out allows",
    "bot_dead": "the bot is gone",
    "lost": "the bot had begun it and was started anew",
    "stopped": "the bot stopped it",
    "wrong_ledger": "the bot has lost its memory",
    "crash": "the engine was started anew while it did it itself",
}


class Lines:
    """Tells of a job line by line."""

    def __init__(self, env: Env, tell: Callable[[str], None]) -> None:
        self._env = env
        self._tell = tell
        self._quiet_since_us = env.now()
        self._waiting: list[str] = []  # as last told

    def note(self, told: Told) -> None:
        """Take in an event."""
        self._quiet_since_us = self._env.now()
        line = to_line(told)
        if line is not None:
            self._tell(line)

    def look(self, shown: Mapping[str, Any]) -> None:
        """Take in the job as it is now."""
        now_us = self._env.now()
        if now_us - self._quiet_since_us < _QUIET_US:
            return
        waiting = list_remarkable(shown)
        for text in waiting:
            if text not in self._waiting:
                self._tell(f"{to_text(now_us)[11:19]}  waiting: {text}")
        self._waiting = waiting


def to_line(told: Told) -> str | None:
    """Return a line for an event, None for one that is not worth a line."""
    name = told.event["e"]
    if name in _SILENT:
        return None
    names = to_names(told.job)
    event = with_names(told.event, names)
    if name == "JobFinished" and not event.get("error"):
        event["reason"] = event.get("reason") or told.job["reason"]
    if name == "VisitRouted":
        node = find_choices(told.job).get(told.event["visit"].partition("#")[0])
        event["way"] = to_way(node, event["slots"], names) if node is not None else ""
        if not event["way"]:
            return None
    return f"{told.at[11:19]}  {_TEXTS.get(name, _plain)(event)}"


def to_answer(job: str, incident: Mapping[str, Any], command: CommandLine) -> str:
    """Return the command that answers an incident, and the answers; copied as it is it does nothing, in any shell.

    Args:
        command: The line of the command that says so.
    """
    resolve = command.to(f"job resolve {job} {incident['incident']} ANSWER")
    return f"{resolve}  (ANSWER: {', '.join(map(_to_choice, incident['choices']))})"


def _to_choice(choice: str) -> str:
    # nobody who skips a node knows yet that others read its output
    return "skip --output-value JSON" if choice == "skip" else choice


def _plain(event: dict[str, Any]) -> str:
    rest = ", ".join(f"{key}={value}" for key, value in event.items() if key != "e")
    return f"{event['e']} {rest}"


def _accepted(event: dict[str, Any]) -> str:
    version = f"@{event['version']}" if event.get("version") else ""
    return f"job accepted: {event['name']}{version}"


def _finished(event: dict[str, Any]) -> str:
    text = f"job {event['outcome']}"
    if event.get("warnings"):
        text += f" with {event['warnings']} warning{'s' if event['warnings'] > 1 else ''}"
    if event.get("error"):
        text += f": {event['error']['code']}: {event['error']['text']}"
    if event.get("reason"):
        text += f": {event['reason']}"
    return text


def _assigned(event: dict[str, Any]) -> str:
    again = f", attempt {event['attempt']}" if event["attempt"] > 1 else ""
    if event.get("bot") is None:
        return f"{event['visit']}  started{again}"
    lease, n = event["fence"]
    return f"{event['visit']}  bot {event['bot']} assigned{again} (fence {lease}.{n})"


def _succeeded(event: dict[str, Any]) -> str:
    by = {"skip": " (skipped)", "take_result": " (late result taken)"}.get(event.get("by", ""), "")
    said = to_said(event.get("output"))
    return f"{event['visit']}  succeeded{by}{': ' if said else ''}{said}"


def _failed(event: dict[str, Any]) -> str:
    again = ", tries again" if event.get("retry_at_us") else ""
    return f"{event['visit']}  failed{again}: {event['error']['code']}: {event['error']['text']}"


def _lost(event: dict[str, Any]) -> str:
    why = _WHYS.get(event["why"], event["why"])
    return f"{event['visit']}  lost: {why}; nobody knows what attempt {event['attempt']} did"


def _questioned(event: dict[str, Any]) -> str:
    why = _WHYS.get(event["why"], event["why"])
    return f"{event['visit']}  {why}; its memory is asked about attempt {event['attempt']}"


def _late(event: dict[str, Any]) -> str:
    """Say what an attempt that had ended without an answer was answered after all."""
    said = {
        "succeeded": "it succeeded",
        "failed": f"it failed: {_error(event)}",
        "stopped": "the bot has stopped it",
        "lost": "the bot does not know what became of it: it had begun, and was started anew",
    }.get(event["kind"], event["kind"])
    return f"{event['visit']}  attempt {event['attempt']}, which had ended without an answer, has one now: {said}"


def _error(event: dict[str, Any]) -> str:
    error = event.get("error") or {"code": "unknown", "text": ""}
    return f"{error['code']}: {error['text']}"


def _opened(event: dict[str, Any]) -> str:
    choices = "|".join(event["choices"])
    return f"INCIDENT {event['incident']}  {event['kind']}: {event['text']} (answers: {choices})"


def _closed(event: dict[str, Any]) -> str:
    by = {"gone": "what it was about is over"}.get(event["by"], event["by"])
    return f"incident {event['incident']} closed: {by}"


_TEXTS: Final[Mapping[str, Callable[[dict[str, Any]], str]]] = {
    "JobAccepted": _accepted,
    "JobFinished": _finished,
    "TombstoneLaid": lambda event: "cancelled before it came",
    "JoinFired": lambda event: f"{event['visit']}  joined",
    "TokensDropped": lambda event: f"{event['join']}  what waited there was dropped",
    "VisitCancelled": lambda event: f"{event['visit']}  cancelled",
    "VisitRouted": lambda event: f"{event['visit']}  goes {event['way']}",
    "AttemptAssigned": _assigned,
    "AssignmentVoided": lambda event: f"{event['visit']}  the bot never started attempt {event['attempt']}",
    "AttemptSucceeded": _succeeded,
    "AttemptFailed": _failed,
    "AttemptLost": _lost,
    "RetryDue": lambda event: f"{event['visit']}  tries again",
    "LateResponse": _late,
    "BotDrained": lambda event: f"{event['visit']}  the bot is idle again",
    "BotQuarantined": lambda event: f"{event['visit']}  bot {event['bot']} is quarantined: {event['reason']}",
    "AttemptQuestioned": _questioned,
    "IncidentOpened": _opened,
    "IncidentClosed": _closed,
}
