"""Imports the module behind one entry point, and checks what it holds before anybody calls it.

What a plugin's author gets wrong is told here, once, with the cure: a hook that is misspelt, not marked, a coroutine, in
the wrong group, or with arguments nobody passes would otherwise never be called and never be missed.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import threading
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import pluggy
from stevedore.driver import DriverManager

from ee_core import hookspecs
from ee_core.registry.faults import broken, not_imported
from ee_core.registry.listing import HOOKS, Entry, normalize

if TYPE_CHECKING:
    from collections.abc import Collection

OPEN_HOOKS = {
    "ee.activities": "ee_open_activity",
    "ee.expressions": "ee_open_expressions",
    "ee.secrets": "ee_open_secrets",
    "ee.locks": "ee_open_lock",
    "ee.journals": "ee_open_journal",
    "ee.catalogues": "ee_open_catalogue",
    "ee.brokers": "ee_open_broker",
    "ee.cli": "ee_open_command",
}
"""The hook that makes a driver, by the group whose entry points name its module."""

_ABSENT = object()  # a member may be None
_CHECKING = threading.Lock()  # over the one manager of all checks
_GROUP_OF = {hook: group for group, hook in OPEN_HOOKS.items()}


class _Manager(pluggy.PluginManager):
    """Does not look at names that cannot be hooks: most that a plugin has are such, and pluggy takes its time over each."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if name.startswith("__"):
            return None
        if isinstance(plugin, ModuleType) and not inspect.isroutine(vars(plugin).get(name)):
            return None
        return super().parse_hookimpl_opts(plugin, name)

    def parse_hookspec_opts(
        self, module_or_class: ModuleType | type, name: str
    ) -> pluggy.HookspecOpts | None:
        return None if name.startswith("__") else super().parse_hookspec_opts(module_or_class, name)


