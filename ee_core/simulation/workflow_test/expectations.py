"""What a test expects of a run, and how a run differs from it: each difference is a line that names its place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ee_core.simulation.workflow_test.run import Run

_LONGEST: Final = 100  # characters of a value in a line


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test says about a run; what it says nothing about may be anything, but the outcome.

    Attributes:
        path: Every visit, in order.
        visited: Nodes that have a visit, others may have one too.
        outputs: By node, of its last visit, or by visit (``node#k``); likewise `inputs`.
        error: Code, message or both.
        incidents: The kind of the open incident of each node.
    """

    outcome: str = "succeeded"
    path: tuple[str, ...] | None = None
    visited: tuple[str, ...] = ()
    not_visited: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)
    incidents: Mapping[str, str] = field(default_factory=dict)


def check_run(run: Run, expected: Expectation) -> list[str]:
    """Return how a run differs from what is expected, a line each; none when it does not."""
    found = [*_check_end(run, expected), *_check_way(run, expected)]
    for what, wanted, values in (
        ("outputs", expected.outputs, run.outputs),
        ("inputs", expected.inputs, run.inputs),
    ):
        for key, value in wanted.items():
            if key in values:
                found += differences(value, values[key], f"{what}.{key}")
            else:
                found.append(f"{what}.{key}: expected {_show(value)}, but there is none")
    for node, count in expected.attempts.items():
        found += differences(count, run.attempts.get(node, 0), f"attempts.{node}")
    return found


def _check_end(run: Run, expected: Expectation) -> Iterator[str]:
    if run.outcome != expected.outcome:
        yield f"outcome: expected {expected.outcome}, got {run.outcome}{_why(run)}"
    for key, value in expected.error.items():
        yield from differences(value, (run.error or {}).get(key), f"error.{key}")
    for node, kind in expected.incidents.items():
        if run.incidents.get(node) != kind:
            yield f"incidents.{node}: expected {kind}, got {run.incidents.get(node, 'none')}{_why(run)}"


def _why(run: Run) -> str:
    if run.incident_texts:
        return f": {'; '.join(run.incident_texts)}"
    return f": {run.error['code']}: {run.error['message']}" if run.error else ""


def _check_way(run: Run, expected: Expectation) -> Iterator[str]:
    if expected.path is not None and list(expected.path) != run.path:
        yield f"path: expected {to_way(expected.path)}"
        yield f"      got      {to_way(run.path)}"
    missed = [node for node in expected.visited if node not in run.visited]
    if missed:
        yield f"visited: expected {', '.join(missed)} too, got {to_way(run.path)}"
    strays = [node for node in expected.not_visited if node in run.visited]
    if strays:
        yield f"not_visited: expected no visit of {', '.join(strays)}, got {to_way(run.path)}"


def to_way(path: Sequence[str]) -> str:
    """Return visits as text: ``read -> small -> done``."""
    return " -> ".join(path) or "nowhere"


def differences(expected: Any, got: Any, path: str) -> list[str]:
    """Return where two JSON values differ, a line for each place."""
    if isinstance(expected, dict) and isinstance(got, dict):
        found = []
        for key in [*expected, *(key for key in got if key not in expected)]:
            if key not in got:
                found.append(f"{path}.{key}: expected {_show(expected[key])}, but there is none")
            elif key not in expected:
                found.append(f"{path}.{key}: not expected, got {_show(got[key])}")
            else:
                found += differences(expected[key], got[key], f"{path}.{key}")
        return found
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True))
        return [line for n, (one, other) in pairs for line in differences(one, other, f"{path}[{n}]")]
    if expected == got and isinstance(expected, bool) == isinstance(got, bool):  # True == 1 in Python
        return []
    return [f"{path}: expected {_show(expected)}, got {_show(got)}"]


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
