"""The folder in which the commands of this machine keep things."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(".ee")  # where `up` and `engine run` keep things
JOURNAL = "journal.sqlite"


def data_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--data``, the folder of what runs on this machine, with this help."""
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--data", type=kind, default=DATA, show_default=True, help=text)


def find_near_folder(folder: Path) -> str:
    """Return a hint for a folder that is not there: one of nearly that name beside it; empty when there is none."""
    from ee_core.definitions.diagnostics import did_you_mean

    beside: list[str] = []
    with suppress(OSError):  # a folder that cannot be listed gives no hint, and hides no error
        beside = [each.name for each in folder.parent.iterdir() if each.is_dir()]
    return did_you_mean(folder.name, beside)


def ensure_folder(path: Path, *, cure: str = "name another one") -> Path:
    """Make a folder for data that only its owner may read.

    Raises:
        ConfigError: It cannot be made; ends with the cure.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"the folder {path} cannot be made: {error.strerror or error}; {cure}") from error
    return path
