"""Who wants work done: clients that send commands until they are answered, and a person who answers incidents."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ee_core.client import Client
from ee_core.errors import BrokerError, EngineError
from ee_core.messages.jobs import CancelJob, ExecuteJob, OperateJob, QueryJobs
from ee_core.simulation import lines
from ee_core.simulation.faulty_broker import FaultyBroker
from ee_core.simulation.life import Life

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ee_core.messages.jobs import CommandReply
    from ee_core.simulation.bots import Surroundings
    from ee_core.simulation.plan import JobPlan

_PATIENCE_S: Final = 8.0
_LOOKS_S: Final = 4.0


class Clients:
    """All clients of a run.

    Attributes:
        unanswered: How many commands wait for an answer.
    """

    def __init__(self, around: Surroundings) -> None:
        self.unanswered = 0
        self._around = around
        self._life = Life("clients")
        self._chance = around.faults.seeded("clients")
        self._client = Client(
            FaultyBroker(around.broker, around.network, self._life),
            around.subjects,
            env=around.make_env(),
            timeout_s=_PATIENCE_S,
        )

    @property
    def life(self) -> Life:
        """Their process; it never dies while the run lasts."""
        return self._life

    def begin(self, plan: JobPlan) -> None:
        """Send the commands of a job at their hours."""
        for copy in range(plan.copies):
            self._life.start(self._execute(plan, copy))
        if plan.cancel_at_s is not None:
            self._life.start(self._cancel(plan.id, plan.cancel_at_s))

    def cancel(self, job: str) -> None:
        """Cancel a job now."""
        self._life.start(self._cancel(job, 0.0))

    def operate(self, find: Callable[[], list[str]], quarantined: Callable[[], list[str]]) -> None:
        """Let a person look every few seconds at jobs with incidents, and at bots that are quarantined."""
        self._life.start(self._operate(find, quarantined))

    async def _execute(self, plan: JobPlan, copy: int) -> None:
        await asyncio.sleep(plan.at_s)
        command = ExecuteJob(
            id=plan.id,
            workflow=plan.workflow,
            bindings=plan.bindings,
            inputs=dict(plan.inputs),
            priority=plan.priority,
        )
        content = json.dumps(plan.workflow, sort_keys=True) + str(plan.priority)
        await self._send(
            f"execute {plan.id} {copy}",
            lambda: self._client.execute(command),
            {"kind": "execute", "job": plan.id, "content": content},
        )

    async def _cancel(self, job: str, at_s: float) -> None:
        await asyncio.sleep(at_s)
        command = CancelJob(job=job, reason="not wanted any more", who="client")
        key = f"cancel {job} {self._around.recorder.now_us}"
        await self._send(key, lambda: self._client.cancel(command), {"kind": "cancel", "job": job})

    async def _send(
        self, key: str, send: Callable[[], Awaitable[CommandReply]], about: dict[str, Any]
    ) -> None:
        """Send a command again and again until it is answered."""
        recorder = self._around.recorder
        self.unanswered += 1
        while True:
            recorder.add(lines.CommandSent, key=key, **about)
            try:
                reply = await send()
            except BrokerError:
                await asyncio.sleep(self._chance.uniform(0.1, 2.0))  # nothing is known: the same once more
            except EngineError as error:
                recorder.add(lines.CommandAnswered, key=key, job=about["job"], error=error.code)
                break
            else:
                recorder.add(lines.CommandAnswered, key=key, job=reply.job, status=reply.status)
                break
        self.unanswered -= 1

    # -- the person --------------------------------------------------------------------------------------------

    async def _operate(self, find: Callable[[], list[str]], quarantined: Callable[[], list[str]]) -> None:
        while True:
            await asyncio.sleep(_LOOKS_S * self._chance.uniform(0.5, 1.5))
            for job in find():
                await self._look_at(job)
            for bot in quarantined():
                await self._release(bot)

    async def _release(self, bot: str) -> None:
        question = QueryJobs(what="release_bot", bot=bot, reason="looked at it", who="ann")
        with suppress(EngineError):  # without an answer it is asked again
            await self._client.query(question)

    async def _look_at(self, job: str) -> None:
        try:
            shown = await self._client.query(QueryJobs(what="job", job=job))
        except EngineError:
            return  # no engine answers: later
        for incident in shown["incidents"]:
            if incident["choices"] and incident["kind"] != "NoBot":
                await self._answer(job, incident["incident"], incident["choices"])

    async def _answer(self, job: str, incident: str, choices: list[str]) -> None:
        action = self._chance.choice(choices)
        number = f"{job}-{incident}-{self._around.recorder.now_us}"
        fields = {"id": number, "job": job, "incident": incident, "action": action, "output": {"by": "hand"}}
        command = OperateJob.from_json({**fields, "who": "ann"})
        await self._send(
            f"operate {number}",
            lambda: self._client.operate(command),
            {"kind": "operate", "job": job, "action": number},
        )
