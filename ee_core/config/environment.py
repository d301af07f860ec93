"""Variables of the environment that are no settings: looked up one by one, each time anew."""

from __future__ import annotations

import os


def find_variable(name: str) -> str | None:
    """Return what a variable holds now; None when it is not set."""
    return os.environ.get(name)
