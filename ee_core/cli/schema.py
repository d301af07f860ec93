"""`eectl workflow schema`: what an editor wants to know about workflow files."""

from __future__ import annotations

import json

import click

from ee_core.cli.output import put
from ee_core.cli.session import read_settings


@click.command()
@click.option("--output", metavar="FILE", help="Where to write it; without it stdout.")
@click.pass_context
def schema(context: click.Context, output: str | None) -> None:
    """Print the JSON Schema of workflow files, with the inputs of the activity types that are installed here.

    An editor that is told of it, by a first line `# yaml-language-server: $schema=FILE`, completes and explains keys.
    """
    from ee_core.cli.files import write_file
    from ee_core.definitions.schema import make_schema
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    activities = Registry(read_settings(context), SystemEnv()).installed_activities()
    text = json.dumps(make_schema(activities), indent=2, ensure_ascii=False)
    if output is None:
        put(text)
    else:
        write_file(output, text + "\n")
