"""Stateless work that may not be repeated: carried out in the process that owns the job's partition (R9a).

Its *assigned* record stands before the effect, and nothing else fences it: when this process dies in between,
nobody knows what happened, and the next one says so instead of doing it again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from ee_core.bot.context import Context
from ee_core.bot.running import Attempt
from ee_core.model.events import Error
from ee_core.model.facts import AttemptSilent, PluginFound, PluginMissing, ResponseKind, ResponseReceived
from ee_core.tasks import begin

if TYPE_CHECKING:
    from ee_core.bot.running import Outcome
    from ee_core.bot.secrets import Resolver
    from ee_core.contracts.activity import ActivityType
    from ee_core.contracts.env import Env
    from ee_core.model.ids import JobId
    from ee_core.model.waits import ResponseWait, WaitKey
    from ee_core.reactor.requests import TellSoon


class FindActivity(Protocol):
    """Looks an installed activity type up."""

    def __call__(self, name: str) -> ActivityType | None: ...


class Inhouse:
    """The attempts this process carries out itself; one task each."""

    def __init__(
        self, *, env: Env, tell: TellSoon, find_activity: FindActivity, secrets: Resolver, grace_s: float
    ) -> None:
        self._env = env
        self._tell = tell
        self._find_activity = find_activity
        self._secrets = secrets
        self._grace_s = grace_s
        # until its wait is dropped, also when it has ended: what was begun is never begun again
        self._begun: dict[tuple[JobId, WaitKey], asyncio.Task[None]] = {}
        self.started = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    def __len__(self) -> int:
        return len(self._begun)

    async def run(self) -> None:
        """Hold the tasks until cancelled; each gets `grace_s` to end then."""
        async with asyncio.TaskGroup() as self._tasks:
            self.started.set()
            await asyncio.get_running_loop().create_future()

    def arm(self, job: JobId, wait: ResponseWait, *, adopted: bool) -> None:
        """Carry out an attempt; one that was under way in a process before this one is told as silent."""
        if (job, wait.key) in self._begun:
            return
        if adopted and not wait.no_bot:
            fact = AttemptSilent(at_us=self._env.now(), visit=wait.visit, attempt=wait.attempt, why="crash")
            self._tell(job, fact)
            return
        activity = self._find_activity(wait.activity)
        if activity is None:
            self._tell_missing(job, wait)
        elif wait.no_bot:
            # not begun before the end of the incident is durable: until then a crash would not make it Lost
            self._tell(job, PluginFound(at_us=self._env.now(), visit=wait.visit))
        else:
            work = self._carry_out(job, wait, activity)
            task = begin(self._tasks, work, name=f"inhouse-{job}-{wait.visit}")
            if task is not None:  # else the engine ends, and whoever drives the job next finds it under way
                self._begun[job, wait.key] = task

    def drop(self, job: JobId, key: WaitKey) -> None:
        """Stop an attempt that nobody waits for any more."""
        task = self._begun.pop((job, key), None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _tell_missing(self, job: JobId, wait: ResponseWait) -> None:
        if wait.no_bot:
            return  # told before
        text = (
            f"activity type {wait.activity!r} has no plugin here;"
            f" install a package with an entry point {wait.activity!r} in group 'ee.activities' and start the engine again"
        )
        self._tell(job, PluginMissing(at_us=self._env.now(), visit=wait.visit, text=text))

    async def _carry_out(self, job: JobId, wait: ResponseWait, activity: ActivityType) -> None:
        context = Context(
            job=job,
            node=wait.node,
            visit=wait.visit,
            attempt=wait.attempt,
            idempotency_key=f"{job}/{wait.visit}",
            activity=wait.activity,
        )
        attempt = Attempt(
            activity,
            context,
            wait.input,
            run_ms=wait.timeouts.run_ms,
            references=wait.secrets,
            secrets=self._secrets,
        )
        outcome = await attempt.carry_out(grace_s=self._grace_s)
        self._tell(job, self._to_fact(wait, outcome))

    def _to_fact(self, wait: ResponseWait, outcome: Outcome) -> ResponseReceived:
        error = outcome.error
        return ResponseReceived(
            at_us=self._env.now(),
            bot=None,
            visit=wait.visit,
            attempt=wait.attempt,
            fence=None,
            kind=ResponseKind(outcome.kind),
            output=outcome.output,
            error=Error(error.code, error.text) if error is not None else None,
            retryable=outcome.retryable,
            retry_after_ms=outcome.retry_after_ms,
        )
