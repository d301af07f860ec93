"""Expressions in workflow files, written in CEL, for EE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ee_core.errors import ConfigError
from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ee_core.contracts.expression import Language

EE_API = 1


@hookimpl
def ee_open_expressions(settings: Mapping[str, object]) -> Language:
    """Open CEL; it has no settings."""
    if settings:
        raise ConfigError(f"the expression language 'cel' has no setting {min(settings)!r}; remove it")
    # The engine is 50 MB: `eectl plugin list` loads this module and needs none of it.
    from ee_cel.language import CelLanguage  # noqa: PLC0415 - see above

    return CelLanguage()
