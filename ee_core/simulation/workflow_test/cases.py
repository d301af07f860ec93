"""Files of tests, ``*.test.yaml``: one workflow, and what its runs are expected to be.

```yaml
workflow: order.ee.yaml
tests:
  - name: a small order is sent
    inputs: {amount: 3}
    stubs:
      read: {output: {total: 12}}
      send: [{error: {code: busy}}, {output: {}}]
    expect:
      outcome: succeeded
      path: [read, small, send, done]
      inputs: {send: {total: 12}}
```

======== ==========================================================================
code     meaning
======== ==========================================================================
EE-W501  the workflow's file is not there
EE-W502  a stub for no activity node or type of the workflow
EE-W503  a stub that says neither what is given nor how it fails
EE-W504  something is expected of a node that the workflow does not have
EE-W505  inputs that the workflow does not take
EE-W506  two tests of one name
======== ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ee_core.definitions import check_inputs
from ee_core.definitions.diagnostics import Report, did_you_mean
from ee_core.definitions.members import CODE_VALUE, Members, wrong_type
from ee_core.definitions.source import read
from ee_core.errors import InputError
from ee_core.model.events import IncidentKind
from ee_core.simulation.workflow_test.expectations import Expectation
from ee_core.simulation.workflow_test.run import INCIDENT
from ee_core.simulation.workflow_test.running import load_workflow
from ee_core.simulation.workflow_test.stubbing import FORM, stub_names, to_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ee_core.config import Settings
    from ee_core.definitions.items import Item
    from ee_core.model.workflow import Workflow
    from ee_core.simulation.workflow_test.running import LoadedWorkflow
    from ee_core.simulation.workflow_test.stubbing import Answer

TOP_KEYS: Final = ("workflow", "bindings", "stubs", "tests")
TEST_KEYS: Final = ("name", "inputs", "stubs", "expect")
EXPECT_KEYS: Final = (
    "outcome",
    "path",
    "visited",
    "not_visited",
    "outputs",
    "inputs",
    "attempts",
    "error",
    "incidents",
)
OUTCOMES: Final = ("succeeded", "failed", INCIDENT)


@dataclass(frozen=True, slots=True)
class Case:
    """One test."""

    name: str
    line: int  # where it stands
    inputs: Mapping[str, Any]
    answers: Mapping[str, Sequence[Answer]]
    expected: Expectation


@dataclass(frozen=True, slots=True)
class TestFile:
    """A workflow and its tests."""

    __test__ = False  # pytest takes a class of such a name for tests

    loaded: LoadedWorkflow
    cases: tuple[Case, ...]


def read_tests(text: bytes, place: str, settings: Settings | None = None) -> TestFile:
    """Read a file of tests, and load its workflow.

    Args:
        place: The file's path; the workflow's is relative to its folder.
        settings: Of the activity types.

    Raises:
        WorkflowError: Something in it, or in the workflow, is wrong; the text shows every fault with its place.
        NotFoundError: The workflow cannot be read.
    """
    report = Report()
    root = read(text, place, may_be_empty=True)
    if not isinstance(root.value, dict):
        wrong_type(report, root, "the file", "a mapping", "begin with workflow: FILE, and a list of tests:")
    top = Members(root, "the file of tests", report)
    top.check_keys(TOP_KEYS)
    path = _find_file(top, "workflow", Path(place).parent)
    bindings = _find_file(top, "bindings", Path(place).parent) if "bindings" in top.values else None
    report.raise_errors()
    assert path is not None, "else an error was reported"
    loaded = load_workflow(path, bindings=bindings, settings=settings)
    cases = _Reader(loaded.workflow, report).read_all(top)
    report.raise_errors()
    return TestFile(loaded, cases)


def _find_file(top: Members, key: str, folder: Path) -> Path | None:
    item = top.require(key, f"add {key}: FILE, as it stands beside this file") if top.values else None
    if item is None or not top.text(key):
        return None
    path = folder / top.text(key)
    if path.is_file():
        return path
    names = [each.name for each in folder.iterdir() if each.name.endswith((".yaml", ".yml", ".json"))]
    hint = did_you_mean(top.text(key), names, "its path is relative to the folder of this file")
    top.report.error("EE-W501", item.place, f"there is no file {path}", hint)
    return None


class _Reader:
    """Reads the tests of one file."""

    def __init__(self, workflow: Workflow, report: Report) -> None:
        self._workflow = workflow
        self._report = report
        self._stubbed = stub_names(workflow)
        self._ids = [node.id for node in workflow.nodes]
        names = [node.name for node in workflow.nodes]
        self._by_name = {
            node.name: node.id for node in workflow.nodes if node.name and names.count(node.name) == 1
        }

    def read_all(self, top: Members) -> tuple[Case, ...]:
        common = self._stubs(top)
        listed = top.require("tests")
        if listed is None:
            return ()
        if not isinstance(listed.value, list) or not listed.value:
            wrong_type(self._report, listed, "tests", "a list of tests", "write - name: ...")
            return ()
        seen: set[str] = set()
        return tuple(self._test(item, common, seen) for item in listed.value)

    def _test(self, item: Item, common: Mapping[str, Sequence[Answer]], seen: set[str]) -> Case:
        if not isinstance(item.value, dict):
            wrong_type(self._report, item, "a test", "a mapping", "write - name: ...")
        test = Members(item, "a test", self._report)
        test.check_keys(TEST_KEYS)
        test.require("name")
        name = test.text("name")
        if name in seen:
            self._report.error(
                "EE-W506",
                test.place_of("name"),
                f"there are two tests {name!r}",
                "give each a name of its own",
            )
        seen.add(name)
        return Case(
            name=name,
            line=item.place.line,
            inputs=self._inputs(test),
            answers={**common, **self._stubs(test)},
            expected=self._expectation(test),
        )

    def _inputs(self, test: Members) -> dict[str, Any]:
        found = test.mapping("inputs", "inputs")
        inputs = {} if found is None else found.item.plain()
        try:
            check_inputs(self._workflow, inputs)
        except InputError as error:
            self._report.error("EE-W505", test.place_of("inputs"), str(error))
        return inputs

    def _stubs(self, members: Members) -> dict[str, tuple[Answer, ...]]:
        found = members.mapping("stubs", "stubs")
        if found is None:
            return {}
        answers = {}
        for name, item in found.values.items():
            if name not in self._stubbed:
                known = f"there are {', '.join(self._stubbed) or 'none'}"
                self._report.error(
                    "EE-W502",
                    found.place_of(name),
                    f"the workflow has no activity node or type {name!r}",
                    did_you_mean(name, self._stubbed, known),
                )
            try:
                answers[name] = to_answers(name, item.plain())
            except InputError:
                self._report.error(
                    "EE-W503",
                    item.place,
                    f"the stub {name!r} says neither what is given nor how it fails",
                    FORM,
                )
        return answers

    def _expectation(self, test: Members) -> Expectation:
        expect = test.mapping("expect", "expect")
        if expect is None:
            return Expectation()
        expect.check_keys(EXPECT_KEYS)
        outcome = expect.choice("outcome", OUTCOMES)
        error = self._error(expect)
        incidents = self._by_node(expect, "incidents", self._kind)
        if "outcome" not in expect.values:
            outcome = "failed" if error else INCIDENT if incidents else outcome
        return Expectation(
            outcome=outcome,
            path=self._nodes(expect, "path") if "path" in expect.values else None,
            visited=self._nodes(expect, "visited"),
            not_visited=self._nodes(expect, "not_visited"),
            outputs=self._by_node(expect, "outputs", lambda item: item.plain(), may_be_visit=True),
            inputs=self._by_node(expect, "inputs", lambda item: item.plain(), may_be_visit=True),
            attempts=self._by_node(expect, "attempts", self._count),
            error=error,
            incidents=incidents,
        )

    def _error(self, expect: Members) -> dict[str, str]:
        found = expect.mapping("error", "error")
        if found is None:
            return {}
        found.check_keys(("code", "message"))
        return {key: found.text(key) for key in ("code", "message") if key in found.values}

    def _kind(self, item: Item) -> str:
        kinds = [kind.value for kind in IncidentKind]
        if item.value not in kinds:
            hint = did_you_mean(str(item.value), kinds, f"there are {', '.join(kinds)}")
            self._report.error(CODE_VALUE, item.place, f"{item.raw.strip()!r} is no kind of incident", hint)
        return str(item.value)

    def _count(self, item: Item) -> int:
        if isinstance(item.value, int) and not isinstance(item.value, bool):
            return item.value
        wrong_type(self._report, item, "a number of attempts", "a whole number")
        return 0

    def _nodes(self, expect: Members, key: str) -> tuple[str, ...]:
        found = expect.values.get(key)
        if found is None:
            return ()
        if not isinstance(found.value, list):
            wrong_type(self._report, found, key, "a list of nodes", f"write {key}: [a, b]")
            return ()
        return tuple(self._node(str(item.value), item) for item in found.value)

    def _by_node(
        self, expect: Members, key: str, take: Callable[[Item], Any], *, may_be_visit: bool = False
    ) -> dict[str, Any]:
        found = expect.mapping(key, key)
        if found is None:
            return {}
        made = {}
        for name, item in found.values.items():
            node, _, number = name.rpartition("#")
            is_visit = may_be_visit and number.isdecimal() and name not in self._ids
            at = found.item.keys[name]
            resolved = f"{self._node(node, at)}#{number}" if is_visit else self._node(name, at)
            made[resolved] = take(item)
        return made

    def _node(self, name: str, item: Item) -> str:
        if name in self._ids:
            return name
        if name not in self._by_name:
            known = [*self._ids, *self._by_name]
            hint = did_you_mean(name, known, f"there are {', '.join(self._ids)}")
            self._report.error("EE-W504", item.place, f"the workflow has no node {name!r}", hint)
        return self._by_name.get(name, name)
