"""`eectl nats`: what an operator of a NATS server needs to know of EE.

The entry point ``nats`` of the group ``ee.cli``.
"""

from __future__ import annotations

import re
from typing import Final

import click

from ee_core.hookspecs import hookimpl
from ee_nats.permissions import Role, to_configuration

EE_API: Final = 1
_USER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@hookimpl
def ee_open_command() -> click.Command:
    """Return the group."""
    return nats


@click.group()
def nats() -> None:
    """Set up a NATS server for engines and bots."""


def _check_names(
    context: click.Context, parameter: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    del context, parameter
    for name in names:
        if not _USER.fullmatch(name):
            raise click.BadParameter(f"{name!r} is no id; use 1 to 64 letters, digits, '-' and '_'")
    return names


@nats.command("permissions")
@click.option(
    "--bot", "bots", multiple=True, metavar="ID", callback=_check_names, help="A bot; may come again."
)
@click.option(
    "--engine", "engines", multiple=True, metavar="NAME", default=("engine",), show_default=True,
    callback=_check_names, help="The engines' user.",
)  # fmt: skip
@click.option(
    "--client", "clients", multiple=True, metavar="NAME", default=("client",), show_default=True,
    callback=_check_names, help="A user of people or programs that submit jobs.",
)  # fmt: skip
@click.option("--namespace", metavar="NAME", default="", help="The setting namespace of all of them.")
def permissions(
    bots: tuple[str, ...], engines: tuple[str, ...], clients: tuple[str, ...], namespace: str
) -> None:
    """Print users for nats-server's configuration, so that a bot can only read its own subjects and answer as itself.

    Passwords come from nats-server's environment, none is printed. Example:

        eectl nats permissions --bot pc-7 --bot pc-8 > ee-users.conf
    """
    users: list[tuple[Role, str]] = [
        *(("engine", name) for name in engines),
        *(("client", name) for name in clients),
        *(("bot", name) for name in bots),
    ]
    names = [name for _, name in users]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.UsageError(f"{', '.join(twice)} is named twice; each user needs a name of its own")
    click.echo('# for nats-server 2.11 or newer; in its configuration:  include "ee-users.conf"')
    click.echo(to_configuration(users, namespace), nl=False)
