"""Ids on the command line: what can be none is told as a mistake of the line, before anybody is asked."""

from __future__ import annotations

from typing import Any

import click


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
