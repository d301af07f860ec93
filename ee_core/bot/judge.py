"""What a bot makes of a message about an attempt: the judgement, as tables.

Pure. It is judged by ledger first, then by attempt, then by fence:

=============  ==========================================  ==========  ===========  ==============
what           the attempt is                              a request   a cancel     a question
=============  ==========================================  ==========  ===========  ==============
known          finished                                    REPEAT      REPEAT       REPEAT
known          running                                     ACCEPT      STOP         ACCEPT
known          started once, not running                   LOSE        LOSE         LOSE
known          named with another input or fence           CONFLICT    CONFLICT     -
unknown        of a fence not above the highest            STALE       RECORD_STOP  RECORD_IDLE
unknown        of a higher fence, another one is running   BUSY        RECORD_STOP  RECORD_IDLE
unknown        of a higher fence                           START       RECORD_STOP  RECORD_IDLE
=============  ==========================================  ==========  ===========  ==============

An attempt that is known from a question alone has no fence, and another question about it is answered like the first.
A request that names another ledger than this one is WRONG_LEDGER whatever else it says. A fence belongs to one
assignment and the count under a lease begins with 1, so an unknown attempt that comes with the highest fence
itself is stale too. The highest fence rises with what is started and with claims, never with what is refused: a
request that got `busy` comes again.

The rule for an editor: START is given only when nothing runs, for an unknown attempt, with a rising fence.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ee_core.bot.entry import AttemptKey, Entry
    from ee_core.model.ids import Fence


class Verdict(Enum):
    """What to do, and by that what to answer."""

    START = auto()  # write it started, then begin; answer accepted
    ACCEPT = auto()  # it runs already; answer accepted
    REPEAT = auto()  # answer its stored response
    LOSE = auto()  # write it finished as lost, and answer that
    CONFLICT = auto()  # answer conflict
    STALE = auto()  # answer stale, with the highest fence
    BUSY = auto()  # answer busy, with what runs
    WRONG_LEDGER = auto()  # answer wrong_ledger
    STOP = auto()  # stop what runs; its end is the answer
    RECORD_STOP = auto()  # write it as stopped, so that it is never started; answer stopped
    RECORD_IDLE = auto()  # the same, answered idle
    CLAIM_IDLE = auto()  # write the claim's lease as the highest; answer idle
    CLAIM_BUSY = auto()  # the same, answered busy with what runs


class Standing(StrEnum):
    """How a bot stands to an attempt that it knows."""

    FINISHED = "finished"
    RUNNING = "running"
    INTERRUPTED = "interrupted"  # started once, not running: the process died in between


_KNOWN_TO_REQUEST: Final = {
    Standing.FINISHED: Verdict.REPEAT,
    Standing.RUNNING: Verdict.ACCEPT,
    Standing.INTERRUPTED: Verdict.LOSE,
}
_KNOWN_TO_CANCEL: Final = {**_KNOWN_TO_REQUEST, Standing.RUNNING: Verdict.STOP}


def judge_request(
    known: Entry | None,
    *,
    same_ledger: bool,
    digest: str,
    fence: Fence,
    highest: Fence,
    running: AttemptKey | None,
) -> Verdict:
    """Judge `activity.execute.<bot>`.

    Args:
        known: The ledger's entry of this attempt.
        highest: The highest fence of anything started or claimed.
        running: The attempt in the slot.
    """
    if not same_ledger:
        return Verdict.WRONG_LEDGER
    if known is not None:
        if _differs(known, fence) or (known.digest and known.digest != digest):
            return Verdict.CONFLICT
        return _KNOWN_TO_REQUEST[_standing(known, running)]
    if fence <= highest:
        return Verdict.STALE
    return Verdict.BUSY if running is not None else Verdict.START


def judge_cancel(known: Entry | None, *, fence: Fence | None, running: AttemptKey | None) -> Verdict:
    """Judge `activity.cancel.<bot>`."""
    if known is None:
        return Verdict.RECORD_STOP
    if _differs(known, fence):
        return Verdict.CONFLICT
    return _KNOWN_TO_CANCEL[_standing(known, running)]


def judge_question(known: Entry | None, *, running: AttemptKey | None) -> Verdict:
    """Judge `activity.query.<bot>` that names an attempt."""
    if known is None or known.fence is None:
        return Verdict.RECORD_IDLE  # without a fence it is known from questions alone
    return _KNOWN_TO_REQUEST[_standing(known, running)]


def judge_claim(*, lease: int, highest: Fence, running: AttemptKey | None) -> Verdict:
    """Judge `activity.query.<bot>` without an attempt."""
    if lease < highest.lease:
        return Verdict.STALE
    return Verdict.CLAIM_IDLE if running is None else Verdict.CLAIM_BUSY


def _standing(known: Entry, running: AttemptKey | None) -> Standing:
    if known.is_finished:
        return Standing.FINISHED
    return Standing.RUNNING if running == known.key else Standing.INTERRUPTED


def _differs(known: Entry, fence: Fence | None) -> bool:
    return fence is not None and known.fence is not None and fence != known.fence
