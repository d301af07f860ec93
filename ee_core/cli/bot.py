"""`eectl bot`: bots of their own processes, and who is there."""

from __future__ import annotations

from pathlib import Path

import click

from ee_core.cli.bot_check import check_bot
from ee_core.cli.formats import Output, output_options
from ee_core.cli.ids import Id
from ee_core.cli.main import run_async
from ee_core.cli.output import say
from ee_core.cli.session import connected, read_settings, server_flags, server_options


@click.group()
def bot() -> None:
    """Run bots, and see which are there."""


@bot.command("run")
@click.argument("file", type=click.Path())
@click.option(
    "--id", "bot_id", metavar="ID", type=Id(), help="The bot's id; without it the name in the file."
)
@click.option(
    "--ledgers",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".ee/bots"),
    show_default=True,
    help="Folder of ledgers: a bot's memory of what it began.",
)
@server_options
@click.pass_context
def run_bot(
    context: click.Context,
    file: str,
    bot_id: str | None,
    ledgers: Path,
    broker: str | None,
    server: str | None,
    namespace: str | None,
) -> int:
    """Be the bot that a Python FILE defines, until SIGTERM or Ctrl-C.

    The first signal lets the running attempt finish, the second stops it, the third ends the process where it stands.
    """
    from ee_core.bot.process import serve
    from ee_core.bot.secrets import open_secrets
    from ee_core.cli.local import load_bot
    from ee_core.local.env import SystemEnv
    from ee_core.messages.subjects import Subjects
    from ee_core.registry import Registry

    settings = read_settings(context, server_flags(broker, server, namespace))
    profile = load_bot(file).profile(bot=bot_id)
    env = SystemEnv()
    registry = Registry(settings, env)
    opened = registry.open_broker(settings.broker.name, settings.broker.settings, env)
    secrets = open_secrets(registry, settings)

    async def be() -> int:
        subjects = Subjects(settings.namespace)
        await serve(
            profile,
            broker=opened,
            subjects=subjects,
            env=env,
            folder=ledgers,
            secrets=secrets,
            tell=say,
        )
        return 0

    return run_async(be())


@bot.command("list")
@server_options
@output_options
@click.pass_context
def list_bots(
    context: click.Context, broker: str | None, server: str | None, namespace: str | None, output: Output
) -> int:
    """List bots and workers as the engine sees them."""
    from ee_core.messages.jobs import QueryJobs

    settings = read_settings(context, server_flags(broker, server, namespace))

    async def ask() -> int:
        async with connected(settings) as client:
            rows = await client.query(QueryJobs(what="bots"))
        output.rows(rows, ("bot", "kind", "state", "activities", "labels", "job", "visit", "reason"))
        return 0

    return run_async(ask())


@bot.command("release")
@click.argument("bot_id", metavar="ID", type=Id())
@click.option("--reason", metavar="TEXT", required=True, help="Why it may be used again; logged.")
@click.option("--who", default="", metavar="NAME", help="Logged.")
@server_options
@click.pass_context
def release_bot(
    context: click.Context,
    bot_id: str,
    reason: str,
    who: str,
    broker: str | None,
    server: str | None,
    namespace: str | None,
) -> int:
    """Let a quarantined bot be used again, after you have seen that it does nothing.

    The engine asks it before it gives it work: a bot that still works on something stays Unknown until it is idle.
    """
    from ee_core.messages.jobs import QueryJobs

    settings = read_settings(context, server_flags(broker, server, namespace))

    async def ask() -> int:
        from ee_core.cli.meant import naming_bots

        async with connected(settings) as client, naming_bots(client, bot_id):
            await client.query(QueryJobs(what="release_bot", bot=bot_id, reason=reason, who=who))
        say(f"bot {bot_id} is quarantined no more; see `eectl bot list`")
        return 0

    return run_async(ask())


bot.add_command(check_bot)
