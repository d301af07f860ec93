"""Ids on the command line: what can be none is told as a mistake of the line, before anybody is asked.

A job gets its id here, and not from the engine: whoever has no answer can then give the same command again.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ee_core.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ee_core.contracts.env import Env


class Id(click.ParamType[str]):
    """The id of a job or a bot: up to 64 letters, digits, ``_`` and ``-``."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check an id."""
        from pydantic import TypeAdapter, ValidationError

        from ee_core.messages.wire import Token

        try:
            return str(TypeAdapter(Token).validate_python(str(value)))
        except ValidationError:
            self.fail(f"{str(value)!r} is no id; write up to 64 letters, digits, _ and -", param, ctx)


def make_job_id(env: Env) -> str:
    """Make an id for a job, in the form in which an engine makes them."""
    return f"j{hashlib.sha256(env.new_id().encode()).hexdigest()[:23]}"


class UnansweredError(BrokerUnavailableError):
    """No engine answered a command of which a job may come all the same.

    Attributes:
        job: The job's id.
    """

    def __init__(self, text: str, *, job: str) -> None:
        super().__init__(text)
        self.job = job


@contextmanager
def naming_id(job: str) -> Iterator[None]:
    """Have the error that no engine answered name the id of the job that may come of it all the same.

    Raises:
        UnansweredError: No engine answered.
    """
    try:
        yield
    except BrokerUnavailableError as error:
        raise UnansweredError(
            f"{error}; the job's id is {job}: the same command with --id {job} makes no second one", job=job
        ) from error
