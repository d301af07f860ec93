"""Holds a living bot, in whatever language it is written, against the rules of the message reference, one after the other.

The bot must be given to nobody else meanwhile: whoever checks holds its lock, and tells the lease number here. A rule that
is broken does not end the check, unless the bot is not there at all: a bot's author wants to see them all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from ee_core.bot.peer import HEARTBEAT_MS
from ee_core.model.ids import Fence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ee_core.bot.peer import Peer
    from ee_core.messages.activity import ActivityResponse
    from ee_core.messages.bots import BotHello

_ENDS: Final = frozenset({"succeeded", "failed", "stopped", "lost"})
_NEVER_BEGINS: Final = frozenset({"stopped", "stale"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one rule."""

    rule: str  # in one word or two, stable
    level: Literal["ok", "fail", "skipped"]
    text: str  # what was seen


@dataclass(frozen=True, slots=True)
class Work:
    """What the bot is asked to do.

    Attributes:
        activity: The type; None takes the first that the bot serves.
        slow: An input with which it works for a minute or more; None leaves out what needs that.
    """

    activity: str | None = None
    input: Any = field(default_factory=dict)
    slow: Any = None


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    answer_s: float = 10.0  # for an answer that needs no work
    work_s: float = 60.0  # for the work itself
    stop_s: float = 20.0  # for work that is cancelled
    repeat_s: float = 40.0  # until an answer that is not acknowledged comes again
    quiet_s: float = 12.0  # in which one that is must not
    restart_s: float = 120.0  # for whoever kills the bot and starts it again


class _BrokenRuleError(Exception):
    """What was seen instead."""


