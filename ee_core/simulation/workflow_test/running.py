"""Carries out a workflow once, with stubs: an engine and a client in one process, on the virtual loop.

No bot is played: whatever needs one is done by the engine's own process, where a stub gives its answer at once. So the
engine has nobody to watch, and its housekeeping may sleep: a day of the job's time costs no more than a second of it.
What becomes of a job when a bot dies `eectl workflow rehearse` shows.
"""

from __future__ import annotations

import asyncio
import functools
import json
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVarTuple

from msgspec.structs import replace

from ee_core.bot.secrets import AsWritten
from ee_core.client import Client
from ee_core.config import Settings
from ee_core.definitions import Definition, check_inputs, expand_with, load
from ee_core.definitions.diagnostics import did_you_mean
from ee_core.definitions.source import read
from ee_core.definitions.unreadable import unreadable
from ee_core.engine import Parts, open_engine
from ee_core.errors import InputError
from ee_core.hookspecs import hookimpl
from ee_core.local.broker import MemoryBroker
from ee_core.local.env import SystemEnv
from ee_core.local.lock import MemoryLock
from ee_core.local.memory_journal import MemoryJournal, MemoryStore
from ee_core.local.policies import CorePolicies
from ee_core.messages.jobs import ExecuteJob
from ee_core.messages.subjects import Subjects
from ee_core.model.events import VisitCreated
from ee_core.model.ids import JobId
from ee_core.model.waits import OperatorWait
from ee_core.model.workflow import BotSelector, content_hash, to_content
from ee_core.registry import Registry
from ee_core.simulation.engines import EmptyCatalogue
from ee_core.simulation.env import VirtualEnv
from ee_core.simulation.loop import VirtualLoop
from ee_core.simulation.quiet import quiet
from ee_core.simulation.workflow_test.run import UnstubbedError, read_run
from ee_core.simulation.workflow_test.stubbing import (
    StubbedRegistry,
    Stubs,
    stub_names,
    to_answers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextvars import Context

    from ee_core.engine import Engine
    from ee_core.model.events import AnyEvent
    from ee_core.model.workflow import Workflow
    from ee_core.simulation.workflow_test.run import Run
    from ee_core.simulation.workflow_test.stubbing import Answer

_Ts = TypeVarTuple("_Ts")

_JOB: Final = JobId("test")
_STAY_S: Final = 1e9  # the job stays in memory: it is looked at there
_PATIENCE_S: Final = 60.0  # for a bot that nobody has heard of yet
_LONGEST_S: Final = 3 * 366 * 86_400.0  # without an event; of virtual time
_MOST_VISITS: Final = 5_000  # a few seconds
_DAY_S: Final = 86_400.0
_HOUSEKEEPERS: Final = (
    "fleet",
    "fleet-key",
    " presence",
)  # how their tasks' names end; one left out only costs time

RECORDED: ContextVar[list[tuple[str, Run]] | None] = ContextVar(
    "recorded runs", default=None
)  # for a report over several


@dataclass(frozen=True, slots=True)
class LoadedWorkflow:
    """A workflow that may be run, any number of times."""

    place: str  # its file

    definition: Definition
    content: Any  # as a command brings it
    bindings: Any = None

    @property
    def workflow(self) -> Workflow:
        """What is executed."""
        return self.definition.workflow


def run_workflow(
    workflow: str | Path | LoadedWorkflow,
    *,
    inputs: Mapping[str, Any] | None = None,
    stubs: Mapping[str, Any] | None = None,
) -> Run:
    """Carry out a workflow with stated answers in the place of its activities, in virtual time.

    ```python
    run = run_workflow("hello.ee.yaml", inputs={"name": "Ada"}, stubs={"greet": {"output": "hello"}})
    assert run.outcome == "succeeded"
    ```

    Not inside a running event loop.

    Args:
        workflow: A file, relative to the working folder; or what `load_workflow` returned.
        inputs: Of the job, by name.
        stubs: By node id, node name or activity type: ``{"output": value}``, ``{"error": {"code": ..., "message": ...}}``,
            a function that gets the input and returns the output or raises an `ActivityError`, or a list of those for
            successive attempts, the last of which is repeated.

    Raises:
        UnstubbedError: An activity was reached that has no stub and is none of ``noop``, ``delay`` and ``log``.
        InputError: The inputs do not fit the workflow, or a stub is for nothing in it.
        WorkflowError: The file is no sound workflow; the text shows every fault.
        NotFoundError: The file cannot be read.
        TimeoutError: The job comes to no end, or to none for years.
    """
    loaded = workflow if isinstance(workflow, LoadedWorkflow) else load_workflow(workflow)
    check_inputs(loaded.workflow, inputs or {})
    answers = {name: to_answers(name, stated) for name, stated in (stubs or {}).items()}
    known = stub_names(loaded.workflow)
    for name in answers:
        if name not in known:
            hint = did_you_mean(name, known, f"there are: {', '.join(known) or 'none'}")
            raise InputError(f"there is no activity node or type {name!r} for a stub; {hint}")
    return run_loaded(loaded, inputs or {}, answers)


def load_workflow(
    path: str | Path, *, bindings: str | Path | None = None, settings: Settings | None = None
) -> LoadedWorkflow:
    """Load a workflow file, for several runs.

    Args:
        bindings: A file, for a workflow in the export form.
        settings: Of the activity types; without them the defaults.

    Raises:
        WorkflowError: It is no sound workflow; the text shows every fault.
        NotFoundError: A file cannot be read.
    """
    registry = _usual_registry() if settings is None else Registry(settings, SystemEnv())
    text = _read_file(path)
    bound = None if bindings is None else _read_file(bindings)
    definition = load(
        text,
        place=str(path),
        bindings=bound,
        bindings_place=str(bindings),
        activities=registry.installed_activities(),
        language=registry.open_expressions,
        expand=expand_with(registry.hooks),
    )
    plain = None if bound is None else read(bound, str(bindings)).plain()
    return LoadedWorkflow(str(path), definition, read(text, str(path)).plain(), plain)


@functools.cache
def _usual_registry() -> Registry:
    # opening all plugins takes longer than many a test; what they say of themselves does not change
    return Registry(Settings(), SystemEnv())


def _read_file(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def run_loaded(
    loaded: LoadedWorkflow, inputs: Mapping[str, Any], answers: Mapping[str, Sequence[Answer]]
) -> Run:
    """Carry out a workflow whose inputs and stubs were checked. Raises as `run_workflow`."""
    stubs = Stubs(loaded.workflow, answers)
    with quiet(), asyncio.Runner(loop_factory=_DrowsyLoop) as runner:
        run = runner.run(_play(loaded, dict(inputs), stubs))
    recorded = RECORDED.get()
    if recorded is not None:
        recorded.append((loaded.place, run))
    if stubs.missing is not None and stubs.missing.activity is not None:
        node, kind = stubs.missing.id, stubs.missing.activity.type
        raise UnstubbedError(
            f"node {node!r} ({kind}) was reached and has no stub; add to stubs: {node}: {{output: ...}}"
        )
    return run


class _DrowsyLoop(VirtualLoop):
    """A loop on which the engine's housekeeping is done once a day: nobody is there who would miss it."""

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        task = asyncio.current_task(self)
        if task is not None and task.get_name().endswith(_HOUSEKEEPERS):
            when = max(when, self.time() + _DAY_S)
        return super().call_at(when, callback, *args, context=context)


class _Observer(CorePolicies):
    """The core's policies, and what is told of every event once it is durable."""

    def __init__(self, env: VirtualEnv) -> None:
        super().__init__(env)
        self.told: list[AnyEvent] = []
        self.visits = 0
        self.changed = asyncio.Event()

    @hookimpl
    def ee_on_event(self, event: AnyEvent) -> None:
        super().ee_on_event(event)
        self.told.append(event)
        self.visits += isinstance(event, VisitCreated)
        self.changed.set()


async def _play(loaded: LoadedWorkflow, inputs: dict[str, Any], stubs: Stubs) -> Run:
    loop = asyncio.get_running_loop()
    env = VirtualEnv(loop, seed=0)
    observer = _Observer(env)
    stubs.reached_missing = observer.changed.set
    async with AsyncExitStack() as stack:
        parts = await _open_parts(loaded, env, observer, stubs, stack)
        engine = await stack.enter_async_context(open_engine(parts))
        engine.workflows._loaded[_key(loaded)] = _without_bots(loaded.definition)
        client = Client(parts.broker, parts.subjects, env=env)
        began_s = loop.time()
        await client.execute(
            ExecuteJob(id=_JOB, workflow=loaded.content, bindings=loaded.bindings, inputs=inputs)
        )
        await engine.until_stopped(_rest(engine, observer, stubs))
        return read_run(loaded.workflow, observer.told, loop.time() - began_s)


async def _open_parts(
    loaded: LoadedWorkflow, env: VirtualEnv, observer: _Observer, stubs: Stubs, stack: AsyncExitStack
) -> Parts:
    return Parts(
        settings=Settings.model_validate(
            {"engine": {"passivate_after_s": _STAY_S, "confirm_after_s": _STAY_S}}
        ),
        env=env,
        registry=StubbedRegistry(env, observer, loaded.workflow, stubs),
        policies=observer,
        subjects=Subjects(""),
        broker=await stack.enter_async_context(MemoryBroker(env)),
        lock=await stack.enter_async_context(MemoryLock(env)),
        journal=await stack.enter_async_context(MemoryJournal(MemoryStore(env.new_id()))),
        catalogue=EmptyCatalogue(),
        secrets=AsWritten(),
    )


async def _rest(engine: Engine, observer: _Observer, stubs: Stubs) -> None:
    """Wait until the job is over, or nothing but a person can move it.

    Raises:
        TimeoutError: It goes on and on.
    """
    loop = asyncio.get_running_loop()
    while stubs.missing is None and not _is_over(engine, patient=False):
        observer.changed.clear()
        is_patient = _is_over(engine, patient=True)
        try:
            async with asyncio.timeout(_PATIENCE_S if is_patient else _LONGEST_S):
                await observer.changed.wait()
        except TimeoutError:
            if is_patient:
                return
            raise TimeoutError(f"it waits for more than {_LONGEST_S / _DAY_S:.0f} days") from None
        if observer.visits > _MOST_VISITS:
            days = loop.time() / _DAY_S
            raise TimeoutError(f"it comes to no end: {observer.visits} visits, {days:.1f} days of its time")


def _is_over(engine: Engine, *, patient: bool) -> bool:
    driver = engine.jobs.find(_JOB)
    if driver is None:
        return True
    waits = driver.job.waits.values()
    return all(
        isinstance(wait, OperatorWait) or (patient and getattr(wait, "no_bot", False)) for wait in waits
    )


def _key(loaded: LoadedWorkflow) -> tuple[bytes, bytes | None]:
    bound = None if loaded.bindings is None else json.dumps(loaded.bindings).encode()
    return json.dumps(loaded.content).encode(), bound


def _without_bots(definition: Definition) -> Definition:
    """Return a definition whose activities need no bot; a delay is the engine's own, which asks for no signs of life."""
    nodes = tuple(
        node
        if node.activity is None
        else replace(
            node,
            activity=replace(
                node.activity,
                stateless=True,
                idempotent=node.activity.idempotent and node.activity.type != "delay",
                bot=BotSelector(),
            ),
        )
        for node in definition.workflow.nodes
    )
    workflow = replace(definition.workflow, nodes=nodes)
    content = to_content(workflow)
    return Definition(workflow, content, content_hash(content))
