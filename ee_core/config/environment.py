"""Variables of the environment that are no settings: looked up one by one, each time anew."""

from __future__ import annotations

import os


def find_variable(name: str) -> str | None:
    """Return what a variable holds now; None when it is not set."""
    return os.environ.get(name)


def list_variables(prefix: str) -> list[str]:
    """List the names of the variables that begin with a prefix."""
    return [name for name in os.environ if name.startswith(prefix)]
