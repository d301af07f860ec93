"""A bot's one slot: judges a message, writes what must be durable first, and says what to do and to answer.

Each method does its judgement and its writing in one go, with no `await` between, so messages that come at the same
time are judged one after the other. It publishes nothing and starts nothing: that is the host's, after the method
has returned. When the ledger cannot be written the method raises, and nothing was decided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ee_core.bot.entry import HIGHEST_FENCE, AttemptKey, Entry, bound_of, digest_of
from ee_core.bot.judge import Verdict, judge_cancel, judge_claim, judge_question, judge_request
from ee_core.bot.running import Outcome
from ee_core.errors import MessageError
from ee_core.messages.activity import ActivityResponse, RunningAttempt
from ee_core.messages.wire import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.bot.context import Progress
    from ee_core.bot.ledger import Ledger
    from ee_core.contracts.env import Env
    from ee_core.messages.activity import (
        ActivityAck,
        ActivityCancel,
        ActivityRequest,
        BotQuery,
        ResponseKindName,
    )
    from ee_core.model.ids import Fence

_COMPACT_EVERY: Final = 200  # finished attempts
_LOST: Final = Outcome(
    "lost",
    error=ErrorBody(code="interrupted", text="it was started, and the bot's process ended before it did"),
)
_NEVER: Final = Outcome(
    "stopped", error=ErrorBody(code="never_started", text="it was cancelled before it was known here")
)

_SAYS_STORED: Final = frozenset({Verdict.REPEAT, Verdict.LOSE, Verdict.RECORD_STOP})
_KINDS: Final[Mapping[Verdict, ResponseKindName]] = {
    Verdict.START: "accepted",
    Verdict.ACCEPT: "accepted",
    Verdict.CONFLICT: "conflict",
    Verdict.STALE: "stale",
    Verdict.BUSY: "busy",
    Verdict.WRONG_LEDGER: "wrong_ledger",
    Verdict.RECORD_IDLE: "idle",
    Verdict.CLAIM_IDLE: "idle",
    Verdict.CLAIM_BUSY: "busy",
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a message leads to."""

    verdict: Verdict
    answer: ActivityResponse | None  # to be sent to the message's `reply_to`; None with STOP
    owed: Entry | None = None  # its stored response was not acknowledged yet: repeat it


