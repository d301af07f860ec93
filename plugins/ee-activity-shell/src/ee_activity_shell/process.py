"""Runs one program, reads what it writes, and ends it with everything it started.

The program leads a process group of its own. When it has ended, when its time is over or when the caller is cancelled,
what is left of the group is killed, so nothing goes on after this call. What is meant to outlive it has to leave the
group (a session of its own), and is then no part of the attempt. On Windows there are no such groups: the program alone
is ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from ee_activity_shell.request import Program

_STDOUT: Final = 1
_STDERR: Final = 2
_LAST_WORDS_S: Final = 1.0  # for what is still in the pipes; who left the group may hold them open for ever


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a program may take."""

    timeout_s: float
    grace_s: float  # to end by itself after it was asked to


class _Protocol(asyncio.SubprocessProtocol):
    """Hands on what is written; notes what has ended.

    asyncio's own streams would keep everything, and wait for pipes that somebody else may hold open.
    """

    def __init__(self, readers: Mapping[int, Callable[[bytes], None]]) -> None:
        self._readers = readers
        self._open = set(readers)
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()
        self.closed = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        self._readers[fd](cast("bytes", data))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open:
            self.silent.set()

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


async def run_program(
    program: Program,
    limits: Limits,
    *,
    on_stdout: Callable[[bytes], None],
    on_stderr: Callable[[bytes], None],
) -> int:
    """Run a program to its end, and return its exit code; minus the number of a signal that ended it.

    Cancelled, it asks the program to end, kills it after the grace, and raises when it has ended; cancelled again, it
    kills at once.

    Raises:
        TimeoutError: Its time was over; it has ended.
        OSError: It could not be started: no such file or folder, no right, no memory.
    """
    protocol = _Protocol({_STDOUT: on_stdout, _STDERR: on_stderr})
    async with _started(program, protocol) as transport:
        try:
            _write(transport, program.stdin)
            async with asyncio.timeout(limits.timeout_s):
                await protocol.exited.wait()
        finally:
            if not protocol.exited.is_set():
                await _end(transport, protocol, limits.grace_s)
            _signal(transport, _KILL)  # what it left behind
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await protocol.silent.wait()
    code = transport.get_returncode()
    assert code is not None, "it has exited"
    return code


@asynccontextmanager
async def _started(program: Program, protocol: _Protocol) -> AsyncIterator[asyncio.SubprocessTransport]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.subprocess_exec(
        lambda: protocol,
        *program.words,
        cwd=program.cwd,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL if program.stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # the leader of a group of its own, without a terminal that it could ask
    )
    try:
        yield transport
    finally:
        _signal(transport, _KILL)  # also when somebody lost patience above
        transport.close()
        await protocol.closed.wait()


def _write(transport: asyncio.SubprocessTransport, data: bytes | None) -> None:
    """Give a program what it reads; it may end without having read it all."""
    if data is None:
        return
    pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
    pipe.write(data)
    pipe.close()  # when all is written


async def _end(transport: asyncio.SubprocessTransport, protocol: _Protocol, grace_s: float) -> None:
    """Ask a program to end, and kill it when it does not."""
    _signal(transport, signal.SIGTERM)
    try:
        async with asyncio.timeout(grace_s):
            await protocol.exited.wait()
    except TimeoutError:
        _signal(transport, _KILL)
        await protocol.exited.wait()


_KILL: Final = signal.SIGTERM if os.name == "nt" else signal.SIGKILL  # there both end a process at once


def _signal(transport: asyncio.SubprocessTransport, number: signal.Signals) -> None:
    """Send a signal to the whole group, also when its leader has ended."""
    with suppress(
        ProcessLookupError, PermissionError
    ):  # nobody is left; or who is left belongs to somebody else
        if os.name == "nt":
            transport.send_signal(number)
        else:
            os.killpg(transport.get_pid(), number)
