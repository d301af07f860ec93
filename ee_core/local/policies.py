"""The core's own answers to the hooks that ask: what happens when no plugin has an opinion.

An engine hands one `CorePolicies` to the registry, which asks it last. What these hooks decide a plugin can decide
otherwise by the very same means; nothing here is known to any other part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.contracts.hooks import GIVE_UP, Hold
from ee_core.hookspecs import hookimpl
from ee_core.local.counts import CoreCounts
from ee_core.model.retry import covers, delay_ms, give_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ee_core.contracts.env import Env
    from ee_core.contracts.hooks import (
        BotView,
        EngineLoad,
        FailedAttempt,
        GiveUp,
        VisitView,
    )
    from ee_core.model.events import Error
    from ee_core.model.ids import BotId, JobId, VisitId


class CorePolicies(CoreCounts):
    """Back-off, least recently used bot, a bound on open jobs, correlation headers; and the counts."""

    def __init__(self, env: Env, *, max_open_jobs: int | None = None) -> None:
        super().__init__()
        self._env = env
        self._max_open_jobs = max_open_jobs

    @hookimpl(trylast=True)
    def ee_choose_retry(self, visit: VisitView, attempt: FailedAttempt, error: Error) -> int | GiveUp:
        is_covered = covers(visit.retry, error.code, retryable=attempt.retryable)
        if not is_covered or give_up(visit.retry, attempt.failures):
            return GIVE_UP
        # half to all of the delay, so that attempts which failed together do not come back together
        delay = delay_ms(visit.retry, attempt.failures, self._env.uniform(0.5, 1.0))
        return max(delay, attempt.retry_after_ms or 0)

    @hookimpl(trylast=True)
    def ee_choose_bot(self, candidates: Sequence[BotView]) -> BotId:
        return candidates[0].id  # they come least recently used first

    @hookimpl(trylast=True)
    def ee_admit_job(self, load: EngineLoad) -> Hold | None:
        if self._max_open_jobs is None or load.open_jobs < self._max_open_jobs:
            return None
        return Hold(f"{load.open_jobs} jobs are open, engine.max_open_jobs is {self._max_open_jobs}")

    @hookimpl(trylast=True)
    def ee_add_headers(self, job: JobId | None, visit: VisitId | None) -> Mapping[str, str] | None:
        if job is None:
            return None
        return {"x-ee-job": job} if visit is None else {"x-ee-job": job, "x-ee-visit": visit}
