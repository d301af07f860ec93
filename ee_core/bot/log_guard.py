"""Keeps the values of secrets out of the log lines of a process, whoever writes them: also a library's, at DEBUG.

A value that was looked up once is remembered until the process ends, or its name has had several newer ones, because what an
attempt has left, a connection or a thread, may write about it later. It works where records are made, so it holds for every handler; a process that needs no
secret is left alone. What is printed, and not logged, is not seen.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from ee_core.bot.redaction import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ee_core.bot.redaction import Redactor

_OWN: Final = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}
_formatter: Final = logging.Formatter()


_guard: Final = Memory()


class GuardedRecord(logging.LogRecord):
    """A record that holds no value: its words are redacted when it is made, its extras when it is written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _clean(self)

    def getMessage(self) -> str:  # noqa: N802 - logging's own name
        redactor = _guard.redactor
        if redactor is not None:  # what `extra` brings is added after the record was made
            for name in vars(self).keys() - _OWN:
                vars(self)[name] = _clean_value(vars(self)[name], redactor)
        return super().getMessage()


def guard_logs(values: Iterable[tuple[str, str]]) -> None:
    """Keep values, of which each comes with its name, out of every log line from now on."""
    _guard.add(values)
    made_by = logging.getLogRecordFactory()
    if made_by is logging.LogRecord:
        logging.setLogRecordFactory(GuardedRecord)
    elif made_by is not GuardedRecord and not isinstance(made_by, _Factory):
        logging.setLogRecordFactory(_Factory(made_by))


class _Factory:
    """Cleans the records that somebody else's factory makes; their extras are that one's affair."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        _clean(record)
        return record


def _clean(record: logging.LogRecord) -> None:
    redactor = _guard.redactor
    if redactor is None:
        return
    try:
        said = record.getMessage()
    except Exception:  # noqa: BLE001 - the arguments do not fit, or have no text: whoever writes the record says so
        record.msg = redactor.redact_text(_text_of(record.msg))
        record.args = tuple(redactor.redact_text(_text_of(each)) for each in record.args or ())
    else:
        redacted = redactor.redact_text(said)
        if redacted != said:
            record.msg, record.args = redacted, ()
    if record.exc_info and record.exc_info[0] is not None:
        told = _formatter.formatException(record.exc_info)
        redacted = redactor.redact_text(told)
        if redacted != told:
            record.exc_info, record.exc_text = None, redacted
    if record.stack_info:
        record.stack_info = redactor.redact_text(record.stack_info)


def _clean_value(value: Any, redactor: Redactor) -> Any:
    try:
        if isinstance(value, str | int | float | dict | list | tuple):
            value = redactor.redact_json(value)
        written = repr(value)  # also of those: a set or bytes may be in them
    except Exception:  # noqa: BLE001 - as below; and what holds itself cannot be looked through
        return _without_text(value)
    redacted = redactor.redact_text(written)
    return value if redacted == written else redacted


def _text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - code of the value's own class; what it says then may hold anything
        return _without_text(value)


def _without_text(value: Any) -> str:
    return f"<{type(value).__name__} without a text>"
