"""The side of whoever wants work done: commands, questions, events.

A command is given to the broker, and its answer awaited on a subject of the client's own: it comes only after the
job's first record is durable. Without an answer in time nothing is known, and the same command may be sent again with
the same id.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ee_core.contracts.broker import Channel, ChannelKind
from ee_core.errors import (
    BrokerUnavailableError,
    ConflictError,
    EngineError,
    InputError,
    MessageError,
    NotFoundError,
    WorkflowError,
)
from ee_core.messages.jobs import (
    CancelJob,
    CommandReply,
    ExecuteJob,
    JobEvent,
    OperateJob,
    QueryJobs,
    QueryReply,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env
    from ee_core.messages.subjects import Subjects
    from ee_core.messages.wire import ErrorBody

_BY_CODE: dict[str, type[EngineError]] = {
    kind.code: kind for kind in (ConflictError, InputError, MessageError, NotFoundError, WorkflowError)
}


class Client:
    """Talks to the engines of one namespace over an open broker; safe to use from many tasks of one loop."""

    def __init__(self, broker: Broker, subjects: Subjects, *, env: Env, timeout_s: float = 10.0) -> None:
        self._broker = broker
        self._subjects = subjects
        self._env = env
        self._timeout_s = timeout_s

    async def execute(self, command: ExecuteJob) -> CommandReply:
        """Have a job run.

        Returns:
            The job's id and ``accepted``, or ``known`` when the same command was accepted before.

        Raises:
            EngineError: Refused; the class follows the code: `WorkflowError`, `NotFoundError`, `ConflictError`, ...
            BrokerUnavailableError: No answer in time; send the same id again.
        """
        return await self._command(self._subjects.execute_job, command)

    async def cancel(self, command: CancelJob) -> CommandReply:
        """End a job. Raises as `execute`."""
        return await self._command(self._subjects.cancel_job, command)

    async def operate(self, command: OperateJob) -> CommandReply:
        """Answer an incident. Raises as `execute`."""
        return await self._command(self._subjects.operate_job, command)

    async def query(self, question: QueryJobs) -> Any:
        """Ask an engine; the answer is plain JSON. A history is asked for until there are no more records.

        Raises:
            NotFoundError: No such job.
            InputError: The question cannot be answered as it is, or its answer is larger than the broker takes.
            BrokerUnavailableError: No engine answered.
        """
        result = page = await self._ask(question)
        while question.what == "history" and page:
            page = await self._ask(question.model_copy(update={"after": page[-1]["index"]}))
            result = [*result, *page]
        return result

    async def _ask(self, question: QueryJobs) -> Any:
        began_s = asyncio.get_running_loop().time()
        try:
            body = await self._broker.request(
                self._subjects.query_jobs, question.to_bytes(), timeout_s=self._timeout_s
            )
        except BrokerUnavailableError as error:
            other = ", or name another namespace" if self._subjects.prefix else ""
            # a broker that knows who is there says so at once
            waited = asyncio.get_running_loop().time() - began_s >= self._timeout_s
            raise BrokerUnavailableError(f"{self._silence(waited=waited)}; {self._cure()}{other}") from error
        reply = QueryReply.from_bytes(body)
        if reply.error is not None:
            raise to_error(reply.error)
        return reply.result

    @asynccontextmanager
    async def events(self, job: str) -> AsyncIterator[AsyncIterator[JobEvent]]:
        """Follow the committed events of a job (or of all: ``*``); best effort, from now on."""
        channel = Channel(ChannelKind.BROADCAST, self._subjects.job_events(job))
        async with self._broker.consume(channel, group="watch") as deliveries:

            async def follow() -> AsyncIterator[JobEvent]:
                async for delivery in deliveries:
                    yield JobEvent.from_bytes(delivery.body)

            yield follow()

    async def _command(self, subject: str, command: ExecuteJob | CancelJob | OperateJob) -> CommandReply:
        inbox = f"_INBOX.{self._env.new_id()}"
        body = command.model_copy(update={"reply_to": inbox}).to_bytes()
        async with self._broker.consume(Channel(ChannelKind.BROADCAST, inbox), group="reply") as answers:
            await self._broker.publish(Channel(ChannelKind.WORK, subject), body)
            try:
                async with asyncio.timeout(self._timeout_s):
                    delivery = await anext(answers, None)
            except TimeoutError as error:
                raise BrokerUnavailableError(
                    f"the command is in the broker, but {self._silence()}; {self._cure()}: it will take the command up"
                ) from error
        if delivery is None:
            raise BrokerUnavailableError("the broker was closed while an answer was awaited")
        reply = CommandReply.from_bytes(delivery.body)
        if reply.error is not None:
            raise to_error(reply.error)
        return reply

    def _silence(self, *, waited: bool = True) -> str:
        within = f" within {self._timeout_s:g} s" if waited else ""
        where = f" in namespace {self._subjects.prefix!r}" if self._subjects.prefix else ""
        return f"no engine answered{within}{where}"

    def _cure(self) -> str:
        if self._subjects.prefix:
            return f"start one with `eectl engine run --namespace {self._subjects.prefix}`"
        return "start one with `eectl up` or `eectl engine run`"


def to_error(body: ErrorBody) -> EngineError:
    """Make an error of a code and a text that came over the wire; unknown codes become `EngineError`."""
    return _BY_CODE.get(body.code, EngineError)(body.text)
