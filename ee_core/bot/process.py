"""Runs a bot in a process of its own: signals, its ledger's file, its broker.

The first SIGTERM or SIGINT drains, the second stops. A bot whose functions include stateless, idempotent ones is also
a worker for these, under the id ``<bot>-any``.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ee_core.bot.host import BotHost
from ee_core.bot.ledger import open_ledger
from ee_core.bot.lifetime import first_of
from ee_core.bot.profile import Profile
from ee_core.bot.worker import WorkerHost
from ee_core.messages.subjects import check_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ee_core.bot.ledger import Ledger
    from ee_core.bot.lifetime import HostSettings, Lifetime
    from ee_core.bot.secrets import Resolver
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.env import Env
    from ee_core.messages.subjects import Subjects

_LOG: Final = logging.getLogger(__name__)
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


async def serve(
    profile: Profile,
    *,
    broker: Broker,
    subjects: Subjects,
    env: Env,
    folder: Path,
    settings: HostSettings | None = None,
    secrets: Resolver | None = None,
    begun: Callable[[], None] | None = None,
) -> None:
    """Be a bot until a signal says to leave.

    Args:
        broker: Not open; it is opened here and closed at the end.
        folder: Where the ledger ``<bot>.ledger`` is kept; made if it is not there.
        secrets: Puts values in the place of references; without it attempts that have some fail.
        begun: Called when the broker is reached and the ledger is this process's own.

    Raises:
        LedgerError: The bot runs already, or its ledger cannot be used.
        BrokerUnavailableError: The broker cannot be reached.
    """
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
            with _signals(hosts):
                if begun is not None:
                    begun()
                await _until_left(hosts)


def _open_ledger(folder: Path, bot: str, env: Env) -> Ledger:
    folder.mkdir(parents=True, exist_ok=True)
    return open_ledger(folder / f"{bot}.ledger", bot=bot, env=env)


async def _until_left(hosts: Sequence[Lifetime]) -> None:
    try:
        async with asyncio.TaskGroup() as tasks:
            for host in hosts:
                tasks.create_task(host.run())
    except BaseExceptionGroup as group:
        raise first_of(group) from group


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


@contextmanager
def _signals(hosts: Sequence[Lifetime]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    came: list[int] = []

    def leave(number: int) -> None:
        came.append(number)
        _LOG.info(
            "%s: %s",
            signal.Signals(number).name,
            "leaving when the running attempt is finished; again to stop it"
            if len(came) == 1
            else "stopping",
            extra={"action": "bot_signal"},
        )
        for host in hosts:
            host.drain() if len(came) == 1 else host.stop()

    undo = [_on_signal(loop, number, leave) for number in _SIGNALS]
    try:
        yield
    finally:
        for restore in undo:
            restore()


def _on_signal(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, react: Callable[[int], None]
) -> Callable[[], object]:
    try:
        loop.add_signal_handler(number, react, number)
    except NotImplementedError:  # Windows: the handler runs between two byte codes, so it only wakes the loop
        before = signal.signal(number, lambda got, _frame: loop.call_soon_threadsafe(react, got))
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)
