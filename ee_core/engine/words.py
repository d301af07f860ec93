"""Why a job waits, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from ee_core.fleet.roster import to_requirement
from ee_core.messages.instants import to_text
from ee_core.model.waits import AdmissionWait, DrainWait, LeaseWait, OperatorWait, ResponseWait, TimerWait

if TYPE_CHECKING:
    from collections.abc import Callable

    from ee_core.model.waits import Wait

    DescribeNeed = Callable[[LeaseWait], str]
    DescribeDrain = Callable[[DrainWait], str]


def _need(wait: LeaseWait) -> str:
    return to_requirement(wait.activity, wait.selector, wait.same_as).describe()


def _drain(wait: DrainWait) -> str:
    return f"bot {wait.bot!r} may still work on attempt {wait.attempt} of {wait.visit}, which has ended"


def describe_wait(
    wait: Wait, describe_need: DescribeNeed = _need, describe_drain: DescribeDrain = _drain
) -> dict[str, Any]:
    """Return a wait as `eectl job show` prints it: key, kind, text, and whether it can move without a person.

    Args:
        describe_need: Says what bot is waited for; without it, not who that could be.
        describe_drain: Says what a bot may still do; without it, not until when.
    """
    return {
        "wait": wait.key,
        "kind": type(wait).__name__.removesuffix("Wait").lower(),
        "text": describe_drain(wait) if isinstance(wait, DrainWait) else _text(wait, describe_need),
        "moves": _moves(wait),
    }


def _moves(wait: Wait) -> bool:
    match wait:
        case OperatorWait() | DrainWait():  # what a bot says of an attempt that has ended moves nothing
            return False
        case LeaseWait() | ResponseWait():
            return not wait.no_bot
        case _:
            return True


def _text(
    wait: LeaseWait | ResponseWait | TimerWait | OperatorWait | AdmissionWait, describe_need: DescribeNeed
) -> str:
    match wait:
        case LeaseWait():
            return f"{wait.visit} waits for a bot that serves {describe_need(wait)}"
        case ResponseWait():
            return _response_text(wait)
        case TimerWait():
            return f"{wait.visit} tries again at {to_text(wait.due_us)}"
        case OperatorWait():
            return f"incident {wait.incident} waits for an answer: `eectl job resolve`"
        case AdmissionWait():
            return "the job is held: it starts when another one is over"
        case _:
            assert_never(wait)


def _response_text(wait: ResponseWait) -> str:
    if wait.bot is not None:
        if wait.questioned:
            return f"{wait.visit}: bot {wait.bot!r} fell silent, and is asked what became of attempt {wait.attempt}"
        return f"{wait.visit}: bot {wait.bot!r} has attempt {wait.attempt} of {wait.activity!r}"
    if wait.local:
        return f"{wait.visit}: the engine carries out attempt {wait.attempt} itself"
    return f"{wait.visit}: attempt {wait.attempt} is for any worker that serves {wait.activity!r}"
