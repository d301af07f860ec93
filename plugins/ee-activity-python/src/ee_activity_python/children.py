"""Child processes for ordinary functions: started when they are needed, used again, killed when they do not stop.

A function that computes or waits would hold the loop, and a thread cannot be ended; a process can, whatever it does.
Its process group goes with it. A child that was told to stop is never used again.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ee_activity_python.child import KINDS
from ee_core.errors import (
    ActivityError,
    AttemptStoppedError,
    LostActivityError,
    TransientActivityError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ee_activity_python.settings import PythonSettings
    from ee_core.contracts.activity import ActivityContext

_T = TypeVar("_T")
_ENVELOPE_BYTES: Final = 64 * 1024  # of a frame beside an output


class IsAsyncError(Exception):
    """The function is async: it belongs on the loop."""


class Children:
    """The child processes of one activity type."""

    def __init__(self, settings: PythonSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.processes)
        self._idle: list[_Child] = []
        self._alive: set[_Child] = set()
        # an activity type is never closed; at the end of the process this runs too
        weakref.finalize(self, _kill_all, self._alive)

    async def call(self, target: str, arguments: Any, context: ActivityContext) -> Any:
        """Call a function in a child process, and return its result as plain JSON.

        Cancelled, it asks the function to stop, kills the process after the grace, and ends when it has ended: with the
        function's own result or error if there was one.

        Raises:
            ActivityError: The function raised, or cannot be called; `LostActivityError` when its process died.
            IsAsyncError: It was not called.
        """
        request = {
            "call": target,
            "arguments": arguments,
            "context": _to_frame(context),
            "max_output_bytes": self._settings.max_output_bytes,
        }
        async with self._slots:
            child = self._idle.pop() if self._idle else self._new_child()
            answer = None
            try:
                answer = await self._converse(child, request, context)
            finally:
                if answer is None or child.is_asked_to_stop:
                    child.kill()
                    await asyncio.shield(_in_thread(child.bury))
                else:
                    self._idle.append(child)
        return _read(target, answer, child)

    async def _converse(
        self, child: _Child, request: dict[str, Any], context: ActivityContext
    ) -> dict[str, Any] | None:
        """Wait for the last frame of a call; None when the child died."""
        ended = _in_thread(lambda: child.converse(request, lambda frame: _pass_on(frame, context)))
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            child.ask_to_stop()
            try:
                async with asyncio.timeout(self._settings.grace_s):
                    await asyncio.wait({ended})
            except TimeoutError:
                child.kill()
            answer = await ended
            if answer is None:
                raise
            return answer

    def _new_child(self) -> _Child:
        limit = self._settings.max_output_bytes + _ENVELOPE_BYTES
        return _Child(self._settings.path, limit, self._alive)


class _Child:
    """One child process. `converse` and `bury` run in threads; the others may be called while they do."""

    def __init__(self, path: Sequence[str], max_frame_bytes: int, alive: set[_Child]) -> None:
        self._path = path
        self._max_frame_bytes = max_frame_bytes
        self._alive = alive
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_killed = False
        self._has_call = False
        self.is_asked_to_stop = False

    @property
    def exit_code(self) -> int | None:
        """Minus the number of a signal; None before it was buried."""
        return None if self._process is None else self._process.returncode

    def converse(
        self, request: dict[str, Any], on_frame: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any] | None:
        """Send a call and return its last frame; None when the process died.

        Raises:
            OSError: It cannot be started.
        """
        process = self._start()
        if process is None or not self._send(request):
            return None
        self._has_call = True
        assert process.stdout is not None, "it is a pipe"
        while True:
            line = process.stdout.readline(self._max_frame_bytes)
            if not line.endswith(b"\n"):  # it died, or writes what no child of ours writes
                return None
            frame: dict[str, Any] = json.loads(line)
            if "progress" not in frame and "log" not in frame:
                self._has_call = False
                return frame
            on_frame(frame)

    def ask_to_stop(self) -> None:
        """Ask the function to stop; before it has its call the process is killed."""
        self.is_asked_to_stop = True
        if not (self._has_call and self._send({"stop": True})):
            self.kill()

    def kill(self) -> None:
        """End the process and its group; idempotent, does not wait."""
        with self._lock:
            self._is_killed = True
            if self._process is not None and self._process.returncode is None:
                _kill(self._process)

    def bury(self) -> None:
        """Wait for a process that was killed, and close what led to it."""
        process = self._process
        if process is not None:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None, "it was asked for"
                with suppress(OSError):  # what was not written has nobody to read it
                    pipe.close()
        self._alive.discard(self)

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start the process, unless it is there; None when nobody wants it any more."""
        with self._lock:
            if self._process is None and not self._is_killed:
                # -P: the folder where somebody stands is no place for code
                command = [sys.executable, "-P", "-m", "ee_activity_python.child", *self._path]
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
                self._alive.add(self)
            return None if self._is_killed else self._process

    def _send(self, frame: dict[str, Any]) -> bool:
        process = self._process
        if process is None or process.stdin is None:
            return False
        try:
            process.stdin.write(json.dumps(frame).encode() + b"\n")
            process.stdin.flush()
        except (OSError, ValueError):  # it died
            return False
        return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _kill_all(children: set[_Child]) -> None:
    for child in list(children):
        child.kill()
        child.bury()


def _in_thread(call: Callable[[], _T]) -> asyncio.Future[_T]:
    """Begin a call in a daemon thread: the process can end though a function does not."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def fulfil(result: _T | None, error: BaseException | None) -> None:
        if future.done():  # cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None is a result too

    def work() -> None:
        try:
            result, error = call(), None
        except BaseException as raised:  # noqa: BLE001 - it belongs to the one who waits
            result, error = None, raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(fulfil, result, error)

    threading.Thread(target=work, name="python-function", daemon=True).start()
    return future


def _to_frame(context: ActivityContext) -> dict[str, Any]:
    names = ("job", "node", "visit", "attempt", "idempotency_key")
    fence = context.fence
    return {name: getattr(context, name) for name in names} | {
        "fence": None if fence is None else [fence.lease, fence.n]
    }


def _pass_on(frame: dict[str, Any], context: ActivityContext) -> None:
    if "log" in frame:
        level, text = frame["log"]
        context.log.log(level, "%s", text)
        return
    with suppress(AttemptStoppedError):  # the function is told on its own way
        context.progress(*frame["progress"])


def _read(target: str, answer: dict[str, Any] | None, child: _Child) -> Any:
    if answer is None:
        raise LostActivityError(
            f"the process of {target} died (exit code {child.exit_code}), and nobody knows what it had done",
            code="process_died",
        )
    if "async" in answer:
        raise IsAsyncError(target)
    if "error" in answer:
        raise _to_error(answer["error"])
    return answer["output"]


def _to_error(told: dict[str, Any]) -> ActivityError:
    kind = KINDS[told["kind"]]
    if kind is TransientActivityError:
        return TransientActivityError(told["text"], code=told["code"], retry_after_s=told["retry_after_s"])
    return kind(told["text"], code=told["code"])
