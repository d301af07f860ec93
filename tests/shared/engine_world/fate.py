"""What befalls the disk and the network of an engine test, and what happened on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class DiskFate:
    latency_s: float = 0.0
    read_latency_s: float = 0.0  # before the records of a job
    full: bool = False  # nothing is written
    forgetful: bool = False  # it is written, and the writer is not told
    tries: list[tuple[bytes, ...]] = field(default_factory=list)  # bodies of each commit that was tried


@dataclass
class NetFate:
    down: bool = False
    copies: Callable[[str, bytes], int] = lambda subject, body: 1


@dataclass(frozen=True)
class Happening:
    """What a process did to the outside, in order."""

    at_s: float
    what: str  # commit, publish, ack, retry, reject
    who: str
    about: Any  # subject, or the records of a commit
    body: bytes = b""


def lose_requests(subject: str, body: bytes) -> int:
    """Let no request reach its bot: for `NetFate.copies`."""
    return 0 if subject.startswith("activity.execute.") else 1
