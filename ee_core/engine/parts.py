"""The drivers an engine is made of: opened in order by what the settings name, closed in reverse."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ee_core.bot.secrets import Secrets, open_secrets, remembering
from ee_core.errors import ConfigError
from ee_core.local.policies import CorePolicies
from ee_core.messages.subjects import Subjects
from ee_core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ee_core.bot.secrets import Resolver
    from ee_core.config import Settings
    from ee_core.contracts.broker import Broker
    from ee_core.contracts.catalogue import Catalogue
    from ee_core.contracts.env import Env
    from ee_core.contracts.journal import Journal
    from ee_core.contracts.lock import LockProvider


@dataclass(frozen=True, slots=True)
class Parts:
    """Open drivers, and what comes with them."""

    settings: Settings
    env: Env
    registry: Registry
    policies: CorePolicies
    subjects: Subjects
    broker: Broker
    lock: LockProvider
    journal: Journal
    catalogue: Catalogue
    secrets: Resolver = field(default_factory=Secrets)  # that of no provider: attempts with references fail


@asynccontextmanager
async def open_parts(settings: Settings, env: Env) -> AsyncIterator[Parts]:
    """Open everything an engine needs.

    Raises:
        ConfigError: The parts do not go together.
        EngineError: A driver is missing, refuses its settings, or its server is out of reach.
    """
    policies = CorePolicies(env, max_open_jobs=settings.engine.max_open_jobs)
    registry = Registry(settings, env, core=policies)
    broker = registry.open_broker(settings.broker.name, settings.broker.settings, env)
    lock = open_lock(registry, settings, env)
    journal = registry.open_journal(settings.journal.name, settings.journal.settings, env)
    catalogue = registry.open_catalogue(settings.catalogue.name, settings.catalogue.settings)
    secrets = remembering(open_secrets(registry, settings))  # also for bots of this process
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(journal)
        await stack.enter_async_context(catalogue)
        await stack.enter_async_context(broker)
        await stack.enter_async_context(lock)
        if broker.traits.shared and not lock.traits.shared:
            raise ConfigError(
                f"lock {_name_lock(settings)!r} is for one process, but broker {settings.broker.name!r} is shared by many:"
                f" leave out the setting lock.name, or name a shared lock"
            )
        yield Parts(
            settings=settings,
            env=env,
            registry=registry,
            policies=policies,
            subjects=Subjects(settings.namespace),
            broker=broker,
            lock=lock,
            journal=journal,
            catalogue=catalogue,
            secrets=secrets,
        )


def open_lock(registry: Registry, settings: Settings, env: Env) -> LockProvider:
    """Make the lock provider that the settings name, unopened. Raises as `Registry.open_lock`."""
    name = _name_lock(settings)
    return registry.open_lock(name, _lock_settings(settings, name), env)


def _name_lock(settings: Settings) -> str:
    return settings.lock.name or settings.broker.name


def _lock_settings(settings: Settings, lock_name: str) -> dict[str, object]:
    """A lock of the broker's own technology uses the broker's address, unless it has its own."""
    own = dict(settings.lock.settings)
    if lock_name == settings.broker.name and lock_name != "memory" and not own:  # memory has no address
        return settings.broker.settings
    return own
