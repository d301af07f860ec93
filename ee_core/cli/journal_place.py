"""Where the journal of this machine is, unless it is told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ee_core.cli.place import DATA, JOURNAL
from ee_core.cli.session import read_settings
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

    from ee_core.config import Settings


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
    settings = with_journal_path(context, {"journal.path": file})
    if settings.journal.name != "sqlite":
        raise ConfigError(
            f"journal {settings.journal.name!r} is no file; this command is for the journal 'sqlite',"
            " others are looked after with the means of their servers"
        )
    return Path(str(settings.journal.settings["path"]))
