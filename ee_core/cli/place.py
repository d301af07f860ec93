"""Where the journal of this machine is, unless it is told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.session import read_settings
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ee_core.config import Settings

DATA = Path(".ee")  # where `up` and `engine run` keep things
JOURNAL = "journal.sqlite"


def data_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--data``, the folder of what runs on this machine, with this help."""
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--data", type=kind, default=DATA, show_default=True, help=text)


def find_near_folder(folder: Path) -> str:
    """Return a hint for a folder that is not there: one of nearly that name beside it; empty when there is none."""
    from ee_core.definitions.diagnostics import did_you_mean

    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    return did_you_mean(folder.name, [each.name for each in beside if each.is_dir()])


def with_journal_path(context: click.Context, flags: Mapping[str, Any]) -> Settings:
    """Read the settings; a SQLite journal without a place gets the usual one."""
    settings = read_settings(context, flags)
    if settings.journal.name == "sqlite" and "path" not in settings.journal.settings:
        settings = read_settings(context, {**flags, "journal.path": str(DATA / JOURNAL)})
    return settings


def find_journal(context: click.Context, file: str | None) -> Path:
    """Return the file of the journal, whether it is there or not.

    Raises:
        ConfigError: The journal of the settings is not kept in a file.
    """
    from ee_core.errors import ConfigError

    settings = with_journal_path(context, {"journal.path": file})
    if settings.journal.name != "sqlite":
        raise ConfigError(
            f"journal {settings.journal.name!r} is no file; this command is for the journal 'sqlite',"
            " others are looked after with the means of their servers"
        )
    return Path(str(settings.journal.settings["path"]))


def ensure_folder(path: Path) -> Path:
    """Make a folder for data that only its owner may read."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"the folder {path} cannot be made: {error.strerror or error}; name another one"
        ) from error
    return path
