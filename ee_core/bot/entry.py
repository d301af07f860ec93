"""What a bot remembers of one attempt.

An entry is made before anything is done, gets its response when that is known, and is kept after the engine has
acknowledged it, because the request may still come again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ee_core.messages.wire import MAX_INTEGER
from ee_core.model.ids import Fence

if TYPE_CHECKING:
    from ee_core.messages.activity import ActivityAck, ActivityCancel, ActivityRequest

HIGHEST_FENCE: Final = Fence(MAX_INTEGER, MAX_INTEGER)


class AttemptKey(NamedTuple):
    """The name of an attempt, the same in every message about it."""

    job: str
    visit: str
    attempt: int

    @classmethod
    def of(cls, message: ActivityRequest | ActivityCancel | ActivityAck) -> AttemptKey:
        """Return the attempt that a message is about."""
        return cls(message.job, message.visit, message.attempt)

    def __str__(self) -> str:
        return f"{self.job}/{self.visit}/{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt in the ledger: started, or finished with its response."""

    key: AttemptKey
    fence: Fence | None = None  # None: known from a question only, which names no fence
    digest: str = ""  # of activity and input; "" when no request was seen
    reply_to: str = ""  # where its response goes
    bound: Fence  # no request for this attempt has a higher fence
    response: bytes | None = None  # an ActivityResponse; None while started
    acked: bool = False  # the engine has the response, or never asked for one to be repeated
    finished_us: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether the response is known."""
        return self.response is not None


def bound_of(lease: int, highest: Fence) -> Fence:
    """Return the highest fence that an attempt can have about which a question came.

    Args:
        lease: Of the engine that asks: it has the bot, so the attempt belongs to this lease or to an earlier one.
    """
    return Fence(max(lease, highest.lease), HIGHEST_FENCE.n)


def digest_of(request: ActivityRequest) -> str:
    """Return what tells one input from another: the engine's own hash, else one made here."""
    wanted = request.input_hash
    if not wanted:
        text = json.dumps(request.input, sort_keys=True, separators=(",", ":"))
        wanted = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{request.activity}:{wanted}"


def least_size(value: Any, limit: int) -> int:
    """Return how many bytes a value has as JSON at least; counts no further than just over the limit, and copies nothing."""
    least, left = 0, [value]
    seen: set[int] = set()  # containers: one that holds itself is found by who writes it as JSON
    while left and least <= limit:
        one = left.pop()
        if isinstance(one, str):
            least += len(one) + 2
        elif not isinstance(one, dict | list | tuple):
            least += 1
        elif id(one) not in seen:
            seen.add(id(one))
            least += len(one) + 1
            if least <= limit:
                left += [*one, *one.values()] if isinstance(one, dict) else one
    return least


def plain_size(value: Any) -> tuple[Any, int]:
    """Return a value as plain JSON, detached from what it was made of, and its size in bytes of UTF-8.

    Raises:
        ValueError: It is no plain JSON, or not equal to what a reader of its JSON gets.
    """
    try:
        encoded = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from error
    plain = json.loads(encoded)
    if plain != value:
        raise ValueError("a reader would get another value: use lists, not tuples, and text as keys")
    return plain, len(encoded)
