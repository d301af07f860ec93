"""`eectl bot check`: is a bot, in whatever language, one that engines can rely on?"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from ee_core.cli.exits import Exit
from ee_core.cli.files import parse_inputs
from ee_core.cli.ids import Id
from ee_core.cli.main import run_async
from ee_core.cli.output import put, say
from ee_core.cli.session import read_settings, server_flags, server_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ee_core.bot.check import Finding, Work
    from ee_core.bot.peer import Peer
    from ee_core.client import Client
    from ee_core.config import Settings
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env
    from ee_core.contracts.lock import Lease, LockProvider
    from ee_core.messages.bots import BotHello
    from ee_core.model.ids import BotId, EngineId

_HELD_S: Final = 120.0  # so long an engine may have the bot
_LOOK_S: Final = 1.0
_ASK_S: Final = 2.0  # for an engine, which need not run
_KEY_S: Final = 900.0  # longer than any check: nobody may have the bot meanwhile
_COLOURS: Final = {"ok": "green", "fail": "red", "skipped": "yellow"}


@click.command("check")
@click.argument("bot_id", metavar="ID", type=Id())
@click.option(
    "--activity", metavar="TYPE", help="What it is asked to do; without it the first type that it serves."
)
@click.option(
    "-i", "--input", "pairs", multiple=True, metavar="KEY=VALUE", help="Input of short work; may come again."
)
@click.option(
    "--slow", "slow_pairs", multiple=True, metavar="KEY=VALUE",
    help="Input with which it works for a minute or more; may come again. Needed for some rules.",
)  # fmt: skip
@click.option(
    "--restart", is_flag=True, default=False, help="Also ask you to kill the bot and to start it again."
)
@server_options
@click.pass_context
def check_bot(
    context: click.Context,
    /,
    bot_id: str,
    activity: str | None,
    pairs: tuple[str, ...],
    slow_pairs: tuple[str, ...],
    restart: bool,
    **server: str | None,
) -> int:
    """Hold the running bot ID against the rules that engines rely on, one after the other. It does real work.

    Its lock is taken, so no engine uses it meanwhile. Exit code 11: a rule is broken. Example:

        eectl bot check raw -i "text=one two" --slow "text=$(seq -s ' ' 900)"
    """
    from ee_core.bot.check import Work
    from ee_core.messages.subjects import check_token

    check_token(bot_id, "bot")
    if restart and not slow_pairs:
        raise click.UsageError("--restart needs --slow: the bot is killed while it works")
    slow = parse_inputs(slow_pairs, None) if slow_pairs else None
    work = Work(activity, parse_inputs(pairs, None), slow)
    settings = read_settings(context, server_flags(**server))
    return run_async(_check(settings, bot_id, work, restart=restart))


async def _check(settings: Settings, bot_id: str, work: Work, *, restart: bool) -> int:
    from ee_core.bot.check import BotCheck
    from ee_core.bot.peer import Peer
    from ee_core.client import Client
    from ee_core.local.env import SystemEnv
    from ee_core.messages.subjects import Subjects

    env = SystemEnv()
    failed = 0
    async with AsyncExitStack() as stack:
        broker, lock = await _open(settings, env, stack)
        subjects = Subjects(settings.namespace)
        peer = Peer(bot_id, broker=broker, subjects=subjects, job=f"check-{env.new_id()[:8]}")
        await stack.enter_async_context(peer.open())
        client = Client(broker, subjects, env=env, timeout_s=_ASK_S)
        hello = await _greet(peer, client, settings.namespace)
        ensure_served(work.activity, hello)
        lease = await stack.enter_async_context(_held(lock, env, bot_id, hello))
        check = BotCheck(
            peer,
            work,
            hello=hello,
            lease=lease.record.lease,
            ask_for_restart=_ask_for_restart if restart else None,
        )
        async for finding in check.run():
            _print(finding)
            failed += finding.level == "fail"
    say(f"{failed} rules are broken" if failed else f"bot {bot_id} keeps every rule that was checked")
    return Exit.FOUND_SOMETHING if failed else Exit.OK


async def _open(settings: Settings, env: Env, stack: AsyncExitStack) -> tuple[Broker, LockProvider]:
    from ee_core.engine import open_lock
    from ee_core.errors import ConfigError
    from ee_core.registry import Registry

    registry = Registry(settings, env)
    broker = registry.open_broker(settings.broker.name, settings.broker.settings, env)
    await stack.enter_async_context(broker)
    if not broker.traits.shared:
        raise ConfigError(
            f"broker {settings.broker.name!r} lives in one process, so no bot can be met on it; use one such as nats"
        )
    lock = open_lock(registry, settings, env)
    await stack.enter_async_context(lock)
    return broker, lock


async def _greet(peer: Peer, client: Client, namespace: str) -> BotHello:
    """Wait for the bot's word that it is there."""
    from ee_core.bot.check import Patience
    from ee_core.cli.meant import find_near_bot
    from ee_core.errors import NotFoundError

    await peer.call()
    hello = await peer.sight(lambda seen: not seen.leaving, within_s=Patience().answer_s)
    if hello is None:
        cure = await find_near_bot(client, peer.bot) or "start it, or name its namespace"
        where = f" in namespace {namespace!r}" if namespace else ""
        raise NotFoundError(f"bot {peer.bot!r} is not there: neither hello nor heartbeat came{where}; {cure}")
    return hello


def ensure_served(activity: str | None, hello: BotHello) -> None:
    """Make sure that a bot serves what it is to be checked with, before it works on something else.

    Raises:
        NotFoundError: It does not.
    """
    from ee_core.definitions.diagnostics import did_you_mean
    from ee_core.errors import NotFoundError

    if activity is None or activity in hello.activities:
        return
    cure = did_you_mean(activity, hello.activities, f"it serves {', '.join(hello.activities) or 'nothing'}")
    raise NotFoundError(f"bot {hello.bot!r} does not serve {activity!r}; {cure}")


@asynccontextmanager
async def _held(lock: LockProvider, env: Env, bot_id: str, hello: BotHello) -> AsyncIterator[Lease]:
    """Hold the bot's lock, as an engine does."""
    from ee_core.contracts.lock import LeaseState
    from ee_core.model.ids import BotId, EngineId

    me = EngineId(f"check-{env.new_id()}")
    await lock.keep_alive(me, ttl_s=_KEY_S)
    try:
        lease = await _take(lock, env, BotId(bot_id), me, hello.highest[0] + 1)
        try:
            lease = await lock.write(lease, LeaseState.HELD)
            yield lease
        finally:
            await lock.release(lease)
    finally:
        await lock.retire(me)


async def _take(lock: LockProvider, env: Env, bot: BotId, me: EngineId, floor: int) -> Lease:
    """Take the lock; an engine that has the bot without work for it gives it back after a while."""
    import asyncio

    from ee_core.errors import LockHeldError

    until_s = env.boottime_s() + _HELD_S
    is_told = False
    while True:
        try:
            return await lock.take(bot, engine=me, now_us=env.now(), floor=floor)
        except LockHeldError as error:
            if env.boottime_s() > until_s:
                raise
            if not is_told:
                say(f"{error}; waiting until it gives the bot back ...")
                is_told = True
        await asyncio.sleep(_LOOK_S)


def _ask_for_restart() -> None:
    say("now kill the bot (kill -9), and start it again ...")


def _print(finding: Finding) -> None:
    row: dict[str, Any] = asdict(finding)
    mark = click.style(row["level"].ljust(7), fg=_COLOURS[row["level"]])
    put(f"{mark}  {row['rule'].ljust(13)}  {row['text']}")
