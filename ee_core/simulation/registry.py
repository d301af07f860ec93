"""The plugins of simulated engines: played activity types, the core's policies, and the languages that are installed.

One registry serves all engines of a world: making one takes longer than many a run.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ee_core.config import Settings
from ee_core.hookspecs import hookimpl
from ee_core.local.env import SystemEnv
from ee_core.local.policies import CorePolicies
from ee_core.registry import Registry
from ee_core.registry.listing import list_entries
from ee_core.simulation.activities import Doer
from ee_core.simulation.life import current_life

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.activity import ActivityTraits, ActivityType
    from ee_core.contracts.env import Env
    from ee_core.contracts.expression import Language
    from ee_core.model.events import AnyEvent
    from ee_core.model.ids import JobId
    from ee_core.registry.listing import Entry
    from ee_core.simulation.activities import Cast
    from ee_core.simulation.env import VirtualEnv
    from ee_core.simulation.recorder import Recorder


class _Policies(CorePolicies):
    """The core's, and an observer that says what it was told of."""

    def __init__(self, env: VirtualEnv, recorder: Recorder, *, max_open_jobs: int | None) -> None:
        super().__init__(env, max_open_jobs=max_open_jobs)
        self._recorder = recorder

    @hookimpl
    def ee_on_event(self, job_id: JobId, event: AnyEvent) -> None:  # type: ignore[override] # pluggy passes by name
        super().ee_on_event(event)
        self._recorder.told(job_id, event)


class RegistryOfTypes(Registry):
    """A registry that finds given activity types where the real one finds plugins, and no plugin's hooks."""

    def __init__(
        self, settings: Settings, env: Env, policies: CorePolicies, types: Mapping[str, ActivityType]
    ) -> None:
        super().__init__(settings, env, core=policies, entries=list_languages())
        self._types = types

    def open_activity(self, name: str) -> ActivityType | None:
        return self._types.get(name)

    def installed_activities(self) -> Mapping[str, ActivityType]:
        return dict(self._types)

    def open_expressions(self, name: str) -> Language:
        return open_language(name)


class SimulatedRegistry(RegistryOfTypes):
    """The registry of simulated engines: its types are played.

    Args:
        engine: Settings of that section, over the defaults.
        cast: Plays the types that engines serve.

    Attributes:
        settings: Of all engines.
        policies: Likewise.
    """

    def __init__(self, env: VirtualEnv, recorder: Recorder, engine: Mapping[str, Any], cast: Cast) -> None:
        self.settings = Settings.model_validate({"engine": dict(engine)})
        self.policies = _Policies(env, recorder, max_open_jobs=self.settings.engine.max_open_jobs)
        self._recorder = recorder
        types = {name: cast.make_type(name, recorder, self._who) for name in sorted(cast.in_house)}
        super().__init__(self.settings, env, self.policies, types)

    def _who(self, traits: ActivityTraits) -> Doer:
        engine = self._recorder.engine_of(current_life())
        if not traits.idempotent:
            return Doer("engine", None, engine)
        bot = f"engine-{engine[:12]}"
        return Doer("worker", bot, self._recorder.works[bot])


@functools.cache
def list_languages() -> list[Entry]:
    """Return the entry points of the languages that are installed."""
    return [entry for entry in list_entries() if entry.group == "ee.expressions"]


@functools.cache
def open_language(name: str) -> Language:
    """Open a language, once for the process."""
    # a language keeps nothing of a run, so all runs share it
    return Registry(Settings(), SystemEnv(), entries=list_languages()).open_expressions(name)
