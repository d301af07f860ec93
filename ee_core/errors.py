"""Every exception EE raises, in one tree that answers whose fault it is.

The flag `retryable` answers the other question: whether the same call may succeed later.
Messages say what happened with the values, what was expected, and what to do; lower case, no full stop.

EngineError
├─ ConfigError                 the operator's fault: a setting; names file, key, value
├─ InputError                  the caller's fault: a command or argument that cannot be accepted
│  ├─ NotFoundError            no job, bot, workflow or incident of that name
│  ├─ ConflictError            the same id with other content, or an action whose moment has passed
│  └─ MessageError             bytes that are no message of ours: not JSON, wrong version, missing field
├─ WorkflowError               the author's fault: the definition; carries diagnostics
│  └─ TemplateError            a ${ in a parameter that cannot be read; path and offset
├─ ExpressionError             an expression that failed while it ran; carries source and position
├─ PluginError                 the plugin's fault; carries group, name, distribution
│  ├─ PluginNotFoundError      lists what is installed
│  ├─ PluginConflictError      two distributions, one name
│  ├─ PluginLoadError          the import failed (cause chained)
│  └─ PluginContractError      loaded, but breaks its contract
├─ IllegalTransitionError      our bug or a corrupt journal; job, state, event
├─ EngineStoppedError          this engine cannot go on: partition lost; start another
├─ JournalError
│  ├─ JournalConflictError     somebody else wrote first; the partition is lost
│  ├─ JournalUnavailableError  not written in time, or unknown; retryable with the identical bytes
│  ├─ JournalCorruptError      position and reason
│  ├─ NewerVersionError        written by a newer EE: upgrade, this is no damage
│  └─ PartitionQuarantinedError  it ended one engine after the other; an operator decides
├─ BrokerError
│  ├─ BrokerUnavailableError   not accepted in time; the message may have arrived; retryable
│  └─ PayloadTooLargeError     size and limit in bytes; nothing was sent
├─ LockError
│  ├─ LockHeldError            another engine holds it; nothing changed
│  ├─ LockLostError            the record is no longer ours
│  └─ LockUnavailableError     no answer in time; the lock may be ours; retryable
├─ SecretError                 a provider of secrets cannot be asked, or holds what is none; retryable
├─ LedgerError                 a bot's ledger cannot be read or written
│  └─ LedgerConflictError      another process has it, or it is another bot's
└─ ActivityError               raised by activity and bot authors
   ├─ AttemptStoppedError      raised in an attempt that was asked to stop, where it reports progress
   ├─ PermanentActivityError   do not try again
   ├─ TransientActivityError   try again, after `retry_after_s` if given
   └─ LostActivityError        nobody knows whether the effect happened: the attempt is Lost, not Failed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class EngineError(Exception):
    """The root of all errors of EE.

    Attributes:
        is_told: Whoever raised it has logged what it comes of, an outage as a whole; see `ee_core.contracts.outage`.
    """

    is_told = False
    retryable: ClassVar[bool] = False
    code: ClassVar[str] = "error"  # stable, lower case; what messages and `-o json` carry


class ConfigError(EngineError):
    """A setting is wrong; the operator can mend it.

    Attributes:
        file: The file of settings that it stands in; empty when it is known to stand in none.
        line: 1-based; 0 when it is not known.
        column: 1-based; 0 when it is not known.
    """

    code = "config"

    def __init__(self, message: str, *, file: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.column = column


class InputError(EngineError):
    """A command or an argument cannot be accepted as it is."""

    code = "invalid_input"


class NotFoundError(InputError):
    """Nothing of that name is known."""

    code = "not_found"


class ConflictError(InputError):
    """The same id came with other content, or the moment for the action has passed."""

    code = "conflict"


class MessageError(InputError):
    """Bytes from outside are no message of ours."""

    code = "bad_message"


class WorkflowError(EngineError):
    """A definition is not valid; `str()` is the rendered list of its diagnostics.

    Attributes:
        diagnostics: The same as `ee_core.definitions.Diagnostic`s, in the order of their places; may be empty.
    """

    code = "invalid_workflow"

    def __init__(self, message: str, *, diagnostics: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class TemplateError(WorkflowError, ValueError):
    """A parameter's text holds a ``${`` that cannot be read.

    Attributes:
        path: Keys and places that lead to the text inside the parameter's value.
        offset: 0-based place in that text.
    """

    code = "invalid_template"

    def __init__(self, message: str, *, path: tuple[str | int, ...], offset: int) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset


class ExpressionError(EngineError):
    """An expression failed while it was evaluated.

    Attributes:
        source: The expression as written.
        column: 1-based position inside the source, 0 if unknown.
    """

    code = "expression"

    def __init__(self, message: str, *, source: str = "", column: int = 0) -> None:
        super().__init__(message)
        self.source = source
        self.column = column


class PluginError(EngineError):
    """A plugin cannot be used.

    Attributes:
        cause: What is wrong.
        cure: What to do about it; may be empty.
        group: Entry-point group, as ``ee.brokers``.
        name: Entry-point name, what the user typed.
        distribution: Who offers it, where one does.
    """

    code = "plugin"

    def __init__(
        self, cause: str, *, cure: str = "", group: str = "", name: str = "", distribution: str = ""
    ) -> None:
        super().__init__(f"{cause}; {cure}" if cure else cause)
        self.cause = cause
        self.cure = cure
        self.group = group
        self.name = name
        self.distribution = distribution


class PluginNotFoundError(PluginError):
    """No plugin of that name is installed."""

    code = "plugin_not_found"


class PluginConflictError(PluginError):
    """Two distributions offer the same name in one group."""

    code = "plugin_conflict"


class PluginLoadError(PluginError):
    """The plugin's module could not be imported; the cause is chained."""

    code = "plugin_load"


