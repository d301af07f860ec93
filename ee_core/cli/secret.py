"""`eectl secret`: whether the secrets that workflows refer to can be had here; no value is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.exits import Exit
from ee_core.cli.formats import Output, output_options
from ee_core.cli.main import run_async
from ee_core.cli.output import say
from ee_core.cli.session import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ee_core.bot.secrets import Secrets
    from ee_core.model.workflow import Workflow


@click.group()
def secret() -> None:
    """See whether secrets can be had."""


@secret.command("check")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--workflow", "file", metavar="FILE", help="Check all secrets that this workflow refers to.")
@click.option(
    "--bindings", metavar="FILE", help="For a file in the export form: what its activity ids stand for."
)
@output_options
@click.pass_context
def check_secrets(
    context: click.Context, names: tuple[str, ...], file: str | None, bindings: str | None, output: Output
) -> int:
    """Look secrets up as a bot or an engine would that is started here, and say who has them. Shows no value.

    Exit code 11: one cannot be had.
    """
    from ee_core.bot.secrets import open_secrets
    from ee_core.cli.files import load_file
    from ee_core.local.env import SystemEnv
    from ee_core.registry import Registry

    if not names and file is None:
        raise click.UsageError("name a secret, or a workflow with --workflow FILE")
    _check_names(names)
    settings = read_settings(context)
    registry = Registry(settings, SystemEnv())
    secrets = open_secrets(registry, settings)
    wanted = list(names)
    if file is not None:
        wanted += _names_in(load_file(file, bindings, registry).definition.workflow)

    async def look() -> int:
        rows = [await _look_up(name, secrets) for name in dict.fromkeys(wanted)]
        output.rows(rows, ("secret", "state", "provider", "place"), name="secret")
        for row in rows:
            if row["reason"] and output.is_for_people:
                say(row["reason"])
        return Exit.OK if all(row["state"] == "found" for row in rows) else Exit.FOUND_SOMETHING

    return run_async(look())


def _check_names(names: Sequence[str]) -> None:
    from ee_core.errors import InputError
    from ee_core.model.references import is_name

    for name in names:
        if not is_name(name):
            raise InputError(
                f"{name!r} is no name of a secret; one is a letter or _, then letters, digits and _ . -"
            )


def _names_in(workflow: Workflow) -> Iterator[str]:
    from ee_core.model import template
    from ee_core.model.references import find_part, name_of

    for node in workflow.nodes:
        if node.activity is not None:
            for path in template.parse(node.activity.input).references:
                name = name_of(find_part(node.activity.input, path))
                assert name is not None, "a path of a reference leads to one"
                yield name


async def _look_up(name: str, secrets: Secrets) -> dict[str, Any]:
    from ee_core.errors import ActivityError

    row = {"secret": name, "state": "found", "provider": "", "place": "", "reason": ""}
    try:
        found = await secrets.find(name)
    except ActivityError as error:
        return row | {"state": error.error_code.removeprefix("secret_"), "reason": str(error)}
    return row | {"provider": found.provider, "place": secrets.describe(name, found.provider)}
