"""`eectl secret`: whether the secrets that workflows refer to can be had here; no value is ever shown."""

from __future__ import annotations

import fnmatch
from contextlib import suppress
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
    from ee_core.config import Settings
    from ee_core.model.workflow import Workflow
    from ee_core.registry import Registry


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
        if any(row["state"] == "missing" for row in rows):
            known = await _list_names(registry, settings)
            rows = [_with_nearest(row, known) for row in rows]
        output.rows(rows, ("secret", "state", "provider", "place"), name="secret")
        for row in rows:
            if row["reason"] and output.is_for_people:
                say(row["reason"])
        return Exit.OK if all(row["state"] == "found" for row in rows) else Exit.FOUND_SOMETHING

    return run_async(look())


async def _list_names(registry: Registry, settings: Settings) -> list[str]:
    """List the names of secrets that this process may give away, as far as providers tell."""
    from ee_core.contracts.secrets import NamesSecrets
    from ee_core.errors import SecretError

    names: list[str] = []
    for provider in map(registry.open_secrets, settings.secrets.providers):
        if isinstance(provider, NamesSecrets):
            with suppress(SecretError):  # told with the secret that could not be had
                names += await provider.list_names()
    return [name for name in names if any(fnmatch.fnmatchcase(name, each) for each in settings.secrets.allow)]


def _with_nearest(row: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    from ee_core.definitions.diagnostics import did_you_mean

    near = did_you_mean(row["secret"], known) if row["state"] == "missing" else ""
    return {**row, "reason": f"{row['reason']}; {near}"} if near else row


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
