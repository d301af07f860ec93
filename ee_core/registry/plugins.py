"""The registry: what is installed, in which state, and how it is opened.

A plugin that the configuration names and that fails is fatal: the error leaves `open_*`. Any other that fails is
quarantined: one warning, a row with cause and cure, and the process goes on without it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ee_core.contracts.activity import ActivityType
from ee_core.contracts.broker import Broker
from ee_core.contracts.catalogue import Catalogue
from ee_core.contracts.expression import Language
from ee_core.contracts.journal import Journal
from ee_core.contracts.lock import LockProvider
from ee_core.contracts.secrets import SecretProvider
from ee_core.errors import EngineError, PluginError, PluginNotFoundError
from ee_core.registry.calls import CORE, HookCalls
from ee_core.registry.faults import broken, conflict, disabled, not_found, not_opened
from ee_core.registry.listing import HOOKS, Entry, find_conflicts, list_entries, normalize
from ee_core.registry.loading import OPEN_HOOKS, check_driver, check_module, load_module, new_manager

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    import pluggy

    from ee_core.config import Settings
    from ee_core.contracts.env import Env

_log: Final = logging.getLogger(__name__)

# by group, since mypy wants no Protocol where a class is asked for
_CONTRACTS: Final[dict[str, type]] = {
    "ee.activities": ActivityType,
    "ee.expressions": Language,
    "ee.secrets": SecretProvider,
    "ee.locks": LockProvider,
    "ee.journals": Journal,
    "ee.catalogues": Catalogue,
    "ee.brokers": Broker,
    "ee.cli": object,  # click's own class, which only the command line knows
}

_NAMED: Final = frozenset({"ee.activities", "ee.expressions", "ee.cli"})  # whose drivers say their own name


class PluginState(StrEnum):
    """What became of an installed plugin."""

    AVAILABLE = "available"  # installed; nobody has asked for it yet
    LOADED = "loaded"  # imported and checked
    DISABLED = "disabled"  # by plugins.disabled
    QUARANTINED = "quarantined"  # it failed, and is left out


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One installed plugin, as `eectl plugin list` shows it."""

    kind: str
    name: str
    distribution: str
    version: str
    state: PluginState
    cause: str = ""
    cure: str = ""


@dataclass(slots=True, eq=False)
class _Plugin:
    """What is known of an entry point; `error` says why it cannot be used."""

    entry: Entry
    state: PluginState = PluginState.AVAILABLE
    error: PluginError | None = None
    module: ModuleType | None = None