def new_manager() -> pluggy.PluginManager:
    """Make a plugin manager that knows every hook."""
    manager = _Manager(hookspecs.PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    return manager


def load_module(entry: Entry) -> ModuleType:
    """Import the module that an entry point names.

    Raises:
        PluginLoadError: The import failed; the cause is chained.
        PluginContractError: The entry point names something else than a module.
    """
    try:
        loaded = _OneDriver(entry).driver
    # stevedore lets an AssertionError through; a module that ends the process when imported must not end ours
    except (Exception, SystemExit) as error:
        raise not_imported(entry, error) from error
    if not isinstance(loaded, ModuleType):
        raise broken(
            entry,
            f"the entry point names {entry.value!r}, a {type(loaded).__name__}",
            "let it name the module with the hook implementations",
        )
    return loaded


def check_module(module: ModuleType, entry: Entry, places: Collection[tuple[str, str]]) -> None:
    """Check all that can be checked without calling the plugin.

    Args:
        places: Group and value of every entry point that is installed.

    Raises:
        PluginContractError: The first fault found.
    """
    api = getattr(module, "EE_API", hookspecs.API_VERSION)
    if api != hookspecs.API_VERSION:
        raise broken(
            entry,
            f"it was written for plugin API {api!r}, this EE has {hookspecs.API_VERSION}",
            f"install versions of {entry.distribution} and ee-core that fit each other",
        )
    if entry.group == HOOKS and normalize(entry.name) != normalize(entry.distribution):
        raise broken(
            entry,
            f"the entry point is called {entry.name!r}",
            f"in the group {HOOKS} give it its distribution's name, {entry.distribution!r}",
        )
    _check_marks(module, entry)
    implementations = _find_implementations(module, entry)
    for hook, implementation in implementations:
        _check_implementation(hook, implementation, entry, places)
    opener = OPEN_HOOKS.get(entry.group)
    if opener and opener not in {hook for hook, _ in implementations}:
        raise broken(
            entry, f"{entry.value!r} has no implementation of {opener}", "add one, marked with @hookimpl"
        )


def check_driver(driver: object, contract: type, entry: Entry) -> None:
    """Check that what a plugin made has every member of its contract.

    Members are looked up without running properties: some are valid only while the driver is open.

    Raises:
        PluginContractError: It names the members that are missing or cannot be called.
    """
    cure = f"make {OPEN_HOOKS[entry.group]} return an object with all members of {contract.__module__}"
    if driver is None:
        raise broken(entry, f"{OPEN_HOOKS[entry.group]} returned None", cure)
    faults = []
    for member in _members(contract):
        found = inspect.getattr_static(driver, member, _ABSENT)
        if found is _ABSENT:
            faults.append(f"no {member}")
        elif inspect.isfunction(inspect.getattr_static(contract, member)) and not _is_callable(found):
            faults.append(f"{member} cannot be called")
    if faults:
        raise broken(
            entry, f"its {type(driver).__name__} is no {contract.__name__}: it has {', '.join(faults)}", cure
        )


class _OneDriver(DriverManager[Any]):
    """stevedore's driver for exactly one entry point, which it is given instead of looking it up in its cache."""

    def __init__(self, entry: Entry) -> None:
        self._entry = metadata.EntryPoint(entry.name, entry.value, entry.group)
        super().__init__(entry.group, entry.name, on_load_failure_callback=self._raise)

    def list_entry_points(self) -> list[metadata.EntryPoint]:
        return [self._entry]

    @staticmethod
    def _raise(_manager: object, _point: object, error: BaseException) -> None:
        raise error


def _find_implementations(module: ModuleType, entry: Entry) -> list[tuple[str, pluggy.HookImpl]]:
    """Return the hooks that a module implements, as pluggy finds them.

    Raises:
        PluginContractError: There is no such hook, or not with such arguments.
    """
    with _CHECKING:
        manager = _checker()
        try:
            manager.register(module, name=entry.name)
            manager.check_pending()
            return [
                (caller.name, implementation)
                for caller in manager.get_hookcallers(module) or ()
                for implementation in caller.get_hookimpls()
            ]
        except pluggy.PluginValidationError as error:
            raise broken(entry, _describe(error), _suggest(manager, module)) from error
        finally:
            if manager.is_registered(module):  # one that does not fit may not be
                manager.unregister(module)


@functools.cache
def _checker() -> pluggy.PluginManager:
    """Return the manager for all checks: making one takes longer than a check."""
    return new_manager()


def _check_marks(module: ModuleType, entry: Entry) -> None:
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if own and name.startswith("ee_") and not hasattr(value, "ee_impl"):
            raise broken(entry, f"{name} is not marked", "put @hookimpl above it; names with ee_ are hooks")


def _check_implementation(
    hook: str, implementation: pluggy.HookImpl, entry: Entry, places: Collection[tuple[str, str]]
) -> None:
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise broken(entry, f"{hook} is a coroutine", "make it a plain function: hooks are never awaited")
    if implementation.wrapper or implementation.hookwrapper:
        raise broken(
            entry, f"{hook} is a wrapper", "write a plain hook: no plugin may change another's answer"
        )
    if implementation.kwargnames:
        names = ", ".join(implementation.kwargnames)
        raise broken(
            entry, f"{hook} gives a default to {names}", "take it away: such arguments are not passed"
        )
    group = _GROUP_OF.get(hook, HOOKS)
    if (group, entry.value) not in places:
        raise broken(
            entry,
            f"{hook} is called for modules of the group {group} only",
            f"add an entry point for {entry.value!r} there, or move the hook to another module",
        )


def _describe(error: pluggy.PluginValidationError) -> str:
    text = str(error).partition(" in plugin <")[0]  # the rest is the module's repr
    return " ".join(text.split())


def _suggest(manager: pluggy.PluginManager, module: ModuleType) -> str:
    known = [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "ee_spec")]
    for caller in manager.get_hookcallers(module) or ():
        if not caller.has_spec():
            close = difflib.get_close_matches(caller.name, known, n=1)
            return f"did you mean {close[0]!r}?" if close else f"the hooks are {', '.join(known)}"
    return "use the argument names of ee_core.hookspecs"


def _members(contract: type) -> list[str]:
    """Name the members of a contract, which is a Protocol."""
    bases = [
        base for base in contract.__mro__ if base not in (object, Protocol) and base.__module__ != "typing"
    ]
    kept = {"__aenter__", "__aexit__"}
    names = {name for base in bases for name in (*vars(base), *inspect.get_annotations(base))}
    return sorted(name for name in names if not name.startswith("_") or name in kept)


def _is_callable(member: object) -> bool:
    return callable(member) or isinstance(member, staticmethod | classmethod)
