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

from typing import Any, Final

from ee_core.errors import InputError
from ee_core.simulation.rehearsal_cast import Stub, to_stubs

_FORM: Final = "write {output: ...} or {error: {code: ..., message: ...}}, or a list of those"


def read_stubs(text: bytes, place: str) -> dict[str, tuple[Stub, ...]]:
    """Read a file of stubs.

    Raises:
        WorkflowError: It is no YAML or JSON that can be read.
        InputError: It is of another form.
    """
    from ee_core.definitions.source import read

    value = read(text, place).plain()
    stubs = value.get("stubs") if isinstance(value, dict) else None
    if not isinstance(stubs, dict) or len(value) != 1:
        raise InputError(f"{place} must hold one mapping `stubs:`, of nodes or activity types")
    return {name: _read(name, stub, place) for name, stub in stubs.items()}


def _read(name: str, stated: Any, place: str) -> tuple[Stub, ...]:
    stubs = to_stubs(stated)
    if stubs is None:
        raise InputError(f"{place}: the stub {name!r} is {stated!r:.80}; {_FORM}")
    return stubs
