"""The memory broker's requests: asked of all who answer on a subject, answered by the first."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ee_core.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_log = logging.getLogger(__name__)


class Switchboard:
    """Who answers on which subject, and who waits for an answer."""

    def __init__(self) -> None:
        self._responders: dict[str, list[_Responder]] = {}
        self._waiting: set[asyncio.Future[bytes]] = set()

    @asynccontextmanager
    async def respond(self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]) -> AsyncIterator[None]:
        """Answer on a subject; leaving ends answers that are being worked on."""
        responder = _Responder(subject, answer)
        responders = self._responders.setdefault(subject, [])
        responders.append(responder)
        try:
            yield
        finally:
            responders.remove(responder)
            if not responders and self._responders.get(subject) is responders:
                del self._responders[subject]
            await responder.stop()

    async def request(self, subject: str, body: bytes, *, timeout_s: float) -> bytes:
        """Return the first answer.

        Raises:
            BrokerUnavailableError: None came in time, or nobody answers there.
        """
        responders = tuple(self._responders.get(subject, ()))
        if not responders:
            raise BrokerUnavailableError(f"nobody answers on {subject!r}; is an engine running?")
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.add(reply)
        try:
            for responder in responders:
                responder.ask(body, reply)
            async with asyncio.timeout(timeout_s):
                return await reply
        except TimeoutError:
            raise BrokerUnavailableError(f"no answer on {subject!r} within {timeout_s} s") from None
        finally:
            self._waiting.discard(reply)

    def close(self) -> None:
        """Give up: nobody answers any more, and who waits is told."""
        self._responders.clear()
        for reply in self._waiting:
            if not reply.done():
                reply.set_exception(BrokerUnavailableError("the memory broker was closed"))


class _Responder:
    """One who answers; each request is a task of its own, as it would be elsewhere."""

    def __init__(self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._subject = subject
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, body: bytes, reply: asyncio.Future[bytes]) -> None:
        task = asyncio.get_running_loop().create_task(
            self._work(body, reply), name=f"answer on {self._subject}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, body: bytes, reply: asyncio.Future[bytes]) -> None:
        try:
            answer = await self._answer(body)
        except Exception:  # noqa: BLE001 - the answering code may raise anything; the asker must not wait for its bug
            _log.exception("no answer on %s", self._subject, extra={"action": "answer_failed"})
            return
        if not reply.done():
            reply.set_result(answer)
