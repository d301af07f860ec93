"""What runs in a child process: it reads calls, carries them out one after the other, and writes what came of them.

Each frame is a line of JSON. A call goes to the main thread; another one reads, so that a request to stop is heard while
a function works. What a function prints goes to standard error: the frames have a pipe that it does not see. When the
other side is gone, the process ends with all that it started: nobody waits for it any more.

=========================================================  ==================================================
in                                                         out
=========================================================  ==================================================
``{"call": target, "arguments": {}, "context": {}, ...}``  ``{"progress": [fraction, text]}``, any number
``{"stop": true}``                                         ``{"log": [level, text]}``, any number
..                                                         ``{"output": value}``, ``{"error": {}}``, or
..                                                         ``{"async": true}``: not to be called here; once
=========================================================  ==================================================
"""

from __future__ import annotations

import functools
import json
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from typing import IO, TYPE_CHECKING, Any, Final

from ee_activity_python.functions import Function, find_function, to_error, to_output
from ee_core.errors import (
    ActivityError,
    AttemptStoppedError,
    LostActivityError,
    PermanentActivityError,
    TransientActivityError,
)
from ee_core.model.ids import Fence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_find: Final = functools.cache(find_function)

_MAX_TEXT: Final = 10_000  # characters of what a function says beside its result

KINDS: Final[dict[str, type[ActivityError]]] = {
    "failed": ActivityError,
    "permanent": PermanentActivityError,
    "transient": TransientActivityError,
    "lost": LostActivityError,
    "stopped": AttemptStoppedError,
}


class Context:
    """The attempt as a function in a child process sees it. See `ee_core.contracts.activity.ActivityContext`."""

    def __init__(self, told: Mapping[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
        self.job: str = told["job"]
        self.node: str = told["node"]
        self.visit: str = told["visit"]
        self.attempt: int = told["attempt"]
        self.idempotency_key: str = told["idempotency_key"]
        self.fence = None if told["fence"] is None else Fence(*told["fence"])
        self.log = logging.LoggerAdapter(_new_logger(say), {})
        self._say = say
        self._cancelled = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def progress(self, fraction: float, text: str = "") -> None:
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress goes from 0 to 1, not {fraction!r}")
        if self.is_cancelled:
            raise AttemptStoppedError(f"attempt {self.attempt} of {self.visit} was asked to stop")
        self._say({"progress": [float(fraction), text[:_MAX_TEXT]]})

    def mark_cancelled(self) -> None:
        """Note that the attempt shall stop."""
        self._cancelled.set()


class _Talk:
    """The other side: frames to it, from any thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def say(self, frame: dict[str, Any]) -> None:
        line = json.dumps(frame, ensure_ascii=False, allow_nan=False).encode(errors="replace") + b"\n"
        with self._lock:
            self._stream.write(line)
            self._stream.flush()


class _Calls:
    """Carries calls out; `stop` comes from the reading thread."""

    def __init__(self, talk: _Talk) -> None:
        self._talk = talk
        self._function: Function | None = None
        self._context: Context | None = None

    def answer(self, request: Mapping[str, Any]) -> None:
        """Carry a call out, and say what came of it."""
        try:
            frame = self._carry_out(request)
        except BaseException as error:  # noqa: BLE001 - whatever a function raises, also to leave, is its answer
            if not isinstance(error, ActivityError):
                self._talk.say({"log": [logging.ERROR, traceback.format_exc()[-_MAX_TEXT:]]})
            frame = {"error": _to_frame(to_error(error))}
        finally:
            self._function = self._context = None
        self._talk.say(frame)

    def stop(self) -> None:
        """Ask the function that runs to stop; one without a context cannot be asked, so the process ends."""
        function, context = self._function, self._context
        if function is None or context is None or not function.context_names:
            _end()
        else:
            context.mark_cancelled()

    def _carry_out(self, request: Mapping[str, Any]) -> dict[str, Any]:
        function = _find(request["call"])
        if function.is_async:
            return {"async": True}
        self._context = Context(request["context"], self._talk.say)
        self._function = function
        result = function.bind(request["arguments"], self._context)()
        return {"output": to_output(function.target, result, request["max_output_bytes"])}


def _to_frame(error: ActivityError) -> dict[str, Any]:
    kind = next((kind for kind in reversed(KINDS) if isinstance(error, KINDS[kind])), "failed")
    after_s = error.retry_after_s if isinstance(error, TransientActivityError) else None
    return {"kind": kind, "code": error.error_code, "text": error.text[:_MAX_TEXT], "retry_after_s": after_s}


def _new_logger(say: Callable[[dict[str, Any]], None]) -> logging.Logger:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say({"log": [record.levelno, self.format(record)[:_MAX_TEXT]]})

    logger = logging.Logger("function", logging.DEBUG)  # in no tree: the other side knows levels and handlers
    logger.addHandler(Handler())
    return logger


def _listen(lines: Iterable[bytes], calls: _Calls, waiting: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in lines:
        frame = json.loads(line)
        if "stop" in frame:
            calls.stop()
        else:
            waiting.put(frame)
    _end()


def _end() -> None:
    """End at once, with what this process started."""
    if os.name != "nt" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipes of the frames, and put others where functions would find them."""
    frames_in, frames_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return os.fdopen(frames_in, "rb"), os.fdopen(frames_out, "wb")


def main(path: list[str]) -> None:
    """Serve until the other side is gone.

    Args:
        path: Folders in which modules are looked for, after those of Python itself.
    """
    frames_in, frames_out = _take_pipes()
    sys.path.extend(path)
    talk = _Talk(frames_out)
    calls = _Calls(talk)
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(frames_in, calls, waiting), daemon=True).start()
    while True:
        calls.answer(waiting.get())


if __name__ == "__main__":
    main(sys.argv[1:])