class BotCheck:
    """One check of one bot.

    Args:
        lease: The lease number that whoever checks holds the bot's lock under.
        ask_for_restart: Called when it is time to kill the bot and to start it again; None leaves that rule out.
    """

    def __init__(
        self,
        peer: Peer,
        work: Work,
        *,
        hello: BotHello,
        lease: int,
        patience: Patience | None = None,
        ask_for_restart: Callable[[], None] | None = None,
    ) -> None:
        self._peer = peer
        self._activity = work.activity or next(iter(hello.activities), "")
        self._work = work
        self._hello = hello
        self._lease = lease
        self._patience = patience or Patience()
        self._ask_for_restart = ask_for_restart
        self._count = 0  # of fences
        self._jobs = 0

    async def run(self) -> AsyncIterator[Finding]:
        """Check rule after rule."""
        no_slow = "" if self._work.slow is not None else "it needs an input with which the bot works for long"
        no_restart = no_slow or (
            "" if self._ask_for_restart is not None else "nobody is there to restart the bot"
        )
        rules: list[tuple[str, Callable[[], Awaitable[str]], str]] = [
            ("hello", self._says_who_it_is, ""),
            ("claim", self._answers_a_claim, ""),
            ("lower claim", self._refuses_a_lower_claim, ""),
            ("wrong ledger", self._refuses_another_ledger, ""),
            ("stale fence", self._refuses_a_fence_that_does_not_rise, ""),
            ("garbage", self._survives_what_is_no_message, ""),
            ("work", self._works, ""),
            ("question", self._never_begins_what_was_asked_about, ""),
            ("early cancel", self._never_begins_what_was_cancelled, ""),
            ("one slot", self._does_one_thing_at_a_time, no_slow),
            ("restart", self._remembers, no_restart),
        ]
        for rule, check, why_not in rules:
            if why_not:
                yield Finding(rule, "skipped", why_not)
                continue
            try:
                yield Finding(rule, "ok", await check())
            except _BrokenRuleError as error:
                yield Finding(rule, "fail", str(error))
        if self._peer.garbled:
            yield Finding(
                "messages", "fail", f"{len(self._peer.garbled)} could not be read: {self._peer.garbled[0]}"
            )
        else:
            yield Finding(
                "messages", "ok", f"all {len(self._peer.said) + len(self._peer.seen)} could be read"
            )

    # -- rules -------------------------------------------------------------------------------------------------

    async def _says_who_it_is(self) -> str:
        hello = self._hello
        if hello.stateless:
            raise _BrokenRuleError(
                "it says that it is a worker without a ledger; such are not leased, nor checked here"
            )
        missing = [name for name in ("instance", "ledger", "activities") if not getattr(hello, name)]
        if missing:
            raise _BrokenRuleError(f"its hello has no {', '.join(missing)}")
        if self._activity not in hello.activities:
            raise _BrokenRuleError(
                f"it does not serve {self._activity!r}, only {', '.join(hello.activities)}"
            )
        return f"instance {hello.instance}, ledger {hello.ledger}, serves {', '.join(hello.activities)}"

    async def _answers_a_claim(self) -> str:
        said = await self._claim(self._lease)
        _expect(said, "idle")
        if said.highest < Fence(self._lease, 0):
            raise _BrokenRuleError(
                f"its highest is {_show(said.highest)} after a claim of lease {self._lease}"
            )
        return f"idle, and its highest rose to {_show(said.highest)}"

    async def _refuses_a_lower_claim(self) -> str:
        said = await self._claim(self._lease - 1)
        _expect(said, "stale")
        return "stale"

    async def _refuses_another_ledger(self) -> str:
        number, fence = self._next()
        said = await self._request(number, fence, "another-ledger", self._work.input)
        _expect(said, "wrong_ledger")
        return "wrong_ledger"

    async def _refuses_a_fence_that_does_not_rise(self) -> str:
        number, _ = self._next()
        said = await self._request(number, Fence(self._lease, 0), self._hello.ledger, self._work.input)
        _expect(said, "stale")
        return "stale"

    async def _survives_what_is_no_message(self) -> str:
        for body in (b"\xff\xfe no json", b"[]", b'{"v": 99, "job": "x"}', b'{"v": 1}'):
            await self._peer.babble(body)
        said = await self._claim(self._lease)
        _expect(said, "idle")
        return "it goes on"

    async def _works(self) -> str:
        """Carry out, answer again, and cease when acknowledged."""
        patience = self._patience
        number, fence = self._next()
        first = await self._request(number, fence, self._hello.ledger, self._work.input)
        _expect(first, "accepted", *_ENDS)
        end = await self._end_of(number, within_s=patience.work_s)
        since = len(self._peer.said)
        await self._peer.request(number, fence, self._hello.ledger, self._activity, self._work.input)
        again = await self._answer(number, since, "a request that is known")
        if (again.kind, again.output) != (end.kind, end.output):
            raise _BrokenRuleError(
                f"it answered {end.kind!r}, and to the same request again {again.kind!r}: begun twice?"
            )
        other = await self._request(number, self._next()[1], self._hello.ledger, self._work.input)
        _expect(other, "conflict")
        await self._repeats(number)
        await self._peer.acknowledge(number, fence)
        await self._is_quiet(number)
        return f"{end.kind}; the same answer again, conflict to another fence, repeated until acknowledged"

    async def _repeats(self, number: int) -> None:
        since = len(self._peer.said)
        said = await self._peer.find(
            lambda said: said.job == self._peer.job(number), since=since, within_s=self._patience.repeat_s
        )
        if said is None:
            raise _BrokenRuleError(
                f"it did not repeat its answer within {self._patience.repeat_s:g} s without an acknowledgement"
            )

    async def _is_quiet(self, number: int) -> None:
        await asyncio.sleep(self._patience.answer_s / 5)  # what is under way
        said = await self._peer.find(
            lambda said: said.job == self._peer.job(number),
            since=len(self._peer.said),
            within_s=self._patience.quiet_s,
        )
        if said is not None:
            raise _BrokenRuleError("it repeated an answer that was acknowledged")

    async def _never_begins_what_was_asked_about(self) -> str:
        number, fence = self._next()
        since = len(self._peer.said)
        await self._peer.ask(self._lease, number)
        _expect(
            await self._answer(number, since, "a question about an attempt that it does not know"), "idle"
        )
        said = await self._request(number, fence, self._hello.ledger, self._work.input)
        _expect(said, *_NEVER_BEGINS)
        await self._peer.acknowledge(number, fence)
        return f"idle; the request that came later: {said.kind}"

    async def _never_begins_what_was_cancelled(self) -> str:
        number, fence = self._next()
        since = len(self._peer.said)
        await self._peer.cancel(number, fence)
        _expect(await self._answer(number, since, "a cancel of an attempt that it does not know"), "stopped")
        said = await self._request(number, fence, self._hello.ledger, self._work.input)
        _expect(said, *_NEVER_BEGINS)
        await self._peer.acknowledge(number, fence)
        return f"stopped; the request that came later: {said.kind}"

    async def _does_one_thing_at_a_time(self) -> str:
        number, fence = self._next()
        first = await self._request(number, fence, self._hello.ledger, self._work.slow)
        _expect(first, "accepted")
        second, later = self._next()
        _expect(await self._request(second, later, self._hello.ledger, self._work.slow), "busy")
        said = await self._claim(self._lease)
        _expect(said, "busy")
        if said.running is None or said.running.job != self._peer.job(number):
            raise _BrokenRuleError("its answer to a claim says busy, and not with what (the field running)")
        await self._gives_signs_of_life(number)
        since = len(self._peer.said)
        await self._peer.cancel(number, fence)
        end = await self._end_of(number, within_s=self._patience.stop_s, since=since)
        _expect(end, "stopped", "succeeded", "failed")  # work that ends by itself when asked may say how
        await self._peer.acknowledge(number, fence)
        _expect(await self._claim(self._lease), "idle")
        return f"busy to a second request and to a claim, signs of life, {end.kind} when cancelled, then idle"

    async def _gives_signs_of_life(self, number: int) -> None:
        said = await self._peer.find(
            lambda said: said.job == self._peer.job(number) and said.kind in {"heartbeat", "accepted"},
            since=len(self._peer.said),
            within_s=HEARTBEAT_MS / 1000,
        )
        if said is None:
            raise _BrokenRuleError(f"no heartbeat of the attempt within {HEARTBEAT_MS} ms while it works")

    async def _remembers(self) -> str:
        """Be killed in the middle, and say after the restart what was begun."""
        assert self._ask_for_restart is not None, "else the rule is left out"
        number, fence = self._next()
        _expect(await self._request(number, fence, self._hello.ledger, self._work.slow), "accepted")
        self._ask_for_restart()
        hello = await self._peer.sight(
            lambda seen: seen.instance != self._hello.instance and not seen.leaving,
            within_s=self._patience.restart_s,
        )
        if hello is None:
            raise _BrokenRuleError(
                f"no new instance was seen within {self._patience.restart_s:g} s; was it restarted?"
            )
        if hello.ledger != self._hello.ledger:
            raise _BrokenRuleError("it has another ledger after the restart, and so forgot what it had begun")
        if hello.highest < fence:
            raise _BrokenRuleError(f"its highest fell from {_show(fence)} to {_show(hello.highest)}")
        since = len(self._peer.said)
        await self._peer.request(number, fence, self._hello.ledger, self._activity, self._work.slow)
        said = await self._answer(number, since, "a request that it had begun before it was killed")
        _expect(said, "lost")
        await self._peer.acknowledge(number, fence)
        return "the same ledger, the fence kept, and lost for what it had begun"

    # -- helpers -----------------------------------------------------------------------------------------------

    def _next(self) -> tuple[int, Fence]:
        """Return the number of a job, and a fence above all before it."""
        self._count += 1
        self._jobs += 1
        return self._jobs, Fence(self._lease, self._count)

    async def _claim(self, lease: int) -> ActivityResponse:
        since = len(self._peer.said)
        await self._peer.claim(lease)
        said = await self._peer.find(
            lambda said: said.lease == lease and said.job is None,
            since=since,
            within_s=self._patience.answer_s,
        )
        if said is None:
            raise _BrokenRuleError(
                f"no answer to a claim within {self._patience.answer_s:g} s, with the lease {lease} echoed"
            )
        return self._checked(said)

    async def _request(self, number: int, fence: Fence, ledger: str, value: Any) -> ActivityResponse:
        since = len(self._peer.said)
        await self._peer.request(number, fence, ledger, self._activity, value)
        return await self._answer(number, since, "a request")

    async def _answer(self, number: int, since: int, what: str) -> ActivityResponse:
        said = await self._peer.find(
            lambda said: said.job == self._peer.job(number) and said.kind != "heartbeat",
            since=since,
            within_s=self._patience.answer_s,
        )
        if said is None:
            raise _BrokenRuleError(f"no answer to {what} within {self._patience.answer_s:g} s")
        return self._checked(said)

    async def _end_of(self, number: int, *, within_s: float, since: int = 0) -> ActivityResponse:
        said = await self._peer.find(
            lambda said: said.job == self._peer.job(number) and said.kind in _ENDS,
            since=since,
            within_s=within_s,
        )
        if said is None:
            raise _BrokenRuleError(f"the attempt did not end within {within_s:g} s")
        return self._checked(said)

    def _checked(self, said: ActivityResponse) -> ActivityResponse:
        """See that an answer says who gives it."""
        if said.ledger != self._hello.ledger:
            raise _BrokenRuleError(
                f"its answer {said.kind!r} is of ledger {said.ledger!r}, its hello of {self._hello.ledger!r}"
            )
        if said.job is not None and (said.visit is None or said.attempt is None):
            raise _BrokenRuleError(
                f"its answer {said.kind!r} does not name visit and attempt as the message did"
            )
        return said


def _expect(said: ActivityResponse, *kinds: str) -> None:
    if said.kind not in kinds:
        why = f" ({said.error.code}: {said.error.text})" if said.error else ""
        raise _BrokenRuleError(f"it answered {said.kind!r}{why}, expected is {' or '.join(kinds)}")


def _show(fence: Fence) -> str:
    return f"{fence[0]}.{fence[1]}"
