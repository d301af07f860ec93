"""Named contexts: sets of settings under ``[contexts.<name>]``, of which one may be chosen.

They stand in the file of settings, or in ``contexts.toml`` in the user's folder, where they hold in every directory; the
nearer one of a name counts alone. The choice is a flag, else ``EE_CONTEXT``, else what `eectl context use` has noted in
the user's folder; an empty name chooses none. Only a chosen context is checked.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ee_core.config.layers import (
    CONTEXT_VARIABLE,
    FILE_NAME,
    Document,
    Layer,
    find_file,
    nearest,
    read_document,
)
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTION: Final = "contexts"
USER_FILE: Final = "contexts.toml"
_CHOICE_FILE: Final = "context.json"


@dataclass(frozen=True, slots=True)
class Context:
    """A named set of settings, as written."""

    name: str
    file: str
    layer: Layer


class Choice(NamedTuple):
    """Which context is chosen, and by what."""

    name: str
    by: str  # the flag's or variable's name, or the path of the note

    @property
    def is_noted(self) -> bool:
        """Whether `eectl context use` chose it, some time ago."""
        return self.by not in {"--context", CONTEXT_VARIABLE}


def find_user_folder(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder of a user's own configuration, whether it is there or not; None when there is no home."""
    variables = os.environ if environ is None else environ
    if os.name == "nt":
        return Path(variables["APPDATA"]) / "ee" if variables.get("APPDATA") else None
    above = variables.get("XDG_CONFIG_HOME", "")
    if above.startswith("/"):  # the specification has a relative one ignored
        return Path(above) / "ee"
    return Path(variables["HOME"]) / ".config" / "ee" if variables.get("HOME") else None


def find_choice_file(environ: Mapping[str, str] | None = None) -> Path:
    """Return the file in which the choice is noted.

    Raises:
        ConfigError: The user has no folder.
    """
    folder = find_user_folder(environ)
    if folder is None:
        raise ConfigError("there is no folder to remember a context in; set HOME, or name it in EE_CONTEXT")
    return folder / _CHOICE_FILE


def find_choice(flag: str | None = None, environ: Mapping[str, str] | None = None) -> Choice | None:
    """Return which context is chosen, known or not; None for none.

    Raises:
        ConfigError: The note cannot be read.
    """
    variables = os.environ if environ is None else environ
    if flag is not None:
        return Choice(flag, "--context") if flag else None
    if CONTEXT_VARIABLE in variables:
        return Choice(variables[CONTEXT_VARIABLE], CONTEXT_VARIABLE) if variables[CONTEXT_VARIABLE] else None
    folder = find_user_folder(variables)
    return _read_choice(folder / _CHOICE_FILE) if folder is not None else None


def list_contexts(file: Path | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Context]:
    """Read all contexts, by name; those of the file of settings first.

    Raises:
        ConfigError: A file cannot be read, or what is no context stands among them.
    """
    variables = os.environ if environ is None else environ
    return _list_contexts(read_document(find_file(file, variables)), variables)


def read_chosen(document: Document, flag: str | None, variables: Mapping[str, str]) -> Layer:
    """Return the settings of the chosen context; none when none is chosen.

    Args:
        document: The file of settings.

    Raises:
        ConfigError: The chosen one is not known.
    """
    choice = find_choice(flag, variables)
    if choice is None:
        return {}
    known = _list_contexts(document, variables)
    if choice.name not in known:
        raise unknown_context(choice.name, list(known), by=choice.by)
    return known[choice.name].layer


def _list_contexts(document: Document, variables: Mapping[str, str]) -> dict[str, Context]:
    found = _take(document)
    folder = find_user_folder(variables)
    if folder is not None and (folder / USER_FILE).is_file():
        own = read_document(folder / USER_FILE)
        for key in own.content:
            if key != SECTION:
                raise own.fault((key,), f"{key!r} is no context; write [{SECTION}.<name>]")
        found |= {name: context for name, context in _take(own).items() if name not in found}
    return found


def _take(document: Document) -> dict[str, Context]:
    taken = {}
    for name in _table(document, (SECTION,)):
        _table(document, (SECTION, name))
        taken[name] = Context(name, document.file, document.layer_of(SECTION, name))
    return taken


def _table(document: Document, key: tuple[str, ...]) -> Mapping[str, Any]:
    """Return a table of the file; an empty one when it is not there."""
    table: Any = document.content
    for part in key:
        table = table.get(part, {})
    if not isinstance(table, dict):
        raise document.fault(
            key, f"{'.'.join(key)} is no section; write [{SECTION}.<name>], and settings below it"
        )
    return dict(table)


def _read_choice(path: Path) -> Choice | None:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; `eectl context unset` removes it") from error
    name = noted.get("context") if isinstance(noted, dict) else None
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{path} names no context; `eectl context unset` removes it")
    return Choice(name, str(path))


def unknown_context(name: str, known: list[str], *, by: str = "") -> ConfigError:
    """Return the error about a context that is not there.

    Args:
        by: What chose it, as in `Choice`.
    """
    what = f"{by}: no context {name!r}" if by else f"no context {name!r}"
    if by not in {"", "--context", CONTEXT_VARIABLE}:
        return ConfigError(
            f"{what} here; name another one with --context, or let `eectl context unset` forget this one"
        )
    if not known:
        return ConfigError(f"{what}, for there are none; write one into {FILE_NAME} as [{SECTION}.{name}]")
    return ConfigError(what + nearest(name, known))
