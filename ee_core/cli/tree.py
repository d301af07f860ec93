"""A job as a tree of its visits, for people: pure, so that it can be looked at without a terminal.

`live` paints what this returns. What a bot said is shown as text: nothing of it reaches the terminal as a command.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ee_core.cli.follow import to_names, visit_of, with_names
from ee_core.cli.routes import find_choices, to_way
from ee_core.cli.said import to_said
from ee_core.messages.instants import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SECOND_US: Final = 1_000_000
_FRAME_US: Final = 100_000
_ENDS: Final = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptLost", "VisitCancelled"})
_OPEN: Final = frozenset({"Pending", "BotBusy", "AwaitingBotResponse", "Processing"})
_OUTCOME_STYLES: Final = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of pieces, each with its style in the words of rich; empty is plain."""

    pieces: tuple[tuple[str, str], ...]
    folds: bool = False  # a line to copy is folded where it is too long, others are cut

    @property
    def text(self) -> str:
        """The line without its styles."""
        return "".join(text for text, _ in self.pieces)

    def height(self, width: int) -> int:
        """Return how many rows of a terminal it takes."""
        return max(1, -(-len(self.text) // width)) if self.folds else 1


@dataclass(frozen=True, slots=True)
class Signs:
    """What stands before a visit."""

    spinner: str
    waiting: str
    marks: Mapping[str, str]
    branch: str
    last: str
    trunk: str


FINE: Final = Signs(
    "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "·", {"Success": "✔", "Failed": "✘", "Lost": "?", "Cancelled": "-"}, "├─ ", "└─ ", "│    "
)
PLAIN: Final = Signs(
    "|/-\\", ".", {"Success": "+", "Failed": "x", "Lost": "?", "Cancelled": "-"}, "|- ", "`- ", "|    "
)
_STYLES: Final = {"Success": "green", "Failed": "red", "Lost": "magenta", "Cancelled": "yellow"}


@dataclass(slots=True)
class Times:
    """Since when a visit's newest attempt runs, when it ended, and which way its token went; by the events of the job."""

    started: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    ways: dict[str, Sequence[int]] = field(default_factory=dict)  # the slots that were followed

    def note(self, at: str, event: Mapping[str, Any]) -> None:
        """Take in an event."""
        if event["e"] == "AttemptAssigned":
            self.started[event["visit"]] = from_text(at)
            self.ended.pop(event["visit"], None)
        elif event["e"] in _ENDS:
            self.ended[event["visit"]] = from_text(at)
        elif event["e"] == "VisitRouted":
            self.ways[event["visit"]] = event["slots"]


@dataclass(frozen=True, slots=True)
class Sight:
    """How a job is looked at.

    Attributes:
        answer: Returns the command that answers an incident; None where no command reaches the job.
        height: Rows there is room for; None is any number.
    """

    answer: Callable[[Mapping[str, Any]], str | None]
    width: int = 100
    height: int | None = None
    signs: Signs = FINE


def to_tree(shown: Mapping[str, Any], times: Times, now_us: int, sight: Sight) -> list[Line]:
    """Return the lines of a job as `jobs.query` shows it."""
    drawing = _Drawing(shown, times, now_us, sight)
    return drawing.lines()


class _Drawing:
    """One look at a job."""

    def __init__(self, shown: Mapping[str, Any], times: Times, now_us: int, sight: Sight) -> None:
        self._shown = shown
        self._times = times
        self._now_us = now_us
        self._sight = sight
        self._signs = sight.signs
        self._names = to_names(dict(shown))
        self._choices = find_choices(shown)
        self._kinds = {node["node"]: node["kind"] for node in shown.get("nodes", ())}
        # a bot that drains holds nothing up; its visit may wait for another one
        self._waits = {visit_of(wait): wait for wait in shown["waits"] if wait["kind"] != "drain"}
        self._drains: dict[str, list[str]] = {}
        for wait in shown["waits"]:
            if wait["kind"] == "drain":
                self._drains.setdefault(visit_of(wait), []).append(_clean(wait["text"]))

    def lines(self) -> list[Line]:
        visits = [visit for visit in self._shown["visits"] if self._is_worth_a_line(visit)]
        width = max((len(self._name(visit)) for visit in visits), default=0)
        blocks = [(self._is_open(visit), self._visit(visit, width)) for visit in visits]
        blocks += [(True, self._incident(each)) for each in self._shown["incidents"] if not each["visit"]]
        head = [self._head(), *self._held()]
        left_out = self._shown.get("visits_left_out", 0)
        room = None if self._sight.height is None else self._sight.height - len(head) - 1
        kept = _choose(blocks, room, self._sight.width)
        left_out += len(blocks) - len(kept)
        if left_out:
            more = f"{left_out} more visit{'s' if left_out > 1 else ''}"
            head.append(Line(((f"{self._signs.branch}{more}", "dim"),)))
        return head + self._joined([blocks[n][1] for n in kept])

    def _joined(self, blocks: Sequence[Sequence[Line]]) -> list[Line]:
        """Hang the blocks below the head."""
        lines = []
        for n, block in enumerate(blocks, 1):
            is_last = n == len(blocks)
            first = self._signs.last if is_last else self._signs.branch
            rest = " " * len(self._signs.trunk) if is_last else self._signs.trunk
            for k, line in enumerate(block):
                lines.append(Line((((rest if k else first), "dim"), *line.pieces), line.folds))
        return lines

    # -- the job ---------------------------------------------------------------------------------------------------

    def _head(self) -> Line:
        shown = self._shown
        finished = shown["finished"]
        if shown["status"] == "Finished":
            style = _OUTCOME_STYLES.get(shown["outcome"], "")
            word = {"succeeded": "Success", "failed": "Failed"}.get(shown["outcome"], "Cancelled")
            mark, said = self._signs.marks[word], f"  job {shown['outcome']}"
        else:
            style, mark, said = "cyan", self._spinner(), ""
        version = f"@{shown['version']}" if shown["version"] else ""
        end_us = from_text(finished) if finished else self._now_us
        took = to_span(end_us - from_text(shown["accepted"]))
        pieces = [(f"{mark} ", style), (_clean(f"{shown['workflow']}{version}"), "bold")]
        pieces += [(f"  {shown['job']}", "dim"), (said, style), (f"  {took}", "dim")]
        if shown["warnings"]:
            pieces.append((f"  {shown['warnings']} warning{'s' if shown['warnings'] > 1 else ''}", "yellow"))
        if shown["error"]:
            pieces.append((f"  {_error(shown['error'])}", "red"))
        elif shown["reason"]:
            pieces.append((f"  {_clean(shown['reason'])}", ""))
        return Line(tuple(pieces))

    def _held(self) -> list[Line]:
        """Say what holds the whole job."""
        return [
            Line(((f"{self._signs.trunk}{_clean(wait['text'])}", "yellow"),))
            for wait in self._shown["waits"]
            if wait["kind"] == "admission"
        ]

    # -- its visits ------------------------------------------------------------------------------------------------

    def _is_worth_a_line(self, visit: Mapping[str, Any]) -> bool:
        """A gateway or an end that did its duty says nothing, unless it chose."""
        kind = self._kinds.get(visit["visit"].partition("#")[0], "activity")
        return bool(kind == "activity" or visit["status"] != "Success" or self._way(visit))

    def _way(self, visit: Mapping[str, Any]) -> str:
        """Say which way the token of a visit went, if there was a choice."""
        node = self._choices.get(visit["visit"].partition("#")[0])
        slots = self._times.ways.get(visit["visit"])
        return "" if node is None or slots is None else _clean(to_way(node, slots, self._names))

    def _is_open(self, visit: Mapping[str, Any]) -> bool:
        asked = {incident["visit"] for incident in self._shown["incidents"]}
        return bool(visit["status"] in _OPEN or visit["visit"] in asked or visit["visit"] in self._drains)

    def _name(self, visit: Mapping[str, Any]) -> str:
        named = with_names({"visit": visit["visit"]}, self._names)["visit"]
        return _clean(named.removesuffix("#1"))

    def _visit(self, visit: Mapping[str, Any], width: int) -> list[Line]:
        status = visit["status"]
        working = status in {"AwaitingBotResponse", "Processing"}
        style = _STYLES.get(status, "cyan" if working else "dim")
        mark = self._spinner() if working else self._signs.marks.get(status, self._signs.waiting)
        pieces = [(f"{mark} ", style), (self._name(visit).ljust(width), "bold" if working else "")]
        if visit["bot"] is not None:
            pieces.append((f"  {visit['bot']}", ""))
        if visit["attempt"] > 1:
            pieces.append((f"  attempt {visit['attempt']}", "yellow"))
        pieces.append((f"  {self._told(visit)}".rstrip(), "" if working else style))
        way = self._way(visit)
        if way:
            pieces.append((f"  {way}", ""))
        took = self._took(visit)
        if took:
            pieces.append((f"  {took}", "dim"))
        lines = [Line(tuple(pieces))]
        lines += [Line(((text, "yellow"),), folds=True) for text in self._drains.get(visit["visit"], ())]
        for incident in self._shown["incidents"]:
            if incident["visit"] == visit["visit"]:
                lines += self._incident(incident)
        return lines

    def _told(self, visit: Mapping[str, Any]) -> str:
        """Say what a visit does, in few words."""
        match visit["status"]:
            case "Pending" | "BotBusy":
                return self._waited(visit) or "pending"
            case "AwaitingBotResponse":
                return self._remarked(visit) or ("sent" if visit["bot"] is not None else "")
            case "Processing":
                return self._remarked(visit) or to_progress(visit.get("progress")) or "working"
            case "Success":
                return to_said(visit.get("output"))
            case status:
                error = f": {_error(visit['error'])}" if visit.get("error") else ""
                return f"{status.lower()}{error}"

    def _waited(self, visit: Mapping[str, Any]) -> str:
        wait = self._waits.get(visit["visit"])
        if wait is None:
            return ""
        return _clean(wait["text"]).removeprefix(visit["visit"]).lstrip(": ")

    def _remarked(self, visit: Mapping[str, Any]) -> str:
        """Say that a bot went silent, or that none was found yet."""
        waited = self._waited(visit)
        return waited if "fell silent" in waited or "any worker" in waited else ""

    def _took(self, visit: Mapping[str, Any]) -> str:
        name = visit["visit"]
        since = self._times.started.get(name)
        if visit["status"] in _OPEN:
            if since is None or visit["status"] in {"Pending", "BotBusy"}:
                since = from_text(visit["created"])
            return to_span(self._now_us - since)
        until = self._times.ended.get(name)
        return to_span(until - since) if since is not None and until is not None else ""

    def _incident(self, incident: Mapping[str, Any]) -> list[Line]:
        told = f"INCIDENT {incident['incident']}  {incident['kind']}: {_clean(incident['text'])}"
        command = self._sight.answer(incident)
        answer = f"answer: {command}" if command else f"answers: {'|'.join(incident['choices'])}"
        return [Line(((told, "bold red"),)), Line(((answer, ""),), folds=True)]

    def _spinner(self) -> str:
        frames = self._signs.spinner
        return frames[self._now_us // _FRAME_US % len(frames)]


def _choose(blocks: Sequence[tuple[bool, Sequence[Line]]], room: int | None, width: int) -> list[int]:
    """Return which blocks are shown, in order: what is open first, then the latest of the rest."""
    order = sorted(range(len(blocks)), key=lambda n: (blocks[n][0], n), reverse=True)
    kept = []
    for n in order:
        # what hangs before a line takes width, too
        rows = sum(line.height(max(1, width - 5)) for line in blocks[n][1])
        if room is not None:
            if rows > room:
                break
            room -= rows
        kept.append(n)
    return sorted(kept)


def to_span(span_us: int) -> str:
    """Return how long something took, as people say it: ``0.4s``, ``12s``, ``1m05s``, ``2h03m``.

    Args:
        span_us: Below 0, where two clocks differ, is 0.
    """
    span_us = max(0, span_us)
    seconds = span_us // _SECOND_US
    if seconds < 10:
        return f"{span_us // 100_000 / 10:.1f}s"
    minutes, seconds = divmod(seconds, 60)
    if not minutes:
        return f"{seconds}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"


def to_progress(progress: Mapping[str, Any] | None) -> str:
    """Return how far a bot said it is, as ``45% page 3 of 7``; empty when it said nothing."""
    if progress is None:
        return ""
    share = f"{progress['fraction']:.0%}" if progress["fraction"] is not None else ""
    return " ".join(filter(None, (share, _clean(progress["text"] or ""))))


def _error(error: Mapping[str, Any]) -> str:
    return _clean(f"{error['code']}: {error['text']}")


def _clean(text: str) -> str:
    """Return a text on one line, without what a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
