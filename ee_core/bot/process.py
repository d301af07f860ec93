"""Runs a bot in a process of its own: its ledger's file, its broker, and what it says when it is told to leave.

A bot whose functions include stateless, idempotent ones is also
a worker for these, under the id ``<bot>-any``.
"""

from __future__ import annotations

import asyncio
import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ee_core.bot.farewell import Farewell
from ee_core.bot.host import BotHost
from ee_core.bot.ledger import open_ledger
from ee_core.bot.lifetime import HostSettings, first_of
from ee_core.bot.profile import Profile
from ee_core.bot.secrets import remembering
from ee_core.bot.worker import WorkerHost
from ee_core.errors import LedgerError
from ee_core.messages.subjects import check_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ee_core.bot.ledger import Ledger
    from ee_core.bot.lifetime import Lifetime
    from ee_core.bot.secrets import Resolver
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env
    from ee_core.messages.subjects import Subjects

_LOG: Final = logging.getLogger(__name__)


async def serve(
    profile: Profile,
    *,
    broker: Broker,
    subjects: Subjects,
    env: Env,
    folder: Path,
    settings: HostSettings | None = None,
    secrets: Resolver | None = None,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Be a bot until a signal says to leave: the first lets the running attempt finish, the second stops it.

    Args:
        broker: Not open; it is opened here and closed at the end.
        folder: Where the ledger ``<bot>.ledger`` is kept; made if it is not there.
        secrets: Puts values in the place of references; without it attempts that have some fail.
        tell: Called with a sentence when the broker is reached and the ledger is this process's own, when a signal
            comes, and when the bot has left; without it the log has them, at level info.

    Raises:
        LedgerError: The bot runs already, or its ledger cannot be used.
        BrokerUnavailableError: The broker cannot be reached.
    """
    secrets = remembering(secrets)  # one for both: they run the same code
    with _open_ledger(folder, profile.id, env) as ledger:
        async with broker:
            hosts: list[Lifetime] = [
                BotHost(
                    profile,
                    ledger,
                    broker=broker,
                    subjects=subjects,
                    env=env,
                    settings=settings,
                    secrets=secrets,
                )
            ]
            worker = _worker_profile(profile)
            if worker.activities:
                hosts.append(
                    WorkerHost(
                        worker,
                        broker=broker,
                        subjects=subjects,
                        env=env,
                        settings=settings,
                        secrets=secrets,
                    )
                )
            told = tell or (lambda text: _LOG.info("%s", text, extra={"action": "bot_process"}))
            with Farewell(profile.id, hosts, settings or HostSettings(), told).on_signals():
                told(f"bot {profile.id} serves {', '.join(sorted(profile.activities))}; Ctrl-C to leave")
                if names := _idempotent(profile):
                    told(
                        f"idempotent here: {names}; no engine knows that of a bot: write on_lost: retry at the"
                        " nodes that use it, or a person is asked whenever an attempt is lost"
                    )
                await _until_left(hosts)


def _open_ledger(folder: Path, bot: str, env: Env) -> Ledger:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"the folder {folder} for the ledger of bot {bot!r} cannot be made: {error.strerror or error};"
            " name one that this user may write, as --ledgers"
        ) from error
    return open_ledger(folder / f"{bot}.ledger", bot=bot, env=env)


async def _until_left(hosts: Sequence[Lifetime]) -> None:
    try:
        async with asyncio.TaskGroup() as tasks:
            for host in hosts:
                tasks.create_task(host.run())
    except BaseExceptionGroup as group:
        raise first_of(group) from group


def _idempotent(profile: Profile) -> str:
    return ", ".join(
        name for name, kind in sorted(profile.activities.items()) if kind.traits_for(None).idempotent
    )


def _worker_profile(profile: Profile) -> Profile:
    def is_for_any(name: str) -> bool:
        traits = profile.activities[name].traits_for(None)
        return traits.stateless and traits.idempotent

    names = [name for name in profile.activities if is_for_any(name)]
    return Profile(
        id=check_token(f"{profile.id[:60]}-any", "worker id"),
        activities=MappingProxyType({name: profile.activities[name] for name in names}),
        labels=profile.labels,
    )