class PluginContractError(PluginError):
    """The plugin was loaded but does not keep its contract."""

    code = "plugin_contract"


class IllegalTransitionError(EngineError):
    """An event cannot be applied to the job it names: our bug, or a damaged journal."""

    code = "illegal_transition"


class EngineStoppedError(EngineError):
    """The engine cannot go on: its partition is lost to another writer."""

    code = "engine_stopped"


class JournalError(EngineError):
    """The journal could not do what was asked."""

    code = "journal"


class JournalConflictError(JournalError):
    """Another writer was first: wrong position or epoch. The partition is lost to the caller."""

    code = "journal_conflict"


class JournalUnavailableError(JournalError):
    """Not written, or not known to be; repeat the identical bytes."""

    code = "journal_unavailable"
    retryable = True


class JournalCorruptError(JournalError):
    """A stored record, frame or chain is damaged; the message names the place and the reason.

    Attributes:
        job: Whose record it is: only that job is damaged; "" when it cannot be told: the partition is.
        index: Of the record, None when it cannot be told.
        position: Of the commit, None when it cannot be told.
    """

    code = "journal_corrupt"

    def __init__(
        self, message: str, *, job: str = "", index: int | None = None, position: int | None = None
    ) -> None:
        super().__init__(message)
        self.job = job
        self.index = index
        self.position = position


class NewerVersionError(JournalError):
    """The journal was written by a newer EE; upgrade before reading it."""

    code = "newer_version"


class PartitionQuarantinedError(JournalError):
    """Engine after engine died right after it had adopted the partition: nobody drives it until an operator says so."""

    code = "partition_quarantined"


class BrokerError(EngineError):
    """The broker could not do what was asked."""

    code = "broker"


class BrokerUnavailableError(BrokerError):
    """Not accepted in time; the message may have arrived all the same."""

    code = "broker_unavailable"
    retryable = True


class PayloadTooLargeError(BrokerError):
    """A body is larger than the broker takes; nothing was sent."""

    code = "too_large"

    def __init__(self, *, size: int, limit: int, what: str) -> None:
        super().__init__(
            f"{what} has {size} bytes, the limit is {limit}; send large values by reference (a path or an object name)"
        )
        self.size = size
        self.limit = limit


class LockError(EngineError):
    """The lock provider could not do what was asked."""

    code = "lock"


class LockHeldError(LockError):
    """Another engine holds the bot; nothing changed."""

    code = "lock_held"


class LockLostError(LockError):
    """The lock's record is no longer ours; stop using the bot."""

    code = "lock_lost"


class LockUnavailableError(LockError):
    """No answer in time; the lock may be ours."""

    code = "lock_unavailable"
    retryable = True


class SecretError(EngineError):
    """A provider of secrets cannot be asked now, or what it holds is no secret; the text names the place, and no value."""

    code = "secret_unavailable"
    retryable = True


class LedgerError(EngineError):
    """A bot's ledger cannot be read or written."""

    code = "ledger"


class LedgerConflictError(LedgerError):
    """A bot's ledger is open in another process, so the bot runs already, or it is the memory of another bot."""

    code = "ledger_conflict"


class ActivityError(EngineError):
    """Raised by activity and bot authors: the attempt failed.

    Attributes:
        code: Short, lower case, for policies and expressions (``nodes.<id>.error.code``).
        text: For people.
    """

    def __init__(self, text: str, *, code: str = "failed") -> None:
        super().__init__(text)
        self.text = text
        self.error_code = code


class AttemptStoppedError(ActivityError):
    """Raised inside an attempt that was asked to stop, by `progress`; let it pass."""

    def __init__(self, text: str, *, code: str = "stopped") -> None:
        super().__init__(text, code=code)


class PermanentActivityError(ActivityError):
    """Trying again cannot help."""


class TransientActivityError(ActivityError):
    """Trying again may help."""

    retryable = True

    def __init__(self, text: str, *, code: str = "transient", retry_after_s: float | None = None) -> None:
        super().__init__(text, code=code)
        self.retry_after_s = retry_after_s


class LostActivityError(ActivityError):
    """The effect may have happened or not, and nobody can tell: the attempt becomes Lost, not Failed (R20, R22)."""

    def __init__(self, text: str, *, code: str = "lost") -> None:
        super().__init__(text, code=code)
