"""Bots of this process: the host that other processes use, beside an engine."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ee_core.definitions.diagnostics import did_you_mean
from ee_core.errors import ConfigError, NotFoundError, PluginLoadError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from types import ModuleType

    from ee_core.bot import Bot
    from ee_core.bot.ledger import Ledger
    from ee_core.contracts.activity import ActivityType
    from ee_core.definitions import KnownBot
    from ee_core.engine import Parts

POOL: Final = "local"  # the label `pool` of bots of this kind


def load_bot(path: str) -> Bot:
    """Load the one `Bot` that a Python file defines.

    Raises:
        NotFoundError: The file is not there, or defines no bot.
        ConfigError: It defines several, or one that can do nothing.
        PluginLoadError: It raised while it was imported.
    """
    from ee_core.bot import Bot

    module = _load_module(path)
    bots = [value for value in vars(module).values() if isinstance(value, Bot)]
    if not bots:
        raise NotFoundError(
            f'{path} defines no bot; write `bot = Bot("name")` and decorate functions with @bot.activity'
        )
    if len(bots) > 1:
        raise ConfigError(f"{path} defines {len(bots)} bots; one file is one bot")
    if not bots[0].profile().activities:
        raise ConfigError(f"{path} defines a bot without functions; decorate some with @bot.activity")
    return bots[0]


def to_known(bot: Bot) -> KnownBot:
    """Return what is known of a bot whose file is given: without a pool of its own, `eectl run` gives it `POOL`."""
    from ee_core.definitions import KnownBot

    profile = bot.profile()
    return KnownBot(profile.id, frozenset(profile.activities), {"pool": POOL, **profile.labels})


def load_served(paths: Iterable[str]) -> dict[str, ActivityType]:
    """Load what the bots in some files serve, by activity type; raises as `load_bot`."""
    return {name: kind for path in paths for name, kind in load_bot(path).activities.items()}


def _load_module(path: str) -> ModuleType:
    file = Path(path)
    if not file.is_file():
        names = [each.name for each in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise NotFoundError(
            f"{path} is not there; {did_you_mean(file.name, names, 'name a Python file that defines a bot')}"
        )
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise NotFoundError(f"{path} is no Python file; name a file *.py that defines a bot")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _explain(path, error) from error
    return module


def _explain(path: str, error: Exception) -> PluginLoadError:
    """Say what a file raised while it was imported, at which of its lines, and what to do."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if _same(frame.filename, path)
    ]
    text, cure = str(error), "mend it there"
    if isinstance(error, SyntaxError) and error.filename and _same(error.filename, path):
        lines, text = [error.lineno], error.msg
    elif isinstance(error, ModuleNotFoundError):
        cure = (
            f"mend the name, or install its package where eectl is: `uv pip install --python {sys.executable} PACKAGE`,"
            f" or with pip `{sys.executable} -m pip install PACKAGE`"
        )
    place = f"{path}:{lines[-1]}" if lines else path
    return PluginLoadError(f"{place} cannot be imported: {type(error).__name__}: {text}", cure=cure)


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


@asynccontextmanager
async def local_bots(
    parts: Parts, count: int, *, files: Sequence[str] = (), folder: Path | None = None
) -> AsyncIterator[list[str]]:
    """Run bots ``local-1`` to ``local-<count>``, each serving every installed activity type and the files' functions.

    Args:
        folder: Where their ledgers are kept; without it they remember nothing after this process.
    """
    from ee_core.bot.host import BotHost
    from ee_core.bot.ledger import open_ledger
    from ee_core.bot.profile import Profile

    activities: dict[str, ActivityType] = dict(parts.registry.installed_activities())
    labels: dict[str, str] = {"pool": POOL}
    for path in files:
        profile = load_bot(path).profile()
        activities.update(profile.activities)
        labels.update(profile.labels)
    names = [f"local-{n}" for n in range(1, count + 1)]
    async with AsyncExitStack() as stack:
        for name in names:
            place = str(folder / f"{name}.ledger") if folder is not None else ":memory:"
            ledger: Ledger = stack.enter_context(open_ledger(place, bot=name, env=parts.env))
            host = BotHost(
                Profile(name, _frozen(activities), labels),
                ledger,
                broker=parts.broker,
                subjects=parts.subjects,
                env=parts.env,
                secrets=parts.secrets,
            )
            await stack.enter_async_context(host)
        yield names


def _frozen(activities: dict[str, ActivityType]) -> Mapping[str, ActivityType]:
    return dict(activities)
