from __future__ import annotations

import io
import json
import logging

import pytest

from ee_core.bot import log_guard
from ee_core.bot.log_guard import guard_logs

VALUE = "canary-of-the-log-guard"


@pytest.fixture(autouse=True)
def factory():
    """What a process is like before its first secret, and again afterwards."""
    before = logging.getLogRecordFactory(), dict(log_guard._guard._values), log_guard._guard.redactor
    logging.setLogRecordFactory(logging.LogRecord)
    yield
    logging.setLogRecordFactory(before[0])
    log_guard._guard._values, log_guard._guard.redactor = before[1:]


class Everything(logging.Formatter):
    """Writes all that a record holds, as formatters for machines do."""

    def format(self, record):
        record.getMessage()
        return super().format(record) + json.dumps({key: repr(value) for key, value in vars(record).items()})


@pytest.fixture
def logger():
    own = logging.Logger("somebody", logging.DEBUG)
    own.written = io.StringIO()
    handler = logging.StreamHandler(own.written)
    handler.setFormatter(Everything())
    own.addHandler(handler)
    return own


def raise_it():
    raise ValueError(f"no good: {VALUE}")


def write_everything(logger):
    logger.debug("said: %s", VALUE)
    logger.info("said: " + VALUE)  # noqa: G003 - as somebody else's code may
    logger.info("said: %(a)s", {"a": VALUE})
    logger.info("said", extra={"token": VALUE, "deep": {"a": [VALUE]}, "thing": Thing()})
    logger.info("said", extra={"held": {"a": [{VALUE}, VALUE.encode(), Thing()]}})
    logger.info("wrong arguments: %s %s", VALUE)  # noqa: PLE1206 - logging tells of it on standard error
    try:
        raise_it()
    except ValueError:
        logger.exception("it failed")
    logger.warning("where", stack_info=True)  # canary-of-the-log-guard: the stack shows this line


class Thing:
    def __repr__(self):
        return f"Thing({VALUE})"


def test_no_part_of_a_record_holds_a_value(logger, capsys):
    guard_logs([("KEY", VALUE)])

    write_everything(logger)

    assert VALUE not in logger.written.getvalue()
    assert VALUE not in capsys.readouterr().err  # where logging tells of wrong arguments
    assert logger.written.getvalue().count("[secret:KEY]") >= 7
    assert "ValueError: no good: [secret:KEY]" in logger.written.getvalue()


class Unreadable:
    def __repr__(self):
        raise ValueError(VALUE)


def test_what_has_no_text_does_not_come_out_of_logging(logger, capsys):
    guard_logs([("KEY", VALUE)])

    logger.info("said: %s", Unreadable())
    logger.info("said", extra={"thing": Unreadable()})
    logger.info(Unreadable())
    held = {"key": VALUE}
    logger.info("said", extra={"held": held | {"itself": [held]}, "round": held.setdefault("itself", held)})

    assert VALUE not in logger.written.getvalue() + capsys.readouterr().err
    assert logger.written.getvalue().count("<Unreadable without a text>") >= 3
    assert "<dict without a text>" in logger.written.getvalue()


def test_without_the_guard_the_same_lines_hold_it(logger, capsys):
    write_everything(logger)

    assert logger.written.getvalue().count(VALUE) >= 6


def test_lines_that_hold_no_value_are_left_as_they_are(logger):
    guard_logs([("KEY", VALUE)])

    record = logger.makeRecord("n", logging.INFO, "f", 1, "said %s", ("this",), None)

    assert (record.msg, record.args) == ("said %s", ("this",))
    try:
        raise LookupError("something")
    except LookupError as error:
        record = logger.makeRecord("n", logging.INFO, "f", 1, "x", (), (type(error), error, None))
    assert record.exc_info is not None


def test_a_factory_of_somebody_else_goes_on_making_records(logger):
    def make(*args, **kwargs):
        record = logging.LogRecord(*args, **kwargs)
        record.plant = "north"
        return record

    logging.setLogRecordFactory(make)
    guard_logs([("KEY", VALUE)])
    guard_logs([("KEY2", "another one")])

    logger.info("said: %s, another one", VALUE)

    assert VALUE not in logger.written.getvalue()
    assert "[secret:KEY], [secret:KEY2]" in logger.written.getvalue()
    assert "north" in logger.written.getvalue()
