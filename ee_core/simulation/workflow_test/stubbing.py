"""Activity types whose answers are stated: by node id, by node name, or else by type.

`noop`, `delay` and `log` do what they do: they are harmless, and time costs nothing. Anything else that is reached and has
no stub ends the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ee_core.config import Settings
from ee_core.errors import ActivityError, InputError
from ee_core.local.activities import DelayActivity, LogActivity, NoopActivity
from ee_core.simulation.registry import RegistryOfTypes
from ee_core.simulation.rehearsal_cast import Stub, to_stub

if TYPE_CHECKING:
    from ee_core.contracts.activity import ActivityContext, ActivityTraits, ActivityType
    from ee_core.contracts.env import Env
    from ee_core.local.policies import CorePolicies
    from ee_core.model.workflow import Node, Workflow

Answer = Stub | Callable[[Any], Any]

FORM: Final = "write {output: ...} or {error: {code: ..., message: ...}}, or a list of those"
_BUILT_IN: Final[Mapping[str, Callable[[], ActivityType]]] = {
    "noop": NoopActivity,
    "delay": DelayActivity,
    "log": LogActivity,
}


def to_answers(name: str, stated: Any) -> tuple[Answer, ...]:
    """Return what successive attempts give, as it is stated in plain values.

    Raises:
        InputError: It is of another form.
    """
    several = stated if isinstance(stated, list | tuple) else [stated]
    if not several:
        raise InputError(f"the stub {name!r} is an empty list; {FORM}")
    return tuple(_to_answer(name, one) for one in several)


def _to_answer(name: str, stated: Any) -> Answer:
    if isinstance(stated, Stub):
        return stated
    if callable(stated):
        return lambda value: stated(value)  # noqa: PLW0108 - what is callable need not be of the type
    stub = to_stub(stated)
    if stub is not None:
        return stub
    raise InputError(f"the stub {name!r} is {stated!r:.80}; {FORM}")


def stub_names(workflow: Workflow) -> list[str]:
    """Return what a stub may be for: ids and names of activity nodes, and their types; in file order."""
    works = [(node, node.activity) for node in workflow.nodes if node.activity is not None]
    names = [name for node, _ in works for name in (node.id, node.name)]
    return list(dict.fromkeys(name for name in (*names, *(work.type for _, work in works)) if name))


class Stubs:
    """The stubs of one run, and how far each node has come in its own.

    Attributes:
        missing: The first node that was reached and has no stub.
        reached_missing: Called when that happens.
    """

    def __init__(self, workflow: Workflow, answers: Mapping[str, Sequence[Answer]]) -> None:
        self.missing: Node | None = None
        self.reached_missing: Callable[[], None] = lambda: None
        self._answers = answers
        self._nodes: dict[str, Node] = {node.id: node for node in workflow.nodes}
        self._used: Counter[str] = Counter()

    async def carry_out(self, type_name: str, context: ActivityContext, value: Any) -> Any:
        """Give what the next attempt of a node gives.

        Raises:
            ActivityError: It is stated to fail, or there is no stub.
        """
        node = self._nodes[context.node]
        stub = self._next(node, type_name)
        if stub is None:
            return await self._carry_out_really(node, type_name, context, value)
        if not isinstance(stub, Stub):
            return stub(value)
        if stub.error is not None:
            raise ActivityError(stub.error.text, code=stub.error.code)
        return stub.output

    def _next(self, node: Node, type_name: str) -> Answer | None:
        for name in (node.id, node.name, type_name):
            answers = self._answers.get(name)
            if answers:
                used = self._used[node.id]  # a stub for a type begins anew at each of its nodes
                self._used[node.id] += 1
                return answers[min(used, len(answers) - 1)]
        return None

    async def _carry_out_really(
        self, node: Node, type_name: str, context: ActivityContext, value: Any
    ) -> Any:
        if type_name in _BUILT_IN:
            return await _BUILT_IN[type_name]().run(context, value)
        self.missing = self.missing or node
        self.reached_missing()
        raise ActivityError("there is no stub", code="no_stub")


class _StubbedType:
    """An activity type that gives what is stated."""

    input_schema = None
    output_schema = None

    def __init__(self, name: str, stubs: Stubs) -> None:
        self.name = name
        self._stubs = stubs

    def traits_for(self, template: Any) -> ActivityTraits:
        raise AssertionError(f"{self.name!r}: the workflow was loaded with the real types")

    async def run(self, context: ActivityContext, value: Any) -> Any:
        return await self._stubs.carry_out(self.name, context, value)


class StubbedRegistry(RegistryOfTypes):
    """A registry that finds stubbed types where the real one finds plugins."""

    def __init__(self, env: Env, policies: CorePolicies, workflow: Workflow, stubs: Stubs) -> None:
        types = {node.activity.type for node in workflow.nodes if node.activity is not None}
        stubbed = {name: _StubbedType(name, stubs) for name in sorted(types) if name}
        super().__init__(Settings(), env, policies, stubbed)
