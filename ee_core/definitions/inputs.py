"""Job inputs against what the workflow declares: types, defaults, sizes; what is wrong is said all at once."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ee_core.definitions.diagnostics import did_you_mean
from ee_core.errors import InputError
from ee_core.model.limits import MAX_INPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.model.workflow import InputSpec, Workflow

_MAX_DEPTH: Final = 64
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_MATCHES: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "any": lambda _value: True,
}


def check_inputs(workflow: Workflow, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's inputs with the defaults filled in, in the order of their declaration.

    Args:
        workflow: A loaded one.
        given: Names and plain JSON values.

    Raises:
        InputError: One is missing, unknown, of another type or too large; every fault is named.
    """
    faults = [*_find_missing(workflow, given), *_find_unknown(workflow, given)]
    for name, spec in workflow.inputs.items():
        if name in given and (fault := find_fault(spec, given[name])):
            faults.append(f"input {name!r} is {fault}{_as_text(name, spec, given[name])}")
    known = {name: given.get(name, spec.default) for name, spec in workflow.inputs.items()}
    inputs = {
        name: known[name] for name, spec in workflow.inputs.items() if name in given or not spec.required
    }
    inputs |= given  # those that are not declared
    faults += _find_unfit(inputs)
    if faults:
        raise InputError(f"workflow {workflow.name!r} cannot start: {'; '.join(faults)}")
    return inputs


def find_fault(spec: InputSpec, value: object) -> str:
    """Return what is wrong with an input's value as ``5; expected string``, or "" when it fits."""
    if value is None and not spec.required and spec.default is None:
        return ""
    if _MATCHES[spec.type](value):
        return ""
    return f"{value!r:.60}; expected {spec.type}"


def _as_text(name: str, spec: InputSpec, value: object) -> str:
    """Say how a text is written that a command line has taken for a number; "" for what is none."""
    if spec.type != "string" or not isinstance(value, int | float):
        return ""
    text = json.dumps(json.dumps(value))
    return (
        f", as in -i '{name}={text}' of `job submit`, or {{{json.dumps(name)}: {text}}} in a file of inputs"
    )


def _find_missing(workflow: Workflow, given: Mapping[str, Any]) -> list[str]:
    return [
        f"input {name!r} is missing; expected {spec.type}, as in -i {name}=..."
        for name, spec in workflow.inputs.items()
        if spec.required and name not in given
    ]


def _find_unknown(workflow: Workflow, given: Mapping[str, Any]) -> list[str]:
    if workflow.open_inputs:
        return []
    known = ", ".join(workflow.inputs) or "none"
    return [
        f"input {name!r} is unknown; {did_you_mean(name, workflow.inputs, f'there are: {known}')}"
        for name in given
        if name not in workflow.inputs
    ]


def _find_unfit(inputs: Mapping[str, Any]) -> list[str]:
    """Find what no message and no record could hold."""
    faults = [f"input {name!r} holds {fault}" for name, value in inputs.items() if (fault := _unfit(value))]
    if faults:
        return faults
    size = len(msgspec.json.encode(inputs))
    if size > MAX_INPUT_BYTES:
        largest = max(inputs, key=lambda name: len(msgspec.json.encode(inputs[name])))
        return [
            f"the inputs have {size} bytes, the limit is {MAX_INPUT_BYTES}; the largest is {largest!r}: "
            "give it by reference (a path or an object name)"
        ]
    return []


def _unfit(value: object, depth: int = 0) -> str:  # noqa: PLR0911 - one return for each kind of JSON
    if depth > _MAX_DEPTH:
        return f"values nested more than {_MAX_DEPTH} deep"
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return "a text that is no valid Unicode" if _SURROGATE.search(value) else ""
    if isinstance(value, int):
        return "" if -(2**63) <= value < 2**63 else "a number that does not fit into 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value}, which is no number in JSON"
    if isinstance(value, list):
        return next(filter(None, (_unfit(item, depth + 1) for item in value)), "")
    if isinstance(value, dict):
        if bad := next((key for key in value if not isinstance(key, str)), None):
            return f"the key {bad!r}, which is no text"
        return next(filter(None, (_unfit(item, depth + 1) for pair in value.items() for item in pair)), "")
    return f"{type(value).__name__}, which is no JSON"
