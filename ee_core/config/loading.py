"""Settings from all their layers, checked; and what is said when they are wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ee_core.config.contexts import SECTION, read_chosen
from ee_core.config.layers import (
    Layer,
    find_file,
    merge,
    nearest,
    nest,
    read_document,
    read_flags,
    read_variables,
)
from ee_core.config.schema import PREFIX, Settings, list_settings
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    context: str | None = None,
) -> Settings:
    """Read all settings.

    Args:
        flags: Values from the command line by dotted key, as ``{"broker.name": "memory"}``; None counts as not given.
        file: The configuration file; without it the one that ``EE_CONFIG`` names, else ``ee.toml`` in the current
            folder if there is one.
        environ: The process's own when None.
        context: The named context that is chosen; empty: none; without it the one that ``EE_CONTEXT`` names, else the
            one that `eectl context use` has noted.

    Raises:
        ConfigError: A file cannot be read, a key is not known, or a value does not fit; the message names where it
            stands and the nearest valid key.
    """
    return check(read_layers(flags, file=file, environ=environ, context=context))


def read_layers(
    flags: Mapping[str, Any] | None,
    *,
    file: Path | None,
    environ: Mapping[str, str] | None,
    context: str | None,
) -> Layer:
    """Read what is set, each value with its origin; takes what `load_settings` takes.

    Raises:
        ConfigError: A file cannot be read, or a name is misspelt.
    """
    variables = os.environ if environ is None else environ
    document = read_document(find_file(file, variables))
    return merge(
        [
            document.layer_of(without=SECTION),
            read_chosen(document, context, variables),
            read_variables(variables),
            read_flags(flags or {}),
        ]
    )


def check(found: Layer) -> Settings:
    """Make settings of what is set.

    Raises:
        ConfigError: A key is not known, or a value does not fit.
    """
    try:
        return Settings.model_validate(nest(found))
    except ValidationError as error:
        faults = [_explain(item, found) for item in error.errors(include_url=False)]
        raise _together(faults) from None  # pydantic's text says the same, less clearly


def find_output(
    *, file: Path | None = None, environ: Mapping[str, str] | None = None, context: str | None = None
) -> str:
    """Return the setting `output` alone: what is said about wrong settings must take some form, too."""
    found = (os.environ if environ is None else environ).get(f"{PREFIX}OUTPUT")
    if found is not None:
        return found
    try:
        return load_settings(file=file, environ=environ, context=context).output
    except ConfigError:
        return str(Settings.model_fields["output"].default)


def _explain(item: ErrorDetails, found: Layer) -> ConfigError:
    """Say what is wrong, and where it stands."""
    key = tuple(str(part) for part in item["loc"])
    origin = next(
        (entry.origin for name, entry in found.items() if name[: len(key)] == key[: len(name)]), None
    )
    is_unknown = item["type"] == "extra_forbidden"
    place = origin.find_place(key, of_value=not is_unknown) if origin is not None else None
    where = origin.to_text(key, of_value=not is_unknown) if origin is not None else "settings"
    dotted = ".".join(key)
    if is_unknown:
        text = f"{where}: unknown key {dotted!r}{nearest(dotted, [*(doc.key for doc in list_settings()), SECTION])}"
    else:
        text = f"{where}: {dotted}: {item['msg'][:1].lower()}{item['msg'][1:]}, got {item['input']!r}"
    if origin is None or place is None:
        return ConfigError(text)
    return ConfigError(text, file=origin.file, line=place.line, column=place.column)


def _together(faults: list[ConfigError]) -> ConfigError:
    """Tell all faults at once, with the place of the first that has one."""
    first = next((each for each in faults if each.line), faults[0])
    return ConfigError("\n".join(map(str, faults)), file=first.file, line=first.line, column=first.column)
