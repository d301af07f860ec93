"""What the commands share: settings from flags, a connection to a namespace, options."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from ee_core.client import Client
    from ee_core.config import Settings


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that talks to engines."""
    command = click.option(
        "--broker", metavar="NAME", help="Message broker; without it the setting broker.name (nats)."
    )(command)
    command = click.option(
        "--server",
        metavar="URL",
        help="The broker's address; without it the setting broker.servers, else that of an `eectl up` in this folder.",
    )(command)
    return click.option(
        "--namespace", metavar="NAME", help="Subject prefix; without it the setting namespace."
    )(command)


def workflow_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that is given a workflow file to run: inputs, and bindings."""
    command = click.option(
        "--bindings", metavar="FILE", help="For a file in the export form: what its activity ids stand for."
    )(command)
    command = click.option(
        "-I", "--input-file", metavar="FILE", help="A JSON object with inputs; - is stdin."
    )(command)
    return click.option(
        "-i",
        "--input",
        "pairs",
        multiple=True,
        metavar="NAME=VALUE",
        help="A job input; JSON if it is JSON, else text.",
    )(command)


def bot_options(*, bots: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of a command whose process has bots: how many, and files with further ones (`bot_files`).

    Args:
        bots: How many without the option.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option(
            "--bot",
            "bot_files",
            multiple=True,
            metavar="FILE",
            help="A Python file with a bot: its functions are served too.",
        )(command)
        return click.option(
            "--bots",
            type=click.IntRange(0, 100),
            metavar="NUMBER",
            default=bots,
            show_default=True,
            help="How many bots this process has.",
        )(command)

    return add


def read_settings(context: click.Context, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings of a command.

    Args:
        flags: By dotted key; None counts as not given.
    """
    from ee_core.cli.site import find_nearby
    from ee_core.config import load_settings

    if context.obj is not None:
        context.obj["flags"] = flags  # for whoever says where a wrong setting stands
    chosen = (context.obj or {}).get("context")
    return load_settings(flags, file=config_file(context), context=chosen, nearby=find_nearby())


def config_file(context: click.Context) -> Path | None:
    """Return the file of settings that the command line names."""
    config = (context.obj or {}).get("config")
    return Path(config) if config else None


def server_flags(broker: str | None, server: str | None, namespace: str | None) -> dict[str, Any]:
    """Return the flags that `server_options` gave."""
    return {"broker.name": broker, "broker.servers": server, "namespace": namespace}


@asynccontextmanager
async def connected(settings: Settings, *, timeout_s: float = 10.0) -> AsyncIterator[Client]:
    """Open a client of the engines of a namespace."""
    from ee_core.client import Client
    from ee_core.errors import ConfigError
    from ee_core.local.env import SystemEnv
    from ee_core.messages.subjects import Subjects
    from ee_core.registry import Registry

    env = SystemEnv()
    broker = Registry(settings, env).open_broker(settings.broker.name, settings.broker.settings, env)
    async with broker:
        if not broker.traits.shared:
            raise ConfigError(
                f"broker {settings.broker.name!r} lives in one process, so no engine can be met on it;"
                " use `eectl run`, or a broker such as nats"
            )
        yield Client(broker, Subjects(settings.namespace), env=env, timeout_s=timeout_s)
