"""`eectl config`: the settings that hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ee_core.cli.formats import Output, output_options
from ee_core.cli.session import config_file


@click.group()
def config() -> None:
    """See which settings hold."""


@config.command()
@click.option("--origin", is_flag=True, default=False, help="Say where each comes from.")
@output_options
@click.pass_context
def show(ctx: click.Context, output: Output, *, origin: bool) -> None:
    """Show the settings that hold here: of flags, variables, the context, the file, and defaults. Secrets are hidden.

    Of plugins' own keys those are shown that are set; their defaults are the plugins'.
    """
    from ee_core.cli.site import find_nearby
    from ee_core.config import list_effective

    chosen = (ctx.obj or {}).get("context")
    found = list_effective(file=config_file(ctx), context=chosen, nearby=find_nearby())
    rows: list[dict[str, Any]] = [asdict(each) for each in found]
    if not origin:
        rows = [{"key": row["key"], "value": row["value"]} for row in rows]
    output.rows(rows, ("key", "value", *(["origin"] if origin else [])), name="key")
