"""What fake activities give, as a file states it: outputs and errors by node or activity type.

```yaml
stubs:
  read: {output: {body: {total: 12}}}
  post: {error: {code: refused, message: the shop is closed}}
  poll: [{output: waiting}, {output: waiting}, {output: ready}]
```

A list has the answers to successive attempts of a node, the last one for all that come after.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ee_core.errors import InputError
from ee_core.simulation.rehearsal_cast import Stub, to_stubs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN: Final = 3  # nodes
_MAX_SHOWN: Final = 60  # characters of an output
_FORM: Final = "write {output: ...} or {error: {code: ..., message: ...}}, or a list of those"


def read_stubs(text: bytes, place: str) -> dict[str, tuple[Stub, ...]]:
    """Read a file of stubs.

    Raises:
        WorkflowError: It is no YAML or JSON that can be read.
        InputError: It is of another form.
    """
    from ee_core.definitions.source import read

    value = read(text, place, may_be_empty=True).plain()
    stubs = value.get("stubs") if isinstance(value, dict) else None
    if not isinstance(stubs, dict) or len(value) != 1:
        raise InputError(
            f"{place} must hold one mapping `stubs:`, of nodes or activity types; {_to_cure(value)}"
        )
    return {name: _read(name, stub, place) for name, stub in stubs.items()}


def show_form(names: Sequence[str], outputs: Mapping[str, Any]) -> str:
    """Return what a file of stubs may look like, for the first of some nodes.

    Args:
        outputs: What is known to come out of them, by name.
    """
    lines = ["stubs:"]
    for name in names[:_SHOWN]:
        output = json.dumps(outputs[name]) if name in outputs else "..."
        lines.append(f"  {name}: {{output: {output if len(output) <= _MAX_SHOWN else '...'}}}")
    return "\n".join(
        [*lines, "  # or {error: {code: ..., message: ...}}; or a list of those, one for each attempt"]
    )


def _to_cure(value: Any) -> str:
    """Say how the file must look, with a name that stands in it."""
    others = [name for name in value if name != "stubs"] if isinstance(value, dict) else []
    name = next(iter(others), "NODE")
    where = "put all of it below a line `stubs:`" if others else "begin with a line `stubs:`"
    return f"{where}, as in stubs: {{{name}: {{output: ...}}}} or stubs: {{{name}: {{error: {{code: ..., message: ...}}}}}}"


def _read(name: str, stated: Any, place: str) -> tuple[Stub, ...]:
    stubs = to_stubs(stated)
    if stubs is None:
        raise InputError(f"{place}: the stub {name!r} is {stated!r:.80}; {_FORM}")
    return stubs
