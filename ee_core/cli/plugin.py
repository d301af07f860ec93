"""`eectl plugin`: what is installed."""

from __future__ import annotations

from dataclasses import asdict

import click

from ee_core.cli.formats import Output, output_options
from ee_core.cli.output import say
from ee_core.cli.session import read_settings


@click.group()
def plugin() -> None:
    """See which plugins are installed, and in which state."""


@plugin.command("list")
@output_options
@click.pass_context
def list_plugins(context: click.Context, output: Output) -> int:
    """List all plugins; each is imported and checked."""
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    rows = [asdict(row) for row in Registry(read_settings(context), SystemEnv()).check_all()]
    output.rows(
        rows, ("kind", "name", "distribution", "version", "state"), wide=("cause", "cure"), name="name"
    )
    for row in rows:
        if row["cause"]:
            say(f"{row['kind']} {row['name']}: {row['cause']}; {row['cure']}")
    return 0
