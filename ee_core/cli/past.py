"""What `--at` means: a record's index, or an instant."""

from __future__ import annotations

from typing import Any

import click

from ee_core.errors import EngineError


class Moment(click.ParamType[dict[str, Any]]):
    """The index of a record, or an instant; becomes fields of a question."""

    name = "N|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        from ee_core.messages.instants import from_text

        text = str(value)
        if text.isdecimal():
            return {"at_record": int(text)}
        try:
            return {"at": from_text(text)}
        except ValueError as error:
            self.fail(
                f"{text!r} is neither the index of a record nor an instant like 2026-01-31T12:00:00Z: {error}",
                param,
                ctx,
            )


def check_past(shown: dict[str, Any]) -> None:
    """Make sure that an answer is about the past.

    Raises:
        EngineError: The engine did not know the question, and showed the job as it is.
    """
    if "record" not in shown:
        raise EngineError("this engine is older than --at and shows jobs only as they are; upgrade it")
