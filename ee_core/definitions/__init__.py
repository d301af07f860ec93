"""Text to workflows: files in the native and the platform's export form, their faults, and job inputs.

Everything here runs before a job exists. What comes out is plain data of `ee_core.model.workflow`; an engine that
starts again needs only `compile_expressions`.
"""

from __future__ import annotations

from ee_core.definitions.compiling import compile_expressions
from ee_core.definitions.diagnostics import Diagnostic, render
from ee_core.definitions.expansion import expand_node, expand_with
from ee_core.definitions.inputs import check_inputs
from ee_core.definitions.loading import Definition, load
from ee_core.definitions.selectors import KnownBot
from ee_core.definitions.served import ServedType

__all__ = [
    "Definition",
    "Diagnostic",
    "KnownBot",
    "ServedType",
    "check_inputs",
    "compile_expressions",
    "expand_node",
    "expand_with",
    "load",
    "render",
]
