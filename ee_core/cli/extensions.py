"""Commands of plugins: listed by the names of their entry points, imported when they are called or their help is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ee_core.config import load_settings
from ee_core.errors import EngineError, PluginContractError, PluginNotFoundError
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry
from ee_core.registry.listing import list_entries

if TYPE_CHECKING:
    from typing import NoReturn

_GROUP: Final = "ee.cli"


def list_names() -> list[str]:
    """Name the commands that plugins offer; nothing is imported."""
    return sorted({entry.name for entry in list_entries() if entry.group == _GROUP})


def open_command(name: str, config: str | None, context: str | None = None) -> click.Command | None:
    """Return a plugin's command, None when nobody offers it; one that is broken says so when it is called."""
    try:
        settings = load_settings(file=Path(config) if config else None, context=context)
        registry = Registry(settings, SystemEnv())
        command = registry.open_command(name)
    except PluginNotFoundError:
        return None
    except EngineError as error:
        return _broken(name, error)
    if not isinstance(command, click.Command):
        cause = f"command {name!r}: its hook made a {type(command).__name__}, which is no command of click"
        return _broken(name, PluginContractError(cause, group=_GROUP, name=name))
    return command


def _broken(name: str, error: EngineError) -> click.Command:
    def fail() -> NoReturn:
        raise error

    return click.Command(name, callback=fail, help=f"Cannot be used: {error}")
