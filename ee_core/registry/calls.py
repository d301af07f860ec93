"""Asks and tells hooks, so that a plugin which raises costs only its own answer.

pluggy's own call ends at the first exception, for all plugins; so each implementation is called by itself here, in
pluggy's order: plugins first, the core last. A plugin's failures are reported with its name, once a minute.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from ee_core.errors import PluginError
from ee_core.registry.listing import HOOKS
from ee_core.registry.loading import new_manager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pluggy

    from ee_core.contracts.env import Env

_log: Final = logging.getLogger(__name__)
_REPORT_S: Final = 60.0
CORE: Final = "ee-core"
"""The name of the core's own implementations, which answer last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plugin answered."""

    plugin: str
    value: Any


@dataclass(slots=True)
class _Reported:
    since_s: float
    more: int = 0


@dataclass(frozen=True, slots=True)
class _Implementation:
    plugin: str
    function: Callable[..., Any]
    pick: Callable[[Mapping[str, object]], tuple[object, ...]]  # of all arguments those that it takes


class HookCalls:
    """Calls the hooks of all plugins of the group ``ee.hooks``, and of the core.

    Args:
        env: Its boot time says when a minute is over.
        plugins: Modules or objects with hook implementations, by name; the first is asked first.
    """

    def __init__(self, env: Env, plugins: dict[str, object] | None = None) -> None:
        self._env = env
        self._manager = new_manager()
        self._order: dict[str, tuple[_Implementation, ...]] = {}
        self._reported: dict[str, _Reported] = {}
        for name, plugin in reversed((plugins or {}).items()):  # pluggy asks last what was registered first
            self._manager.register(plugin, name=name)
        self._manager.check_pending()

    @property
    def relay(self) -> pluggy.HookRelay:
        """Pluggy's own callers, for looking at what is registered; a call by them isolates nobody."""
        return self._manager.hook

    def is_used(self, hook: str) -> bool:
        """Say whether anybody implements a hook; spares the work of making its arguments."""
        return bool(self._implementations(hook))

    def ask_first(
        self, hook: str, accept: Callable[[Any], bool] | None = None, /, **arguments: object
    ) -> Answer | None:
        """Ask one after the other until one has an opinion.

        Args:
            accept: Says whether an answer is possible; one that is not is reported and counts as None.
        """
        for implementation in self._implementations(hook):
            answer = self._call(hook, implementation, arguments)
            if answer is None:
                continue
            if accept is None or accept(answer):
                return Answer(implementation.plugin, answer)
            self.report(implementation.plugin, hook, f"answered {answer!r}, which is not possible here")
        return None

    def ask_or_raise(self, hook: str, /, **arguments: object) -> Answer | None:
        """Ask as `ask_first`, where an answer that is missing would be a wrong one.

        Raises:
            PluginError: A plugin raised; its name is in the message, its exception is chained.
        """
        for implementation in self._implementations(hook):
            name = implementation.plugin
            try:
                answer = implementation.function(*implementation.pick(arguments))
            except Exception as error:
                raise PluginError(
                    f"plugin {name!r}: hook {hook} raised {type(error).__name__}: {error}",
                    group=HOOKS,
                    name=name,
                ) from error
            if answer is not None:
                return Answer(name, answer)
        return None

    def ask_all(self, hook: str, /, **arguments: object) -> list[Answer]:
        """Ask everybody; those without an opinion are left out."""
        return [
            Answer(implementation.plugin, answer)
            for implementation in self._implementations(hook)
            if (answer := self._call(hook, implementation, arguments)) is not None
        ]

    def tell_all(self, hook: str, /, **arguments: object) -> None:
        """Tell everybody."""
        for implementation in self._order.get(hook) or self._implementations(hook):
            try:  # as `_call`; not by it, since each message and each event comes here
                implementation.function(*implementation.pick(arguments))
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                self._report_raised(hook, implementation, error)

    def report(self, plugin: str, hook: str, text: str, error: Exception | None = None) -> None:
        """Log what a plugin did wrong, unless that was done for this plugin within the last minute."""
        now_s = self._env.boottime_s()
        last = self._reported.get(plugin)
        if last is not None and now_s - last.since_s < _REPORT_S:
            last.more += 1
            return
        self._reported[plugin] = _Reported(now_s)
        _log.warning(
            "plugin %r: hook %s %s; its answer does not count (%d more reports kept back before)",
            plugin,
            hook,
            text,
            last.more if last else 0,
            exc_info=error,
            extra={"action": "hook_failed", "plugin": plugin, "hook": hook},
        )

    def _implementations(self, hook: str) -> tuple[_Implementation, ...]:
        found = self._order.get(hook)
        if found is None:
            caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
            # a plugin may say trylast too, so pluggy's order alone does not put the core last
            order = caller.get_hookimpls()[::-1]
            order.sort(key=lambda one: one.plugin_name == CORE)
            found = self._order[hook] = tuple(
                _Implementation(one.plugin_name, one.function, _picker(one.argnames)) for one in order
            )
        return found

    def _call(self, hook: str, implementation: _Implementation, arguments: dict[str, object]) -> Any:
        try:
            return implementation.function(*implementation.pick(arguments))
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self._report_raised(hook, implementation, error)
            return None

    def _report_raised(self, hook: str, implementation: _Implementation, error: Exception) -> None:
        self.report(implementation.plugin, hook, f"raised {type(error).__name__}: {error}", error)


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, object]], tuple[object, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda arguments: tuple(arguments[name] for name in names)  # an itemgetter of one returns no tuple
