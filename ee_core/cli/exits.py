"""Exit codes, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ee_core import errors

if TYPE_CHECKING:
    from collections.abc import Mapping


class Exit(IntEnum):
    """What a command's exit code says; click itself uses 2."""

    OK = 0  # done; of a job: Succeeded
    UNEXPECTED = 1  # a fault of ours, or of the machine
    USAGE = 2  # the command line is wrong
    INVALID_INPUT = 3  # a workflow, setting or argument is not valid
    NOT_FOUND = 4
    JOB_FAILED = 5
    JOB_CANCELLED = 6
    TIMED_OUT = 7  # the job goes on
    UNREACHABLE = 8  # no engine, or no broker
    NOT_ALLOWED = 9
    CONFLICT = 10  # the id is taken, the bot is held, another one runs here, the job had ended already
    FOUND_SOMETHING = 11  # a check has something to say
    INCIDENT = 12  # an incident is open, and nothing else can move
    INTERRUPTED = 130
    PIPE_CLOSED = 141  # nobody read the rest of the output, as with `| head`
    TERMINATED = 143


MEANINGS: Final[Mapping[Exit, str]] = {
    Exit.OK: "done; of a job: it succeeded",
    Exit.UNEXPECTED: "a fault of EE or of the machine",
    Exit.USAGE: "the command line is wrong",
    Exit.INVALID_INPUT: "a workflow, setting or argument is not valid",
    Exit.NOT_FOUND: "no job, bot, file, plugin, context or incident of that name",
    Exit.JOB_FAILED: "the job failed",
    Exit.JOB_CANCELLED: "the job was cancelled",
    Exit.TIMED_OUT: "the time is up; the job goes on",
    Exit.UNREACHABLE: "no engine, or no broker, answered",
    Exit.NOT_ALLOWED: "not allowed",
    Exit.CONFLICT: "the id is taken, the bot is held, another engine runs here, or the job had ended already",
    Exit.FOUND_SOMETHING: "a check has something to say",
    Exit.INCIDENT: "an incident is open, and nothing but an answer can move the job",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.PIPE_CLOSED: "nobody read the rest of the output, as with `| head`",
    Exit.TERMINATED: "SIGTERM",
}

# The first class that an error is an instance of decides.
_BY_ERROR: Final[Mapping[type[errors.EngineError], Exit]] = {
    errors.NotFoundError: Exit.NOT_FOUND,
    errors.ConflictError: Exit.CONFLICT,
    errors.InputError: Exit.INVALID_INPUT,
    errors.WorkflowError: Exit.INVALID_INPUT,
    errors.ConfigError: Exit.INVALID_INPUT,
    errors.PluginNotFoundError: Exit.NOT_FOUND,
    errors.PluginError: Exit.INVALID_INPUT,
    errors.PayloadTooLargeError: Exit.INVALID_INPUT,
    errors.BrokerError: Exit.UNREACHABLE,
    errors.LockHeldError: Exit.CONFLICT,
    errors.LockError: Exit.UNREACHABLE,
    errors.JournalConflictError: Exit.CONFLICT,
    errors.LedgerConflictError: Exit.CONFLICT,
    errors.PartitionQuarantinedError: Exit.NOT_ALLOWED,
    errors.JournalError: Exit.UNEXPECTED,
    errors.EngineStoppedError: Exit.CONFLICT,
}

BY_OUTCOME: Final[Mapping[str, Exit]] = {
    "succeeded": Exit.OK,
    "failed": Exit.JOB_FAILED,
    "cancelled": Exit.JOB_CANCELLED,
}


def exit_of(error: errors.EngineError) -> Exit:
    """Return the exit code of an error."""
    return next((code for kind, code in _BY_ERROR.items() if isinstance(error, kind)), Exit.UNEXPECTED)