class Slot:
    """One bot's slot and memory."""

    def __init__(self, ledger: Ledger, *, instance: str, env: Env) -> None:
        self._ledger = ledger
        self._instance = instance
        self._env = env
        self._running: Entry | None = None
        self._finished = 0

    @property
    def highest(self) -> Fence:
        """The highest fence of anything started or claimed."""
        return self._ledger.highest

    @property
    def running(self) -> RunningAttempt | None:
        """The attempt in the slot."""
        entry = self._running
        if entry is None:
            return None
        return RunningAttempt(
            job=entry.key.job, visit=entry.key.visit, attempt=entry.key.attempt, fence=entry.fence
        )

    def recover(self) -> list[Entry]:
        """Finish as lost what an earlier process started, and return all that is not acknowledged; once, at the start."""
        for entry in self._ledger.open_entries():
            if not entry.is_finished:
                self._finish(entry, _LOST)
        self._ledger.compact(self._env.now())
        return self._ledger.open_entries()

    # -- messages ----------------------------------------------------------------------------------------------

    def take_request(self, request: ActivityRequest) -> Ruling:
        """Judge a request; with START the slot is taken, and the caller must begin and later `finish`.

        Raises:
            MessageError: It has no fence or no ledger, which a bot must be given.
            LedgerError: Nothing was decided.
        """
        if request.fence is None or request.ledger is None:
            raise MessageError("ActivityRequest: a request to a bot needs fence and ledger")
        key = AttemptKey.of(request)
        known = self._ledger.find(key)
        digest = digest_of(request)
        verdict = judge_request(
            known,
            same_ledger=request.ledger == self._ledger.ledger_id,
            digest=digest,
            fence=request.fence,
            highest=self._ledger.highest,
            running=self._running_key,
        )
        if verdict is Verdict.START:
            entry = Entry(
                key=key, fence=request.fence, digest=digest, reply_to=request.reply_to, bound=request.fence
            )
            self._ledger.put(entry)
            self._running = entry
        return self._rule(verdict, key, request.fence, known)

    def take_cancel(self, cancel: ActivityCancel) -> Ruling:
        """Judge a cancel; with STOP the caller must stop what runs.

        Raises:
            LedgerError: Nothing was decided.
        """
        key = AttemptKey.of(cancel)
        known = self._ledger.find(key)
        verdict = judge_cancel(known, fence=cancel.fence, running=self._running_key)
        bound = cancel.fence or HIGHEST_FENCE
        if verdict is Verdict.REPEAT and known is not None and known.fence is None and known.bound < bound:
            # known from a question only, and this promise reaches further than that one
            known = replace(known, bound=bound)
            self._ledger.put(known)
        if verdict is Verdict.RECORD_STOP:
            known = Entry(key=key, fence=cancel.fence, bound=bound, reply_to=cancel.reply_to)
            known = self._finish(known, _NEVER)
        return self._rule(verdict, key, cancel.fence, known)

    def take_query(self, query: BotQuery) -> Ruling:
        """Judge a claim or a question.

        Raises:
            MessageError: It names a part of an attempt.
            LedgerError: Nothing was decided.
        """
        if query.job is None and query.visit is None and query.attempt is None:
            return self._take_claim(query.lease)
        if query.job is None or query.visit is None or query.attempt is None:
            raise MessageError("BotQuery: a question names job, visit and attempt, a claim none of them")
        key = AttemptKey(query.job, query.visit, query.attempt)
        known = self._ledger.find(key)
        verdict = judge_question(known, running=self._running_key)
        if verdict is Verdict.RECORD_IDLE:
            self._finish(self._never_to_start(key, known, query.lease), _NEVER)
        return self._rule(verdict, key, known.fence if known else None, known, lease=query.lease)

    def take_ack(self, ack: ActivityAck) -> AttemptKey | None:
        """Note that the engine has a response; None if there is no such response.

        Raises:
            LedgerError: Nothing was noted.
        """
        key = AttemptKey.of(ack)
        known = self._ledger.find(key)
        if known is None or not known.is_finished or (ack.fence and known.fence and ack.fence != known.fence):
            return None
        self._ledger.set_acked(key)
        return key

    def finish(self, outcome: Outcome) -> Entry:
        """Write the response of what runs, then free the slot.

        Raises:
            LedgerError: Not written; the slot stays taken. Call again.
        """
        assert self._running is not None, "only a started attempt finishes"
        entry = self._finish(self._running, outcome)
        self._running = None
        self._finished += 1
        if self._finished % _COMPACT_EVERY == 0:
            self._ledger.compact(self._env.now())
        return entry

    # -- answers -----------------------------------------------------------------------------------------------

    def heartbeat(self, last: Progress | None) -> ActivityResponse:
        """Return a sign of life of what runs."""
        running = self._running
        assert running is not None, "only a started attempt has heartbeats"
        answer = self._answer("heartbeat", running.key, running.fence)
        return (
            answer
            if last is None
            else answer.model_copy(update={"progress": last.fraction, "text": last.text})
        )

    def stored(self, entry: Entry) -> ActivityResponse:
        """Return a finished attempt's response as this process says it."""
        assert entry.response is not None, "only a finished attempt has a response"
        response = ActivityResponse.from_bytes(entry.response)
        return response.model_copy(update={"instance": self._instance, "highest": self._ledger.highest})

    # -- inside ------------------------------------------------------------------------------------------------

    @property
    def _running_key(self) -> AttemptKey | None:
        return None if self._running is None else self._running.key

    def _take_claim(self, lease: int) -> Ruling:
        verdict = judge_claim(lease=lease, highest=self._ledger.highest, running=self._running_key)
        if verdict is not Verdict.STALE:
            self._ledger.claim(lease)
        kind = _KINDS[verdict]
        answer = self._answer(kind, None, None).model_copy(update={"lease": lease, "running": self.running})
        return Ruling(verdict, answer)

    def _never_to_start(self, key: AttemptKey, known: Entry | None, lease: int) -> Entry:
        bound = bound_of(lease, self._ledger.highest)
        if known is None:
            # the answer is `idle`, which the asker repeats if it is lost, so nothing is owed
            return Entry(key=key, bound=bound, acked=True)
        # an earlier answer may have promised more: forgotten sooner, its request would be started
        return replace(known, bound=max(bound, known.bound))

    def _rule(
        self, verdict: Verdict, key: AttemptKey, fence: Fence | None, known: Entry | None, *, lease: int = 0
    ) -> Ruling:
        if verdict is Verdict.STOP:
            return Ruling(verdict, None)
        if verdict is Verdict.LOSE and known is not None:
            known = self._finish(known, _LOST)
        if known is not None and known.is_finished and verdict in _SAYS_STORED:
            # an attempt known from a question has no fence; whoever names one must get it back
            own = {"lease": lease, "fence": known.fence or fence}
            return Ruling(verdict, self.stored(known).model_copy(update=own), None if known.acked else known)
        answer = self._answer(_KINDS[verdict], key, fence)
        return Ruling(verdict, answer.model_copy(update={"lease": lease, "running": self.running}))

    def _answer(
        self, kind: ResponseKindName, key: AttemptKey | None, fence: Fence | None
    ) -> ActivityResponse:
        job, visit, attempt = key or (None, None, None)
        return ActivityResponse(
            kind=kind,
            job=job,
            visit=visit,
            attempt=attempt,
            fence=fence,
            ledger=self._ledger.ledger_id,
            instance=self._instance,
            highest=self._ledger.highest,
        )

    def _finish(self, entry: Entry, outcome: Outcome) -> Entry:
        response = self._answer(outcome.kind, entry.key, entry.fence).model_copy(
            update={
                "output": outcome.output,
                "error": outcome.error,
                "retryable": outcome.retryable,
                "retry_after_ms": outcome.retry_after_ms,
            }
        )
        finished = replace(entry, response=response.to_bytes(), finished_us=self._env.now())
        self._ledger.put(finished)
        return finished
