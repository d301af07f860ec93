"""The error about a file that cannot be read: why, and what to do; one of nearly that name may have been meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ee_core.definitions.diagnostics import did_you_mean
from ee_core.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable


def unreadable(path: str | Path, error: OSError) -> NotFoundError:
    """Return the error about a file that could not be read."""
    return NotFoundError(f"{path} cannot be read: {error.strerror or error}; {suggest(Path(path))}")


def suggest(path: Path, is_meant: Callable[[Path], bool] = Path.is_file) -> str:
    """Say what to do about a file that cannot be read.

    Args:
        is_meant: Says of what is beside it whether that may have been meant.
    """
    try:
        if path.is_dir():
            return "name a file in it"
        if path.exists():
            return "let this user read it"
        if not path.parent.is_dir():
            return f"there is no folder {path.parent} in {Path.cwd()}"
        names = [each.name for each in path.parent.iterdir() if is_meant(each)]
    except OSError:
        return "let this user read its folder"
    return did_you_mean(path.name, names, f"the folder {path.parent.resolve()} has no such file")
