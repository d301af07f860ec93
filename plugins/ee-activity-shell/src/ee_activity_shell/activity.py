"""The activity type ``shell``: what the end of a program means for the engine.

A program that was started may have done something, whatever its exit code says. So nobody advises another attempt
here: the node's `retry` decides. Failed for good is what another attempt cannot mend: a program that is not allowed or
not there.
"""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ee_activity_shell.capture import Capture, Lines
from ee_activity_shell.process import Limits, run_program
from ee_activity_shell.request import ShellInput, admit
from ee_core.contracts.activity import ActivityTraits
from ee_core.contracts.inputs import read_input
from ee_core.errors import (
    ActivityError,
    AttemptStoppedError,
    PermanentActivityError,
    TransientActivityError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_activity_shell.request import Program
    from ee_activity_shell.settings import ShellSettings
    from ee_core.contracts.activity import ActivityContext

# What the system has none of now, and may have later.
_SCARCE: Final = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})


class ShellActivity:
    """One program; it works on a machine, so a bot does it."""

    name: Final = "shell"
    # Made once: bots tell it again and again.
    input_schema: ClassVar[Mapping[str, Any]] = ShellInput.model_json_schema()
    output_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "exit_code": {"type": "integer", "description": "Minus the number of a signal that ended it."},
            "stdout": {"type": "string", "description": "What it wrote, in UTF-8; other bytes are replaced."},
            "stderr": {"type": "string", "description": "Likewise."},
            "truncated": {"type": "boolean", "description": "Whether it wrote more than is kept."},
        },
        "required": ["exit_code", "stdout", "stderr", "truncated"],
    }

    def __init__(self, settings: ShellSettings) -> None:
        self._settings = settings

    def traits_for(self, template: Any) -> ActivityTraits:
        return ActivityTraits()

    async def run(self, context: ActivityContext, value: Any) -> Any:
        request = read_input(ShellInput, value)
        settings = self._settings
        program = admit(request, settings, os.environ)  # noqa: TID251 - handed on in part, no setting of ours
        stdout, stderr = Capture(settings.max_bytes), Capture(settings.max_bytes)
        limits = Limits(request.timeout_s or settings.timeout_s, settings.grace_s)
        try:
            code = await run_program(
                program,
                limits,
                on_stdout=_with_progress(stdout.add, context) if request.progress else stdout.add,
                on_stderr=stderr.add,
            )
        except TimeoutError:
            raise ActivityError(
                f"{_name(request)} did not end within {limits.timeout_s:g} s and was stopped{_quote(stderr)}",
                code="timeout",
            ) from None
        except OSError as error:
            raise _not_started(request, program, error) from error
        if code not in request.exit_codes:
            raise _failed(request, code, stderr)
        (out, is_cut), (err, is_err_cut) = stdout.to_text(), stderr.to_text()
        return {"exit_code": code, "stdout": out, "stderr": err, "truncated": is_cut or is_err_cut}


def _with_progress(add: Callable[[bytes], None], context: ActivityContext) -> Callable[[bytes], None]:
    def report(fraction: float, text: str) -> None:
        try:
            context.progress(fraction, text)
        except AttemptStoppedError:
            return  # this task is cancelled for that too; what is written is read to its end

    lines = Lines(report)

    def take(data: bytes) -> None:
        add(data)
        lines.add(data)

    return take


def _not_started(request: ShellInput, program: Program, error: OSError) -> ActivityError:
    if error.errno in _SCARCE:
        return TransientActivityError(
            f"{_name(request)} cannot be started now: {error.strerror}", code="scarce"
        )
    if program.cwd is not None and error.filename == program.cwd:
        return PermanentActivityError(
            f"{_name(request)} cannot run in the folder {program.cwd!r}: {error.strerror}", code="no_folder"
        )
    code = "not_found" if isinstance(error, FileNotFoundError) else "not_started"
    return PermanentActivityError(f"{_name(request)} cannot be started: {error.strerror}", code=code)


def _failed(request: ShellInput, code: int, stderr: Capture) -> ActivityError:
    if code < 0:
        name = _signal_name(-code)
        return ActivityError(f"{_name(request)} was ended by {name}{_quote(stderr)}", code=f"signal_{-code}")
    return ActivityError(f"{_name(request)} ended with exit code {code}{_quote(stderr)}", code=f"exit_{code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _name(request: ShellInput) -> str:
    """Name the program alone: arguments may be long, and nobody's business."""
    return "the shell's line" if isinstance(request.command, str) else repr(request.command[0])


def _quote(stderr: Capture) -> str:
    words = stderr.last_words()
    return f": {words}" if words else ""