class Registry:
    """Finds, checks and opens the plugins of one process.

    Args:
        settings: Says which plugins are disabled, and what activity types and expression languages are told.
        env: Handed to activity types; its boot time paces reports.
        core: The core's own implementations of asking hooks; they answer last.
        entries: What counts as installed; None for what is.
    """

    def __init__(
        self,
        settings: Settings,
        env: Env,
        *,
        core: object | None = None,
        entries: Sequence[Entry] | None = None,
    ) -> None:
        self._settings = settings
        self._env = env
        self._activities: dict[str, ActivityType | None] = {}
        self._languages: dict[str, Language] = {}
        self._warned: set[str] = set()
        entries = list_entries() if entries is None else entries
        self._places = {(entry.group, entry.value) for entry in entries}
        self._plugins = [_Plugin(entry) for entry in entries]
        self._disable(settings.plugins.disabled)
        self._find_conflicts()
        self._hooks = HookCalls(env, self._load_hooks() | ({CORE: core} if core is not None else {}))
        self._warn_of_idle_settings()

    @cached_property
    def _drivers(self) -> pluggy.PluginManager:
        return new_manager()  # takes a while, and some never open a driver

    @property
    def hooks(self) -> HookCalls:
        """The hooks of all plugins of the group ``ee.hooks`` and of the core."""
        return self._hooks

    # -- drivers: one by name --------------------------------------------------------------------------------

    def open_broker(self, name: str, settings: Mapping[str, Any], env: Env) -> Broker:
        """Make the broker of a name.

        Raises:
            PluginNotFoundError: It is not installed, or disabled.
            PluginConflictError: Two distributions offer the name.
            PluginLoadError: Its module cannot be imported, or its ``ee_open_*`` raised.
            PluginContractError: It does not keep its contract.
            ConfigError: It refused its settings. The other methods that open raise the same.
        """
        broker: Broker = self._open(
            "ee.brokers", name, settings=settings, namespace=self._settings.namespace, env=env
        )
        return broker

    def open_lock(self, name: str, settings: Mapping[str, Any], env: Env) -> LockProvider:
        """Make the bot-lock provider of a name."""
        lock: LockProvider = self._open(
            "ee.locks", name, settings=settings, namespace=self._settings.namespace, env=env
        )
        return lock

    def open_journal(self, name: str, settings: Mapping[str, Any], env: Env) -> Journal:
        """Make the journal of a name."""
        journal: Journal = self._open("ee.journals", name, settings=settings, env=env)
        return journal

    def open_catalogue(self, name: str, settings: Mapping[str, Any]) -> Catalogue:
        """Make the catalogue of a name."""
        catalogue: Catalogue = self._open("ee.catalogues", name, settings=settings)
        return catalogue

    def open_expressions(self, name: str) -> Language:
        """Make the expression language of a name, once; its settings are those of the configuration."""
        if name not in self._languages:
            settings = self._settings.expressions.get(name, {})
            language: Language = self._open("ee.expressions", name, settings=settings)
            self._languages[name] = language
        return self._languages[name]

    def open_secrets(self, name: str) -> SecretProvider:
        """Make the provider of secrets of a name; its settings are those of the configuration."""
        settings = self._settings.secrets.of(name)
        provider: SecretProvider = self._open("ee.secrets", name, settings=settings)
        return provider

    def open_activity(self, name: str) -> ActivityType | None:
        """Make the activity type of a name, once.

        Returns:
            None when it is not installed, or quarantined; `explain_missing` says which.

        Raises:
            ConfigError: It refused its settings.
            PluginError: It failed, and the configuration has a section for it.
        """
        if name not in self._activities:
            self._activities[name] = self._make_activity(name)
        return self._activities[name]

    def open_command(self, name: str) -> object:
        """Make the command of a name; who asks sees whether it is one of click. Raises as `open_broker`."""
        return self._open("ee.cli", name, name=name)

    def installed_activities(self) -> Mapping[str, ActivityType]:
        """Make every activity type that is installed and works, by name in order of name. Raises as `open_activity`."""
        names = sorted(
            {plugin.entry.name for plugin in self._plugins if plugin.entry.group == "ee.activities"}
        )
        opened = {name: self.open_activity(name) for name in names}
        return {name: activity for name, activity in opened.items() if activity is not None}

    def explain_missing(self, group: str, name: str) -> str:
        """Say why a plugin cannot be used, with entry point, package and cure (R23); empty when it can."""
        try:
            self._load(self._find(group, name))
        except PluginError as error:
            return str(error)
        return ""

    # -- what is known ---------------------------------------------------------------------------------------

    def rows(self) -> list[PluginRow]:
        """List all installed plugins, by kind and name. Drivers that nobody asked for are merely available."""
        return [
            PluginRow(
                kind=plugin.entry.kind,
                name=plugin.entry.name,
                distribution=plugin.entry.distribution,
                version=plugin.entry.version,
                state=plugin.state,
                cause=plugin.error.cause if plugin.error else "",
                cure=plugin.error.cure if plugin.error else "",
            )
            for plugin in self._plugins
        ]

    def check_all(self) -> list[PluginRow]:
        """Import and check every plugin that is not disabled; list all as `rows` does."""
        for plugin in self._plugins:
            self._try_load(plugin)
        return self.rows()

    # -- inside ----------------------------------------------------------------------------------------------

    def _disable(self, names: tuple[str, ...]) -> None:
        known: set[str] = set()
        for plugin in self._plugins:
            ways = {plugin.entry.name, plugin.entry.place, normalize(plugin.entry.distribution)}
            known |= ways
            if any(name in ways or normalize(name) in ways for name in names):
                plugin.state, plugin.error = PluginState.DISABLED, disabled(plugin.entry)
        for name in names:
            if name not in known and normalize(name) not in known:
                _log.warning(
                    "plugins.disabled names %r, which is not installed",
                    name,
                    extra={"action": "plugin_unknown"},
                )

    def _find_conflicts(self) -> None:
        conflicts = find_conflicts(plugin.entry for plugin in self._plugins if plugin.error is None)
        for plugin in self._plugins:
            if plugin.entry in conflicts:
                plugin.state, plugin.error = PluginState.QUARANTINED, conflict(conflicts[plugin.entry])
                self._warn(plugin.error)

    def _load_hooks(self) -> dict[str, object]:
        loaded = {
            plugin.entry.name: self._try_load(plugin)
            for plugin in self._plugins
            if plugin.entry.group == HOOKS
        }
        return {name: module for name, module in loaded.items() if module is not None}

    def _find(self, group: str, name: str) -> _Plugin:
        found = [
            plugin for plugin in self._plugins if (plugin.entry.group, plugin.entry.name) == (group, name)
        ]
        if not found:
            raise self._not_found(group, name)
        # one that is disabled does not hide one that is not; of several that clash each says so
        return min(found, key=lambda plugin: plugin.state is PluginState.DISABLED)

    def _load(self, plugin: _Plugin) -> ModuleType:
        """Import and check a plugin, once; its error is raised each time."""
        if plugin.error is not None:
            raise plugin.error
        if plugin.module is None:
            try:
                module = load_module(plugin.entry)
                check_module(module, plugin.entry, self._places)
            except PluginError as error:
                plugin.state, plugin.error = PluginState.QUARANTINED, error
                raise
            if plugin.entry.group != HOOKS and not self._drivers.is_registered(module):
                self._drivers.register(module, name=module.__name__)
            plugin.module, plugin.state = module, PluginState.LOADED
        return plugin.module

    def _try_load(self, plugin: _Plugin) -> ModuleType | None:
        if plugin.error is not None:
            return None
        try:
            return self._load(plugin)
        except PluginError as error:
            self._warn(error)
            return None

    def _open(self, group: str, name: str, /, **arguments: object) -> Any:
        """Make a driver and check it; what fails stays failed."""
        plugin = self._find(group, name)
        module = self._load(plugin)
        try:
            driver = self._opener(group, module)(**arguments)
            check_driver(driver, _CONTRACTS[group], plugin.entry)
            if group in _NAMED and driver.name != name:
                raise broken(plugin.entry, f"its member name is {driver.name!r}", f"let it be {name!r}")
        except PluginError as error:
            plugin.state, plugin.error = PluginState.QUARANTINED, error
            raise
        except EngineError:
            raise  # a setting, or something outside: it says so itself, and may be mended
        except Exception as error:
            plugin.state, plugin.error = PluginState.QUARANTINED, not_opened(plugin.entry, error)
            raise plugin.error from error
        return driver

    def _opener(self, group: str, module: ModuleType) -> pluggy.HookCaller:
        others = [other for other in self._drivers.get_plugins() if other is not module]
        return self._drivers.subset_hook_caller(OPEN_HOOKS[group], others)

    def _make_activity(self, name: str) -> ActivityType | None:
        settings = self._settings.activities.get(name)
        try:
            activity: ActivityType = self._open(
                "ee.activities", name, name=name, settings=settings or {}, env=self._env
            )
        except PluginNotFoundError:
            return None
        except PluginError as error:
            if settings is not None:
                raise
            self._warn(error)
            return None
        return activity

    def _warn(self, error: PluginError) -> None:
        """Say once that a plugin is left out."""
        if str(error) not in self._warned:
            self._warned.add(str(error))
            _log.warning(
                "%s; it is left out",
                error,
                extra={"action": "plugin_quarantined", "group": error.group, "plugin": error.name},
            )

    def _warn_of_idle_settings(self) -> None:
        """A configuration may be shared by processes with other plugins, so this is no error."""
        for group, sections in (
            ("ee.activities", self._settings.activities),
            ("ee.expressions", self._settings.expressions),
            ("ee.secrets", self._settings.secrets.model_extra or {}),
        ):
            installed = {plugin.entry.name for plugin in self._plugins if plugin.entry.group == group}
            for name in sorted(set(sections) - installed):
                place = self._settings.place_of(group.removeprefix("ee."), name)
                _log.warning(
                    "the configuration has settings that nobody reads%s: %s",
                    f", at {place}" if place else "",
                    self._not_found(group, name),
                    extra={"action": "plugin_unknown"},
                )

    def _not_found(self, group: str, name: str) -> PluginNotFoundError:
        return not_found(
            group, name, {plugin.entry.name for plugin in self._plugins if plugin.entry.group == group}
        )
