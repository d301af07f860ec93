"""Attempts that were sent: the request is repeated until it is accepted, and every deadline is watched.

`accepted` and heartbeats are not recorded: their deadlines live here and start anew, with grace, after a restart.
A deadline that passes is told to the job, which makes the attempt Lost. Work that any worker may take stays in the
broker until one takes it: then only a missing worker, a silent one and the run time-out are told.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.messages.activity import ActivityCancel, ActivityRequest
from ee_core.model.facts import AttemptSilent, BotFound, BotMissing
from ee_core.reactor.outbox import Letter
from ee_core.reactor.patience import expect
from ee_core.reactor.questions import Questions

if TYPE_CHECKING:
    from ee_core.contracts.env import Env
    from ee_core.messages.subjects import Subjects
    from ee_core.model.facts import AnyFact
    from ee_core.model.ids import BotId, JobId
    from ee_core.model.waits import ResponseWait, WaitKey
    from ee_core.reactor.outbox import Outbox
    from ee_core.reactor.timers import Timers

_log = logging.getLogger(__name__)
_REPEAT_S = 2.0
_REPEAT_ANY_S = (15.0, 30.0, 60.0, 120.0)  # the last one for ever
_GRACE_S = 5.0  # added to accept and heartbeat deadlines after a restart
_MISSING_S = 2.0  # a worker gets this long to say hello


class TellSoon(Protocol):
    """Tells a fact to a job in a task of its own; failures are logged."""

    def __call__(self, job: JobId, fact: AnyFact) -> None: ...


class HasWorker(Protocol):
    """Says whether a worker for stateless work of a type is there."""

    def __call__(self, activity: str) -> bool: ...


@dataclass(slots=True)
class Armed:
    """A request that is out."""

    job: JobId
    wait: ResponseWait
    grace_s: float
    times: int = 0  # it was sent
    is_accepted: bool = False
    is_answered: bool = False  # a terminal answer is being told
    missing_told: bool = False
    progress: float | None = None
    text: str = ""

    @property
    def id(self) -> tuple[JobId, WaitKey]:
        return self.job, self.wait.key


class Requests:
    """All response waits that other processes, or bots of this one, have to answer."""

    def __init__(
        self,
        *,
        partition: int,
        subjects: Subjects,
        outbox: Outbox,
        timers: Timers,
        env: Env,
        tell: TellSoon,
        has_worker: HasWorker,
    ) -> None:
        self._partition = partition
        self._subjects = subjects
        self._outbox = outbox
        self._timers = timers
        self._env = env
        self._tell = tell
        self._has_worker = has_worker
        self._armed: dict[tuple[JobId, WaitKey], Armed] = {}
        self._by_bot: dict[BotId, dict[tuple[JobId, WaitKey], Armed]] = {}
        self._questions = Questions(
            partition=partition,
            subjects=subjects,
            outbox=outbox,
            timers=timers,
            unanswered=self._unanswered,
        )
        self._any: dict[str, dict[tuple[JobId, WaitKey], Armed]] = {}  # by activity type, not accepted yet

    def __len__(self) -> int:
        return len(self._armed)

    def find(self, job: JobId, key: WaitKey) -> Armed | None:
        """Return what is known of a request that is out."""
        return self._armed.get((job, key))

    # -- arm and drop ----------------------------------------------------------------------------------------

    def arm(self, job: JobId, wait: ResponseWait, *, adopted: bool) -> None:
        """Send a request and watch its deadlines; a wait that only changed keeps its deadlines."""
        known = self._armed.get((job, wait.key))
        if known is not None:
            is_questioned = wait.questioned and not known.wait.questioned
            known.wait = wait
            if is_questioned:
                self._ask(known, wait.questioned)
            return
        armed = Armed(job, wait, _GRACE_S if adopted else 0.0, missing_told=wait.no_bot)
        self._armed[armed.id] = armed
        if wait.bot is None:
            self._any.setdefault(wait.activity, {})[armed.id] = armed
            self._check_worker_later(armed)
        else:
            self._by_bot.setdefault(wait.bot, {})[armed.id] = armed
        self._watch(armed)
        if wait.questioned:
            self._ask(armed, wait.questioned)
        else:
            self._send(armed)

    def _watch(self, armed: Armed) -> None:
        wait = armed.wait
        if wait.bot is not None:
            self._expect(armed, "accept", wait.timeouts.accept_ms / 1000 + armed.grace_s)
        if wait.deadline_us is not None:
            left_s = (wait.deadline_us - self._env.now()) / 1e6
            if wait.timeouts.run_ms is not None:  # though the clock went back since it was recorded
                left_s = min(left_s, (wait.timeouts.accept_ms + wait.timeouts.run_ms) / 1000)
            self._timers.set(("run", *armed.id), left_s, lambda: self._silent(armed, "run"))

    def drop(self, job: JobId, key: WaitKey) -> ResponseWait | None:
        """Forget a request; a worker that may still do it is told to stop."""
        armed = self._armed.pop((job, key), None)
        if armed is None:
            return None
        for name in ("accept", "repeat", "run", "heartbeat", "missing"):
            self._timers.drop((name, *armed.id))
        self._questions.close(job, key)
        if armed.wait.bot is None:
            self._forget_any(armed)
            if not armed.is_answered:
                self._cancel_any(armed)
        else:
            self._forget_bot(armed, armed.wait.bot)
        return armed.wait

    # -- what bots say -----------------------------------------------------------------------------------------

    def accepted_by(self, bot: BotId) -> list[Armed]:
        """Return the attempts that a bot has accepted and not ended, as far as is known here."""
        return [armed for armed in self._by_bot.get(bot, {}).values() if armed.is_accepted]

    def question(self, armed: Armed) -> None:
        """Ask a bot's ledger once about an attempt that it does not seem to know any more."""
        _log.warning(
            "bot %s accepted attempt %s of %s of job %s and does not run it; its ledger is asked",
            armed.wait.bot,
            armed.wait.attempt,
            armed.wait.visit,
            armed.job,
            extra={"action": "bot_questioned", "bot": armed.wait.bot, "job": armed.job},
        )
        self._questions.ask_once(armed.job, armed.wait)

    def accepted(self, armed: Armed) -> None:
        """A bot began; from now on it must give signs of life."""
        reason = self._questions.reason(*armed.id)
        if reason == "run":
            return  # that it lives was not the question
        if reason is not None:
            self._questions.close(*armed.id)
        armed.is_accepted = True
        self._timers.drop(("accept", *armed.id))
        self._timers.drop(("repeat", *armed.id))
        if armed.wait.bot is None:
            self._forget_any(armed)
        self._expect_heartbeat(armed)

    def heartbeat(self, armed: Armed, progress: float | None, text: str) -> None:
        """A sign of life; it says `accepted` too, if that was lost."""
        armed.progress = progress if progress is not None else armed.progress
        armed.text = text or armed.text
        if armed.is_accepted and self._questions.reason(*armed.id) is None:
            self._expect_heartbeat(armed)
        else:
            self.accepted(armed)

    def busy(self, armed: Armed) -> None:
        """Not begun, by the bot's own word: the request is repeated, and its time to accept starts anew."""
        self._expect(armed, "accept", armed.wait.timeouts.accept_ms / 1000)

    def workers_changed(self) -> None:
        """Workers came or went: those that wait for one are looked at."""
        for waiting in list(self._any.values()):
            for armed in list(waiting.values()):
                self._check_worker(armed)

    # -- inside --------------------------------------------------------------------------------------------------

    def _send(self, armed: Armed) -> None:
        wait = armed.wait
        if wait.bot is None:
            channel = Channel(ChannelKind.WORK, self._subjects.execute_any(wait.activity))
            dedupe = f"{armed.job}/{wait.visit}/{wait.attempt}"
            letter = Letter(channel, self._request(armed), armed.job, wait.visit, dedupe)
            # it may wait there long; a broker that still has it drops the repeat, one that lost it keeps it
            delay_s = _REPEAT_ANY_S[min(armed.times, len(_REPEAT_ANY_S) - 1)]
        else:
            channel = Channel(ChannelKind.INBOX, self._subjects.execute(wait.bot))
            letter = Letter(channel, self._request(armed), armed.job, wait.visit)
            delay_s = _REPEAT_S
        armed.times += 1
        self._repeat(armed, delay_s)
        self._outbox.post(letter)

    def _repeat(self, armed: Armed, delay_s: float) -> None:
        def again() -> None:
            if armed.id not in self._armed or armed.is_accepted:
                return
            if self._outbox.is_late:
                self._repeat(armed, delay_s)
            else:
                self._send(armed)

        self._timers.set(("repeat", *armed.id), delay_s, again)

    def _request(self, armed: Armed) -> bytes:
        wait = armed.wait
        return ActivityRequest(
            job=armed.job,
            node=wait.node,
            visit=wait.visit,
            attempt=wait.attempt,
            fence=wait.fence,
            ledger=wait.ledger,
            activity=wait.activity,
            input=wait.input,
            secrets=[list(path) for path in wait.secrets] or None,
            input_hash=wait.input_hash,
            accept_ms=wait.timeouts.accept_ms,
            heartbeat_ms=wait.timeouts.heartbeat_ms,
            run_ms=self._run_left_ms(wait),
            idempotency_key=f"{armed.job}/{wait.visit}",
            reply_to=self._reply_to(wait),
        ).to_bytes()

    def _run_left_ms(self, wait: ResponseWait) -> int | None:
        if wait.deadline_us is None or wait.timeouts.run_ms is None:
            return None
        return max(0, min(wait.timeouts.run_ms, (wait.deadline_us - self._env.now()) // 1000))

    def _reply_to(self, wait: ResponseWait) -> str:
        # a worker puts its own id in the place of `_any`
        return self._subjects.response(self._partition, wait.bot or "_any")

    def _expect_heartbeat(self, armed: Armed) -> None:
        self._expect(armed, "heartbeat", armed.wait.timeouts.heartbeat_ms / 1000 + armed.grace_s)

    def _expect(self, armed: Armed, sign: str, within_s: float) -> None:
        expect(self._timers, (sign, *armed.id), within_s, lambda: self._silent(armed, sign))

    def _silent(self, armed: Armed, why: str) -> None:
        if armed.wait.questioned:
            self._ask(armed, why)  # that it is asked is recorded: it had answered, and is silent again
            return
        fact = AttemptSilent(
            at_us=self._env.now(), visit=armed.wait.visit, attempt=armed.wait.attempt, why=why
        )
        self._tell(armed.job, fact)

    def _ask(self, armed: Armed, why: str) -> None:
        for name in ("accept", "repeat", "heartbeat"):
            self._timers.drop((name, *armed.id))
        self._questions.ask(armed.job, armed.wait, why, grace_s=armed.grace_s)

    def _unanswered(self, job: JobId, wait: ResponseWait, why: str) -> None:
        fact = AttemptSilent(
            at_us=self._env.now(), visit=wait.visit, attempt=wait.attempt, why=why, asked=True
        )
        self._tell(job, fact)

    # -- workers ---------------------------------------------------------------------------------------------------

    def _check_worker_later(self, armed: Armed) -> None:
        if armed.missing_told:
            self._check_worker(armed)
        elif not self._has_worker(armed.wait.activity):
            self._timers.set(("missing", *armed.id), _MISSING_S, lambda: self._check_worker(armed))

    def _check_worker(self, armed: Armed) -> None:
        is_there = self._has_worker(armed.wait.activity)
        if is_there == (not armed.missing_told):
            return
        armed.missing_told = not is_there
        wait = armed.wait
        at_us = self._env.now()
        text = f"no worker for stateless work of type {wait.activity!r} is there; install its plugin and start `eectl engine run`"
        fact: AnyFact = (
            BotFound(at_us=at_us, visit=wait.visit)
            if is_there
            else BotMissing(at_us=at_us, visit=wait.visit, text=text)
        )
        self._tell(armed.job, fact)

    def _forget_bot(self, armed: Armed, bot: BotId) -> None:
        mine = self._by_bot[bot]
        del mine[armed.id]
        if not mine:
            del self._by_bot[bot]

    def _forget_any(self, armed: Armed) -> None:
        waiting = self._any.get(armed.wait.activity)
        if waiting is not None:
            waiting.pop(armed.id, None)
            if not waiting:
                del self._any[armed.wait.activity]

    def _cancel_any(self, armed: Armed) -> None:
        wait = armed.wait
        cancel = ActivityCancel(
            job=armed.job, visit=wait.visit, attempt=wait.attempt, reply_to=self._reply_to(wait)
        )
        channel = Channel(ChannelKind.BROADCAST, self._subjects.cancel_any(wait.activity))
        self._outbox.post(Letter(channel, cancel.to_bytes(), armed.job, wait.visit))
