"""`eectl workflow schema`: what an editor wants to know about workflow files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ee_core.cli.output import put
from ee_core.cli.session import read_settings

if TYPE_CHECKING:
    from ee_core.config import Settings


@click.command()
@click.option("--into", metavar="FILE", help="Where to write it; without it stdout.")
@click.pass_context
def schema(context: click.Context, into: str | None) -> None:
    """Print the JSON Schema of workflow files, with the inputs of the activity types that are installed here.

    An editor that is told of it, by a first line `# yaml-language-server: $schema=FILE`, completes and explains keys.
    """
    from ee_core.cli.files import write_file

    text = write_schema(read_settings(context))
    if into is None:
        put(text.removesuffix("\n"))
    else:
        write_file(into, text)


def write_schema(settings: Settings) -> str:
    """Return the schema as the text of a file."""
    from ee_core.definitions.schema import make_schema
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    activities = Registry(settings, SystemEnv()).installed_activities()
    return json.dumps(make_schema(activities), indent=2, ensure_ascii=False) + "\n"
