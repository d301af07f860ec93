"""Settings from all their layers, checked; and what is said when they are wrong."""

from __future__ import annotations

import difflib
import os
import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ee_core.config.contexts import SECTION, read_chosen
from ee_core.config.layers import (
    Layer,
    Nearby,
    find_file,
    merge,
    nearest,
    nest,
    read_document,
    read_flags,
    read_nearby,
    read_variables,
)
from ee_core.config.schema import BY_NAME, IN_WORDS, MIXED, PREFIX, Settings, list_settings, model_of
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from ee_core.config.places import Key, Place


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    context: str | None = None,
    nearby: Nearby | None = None,
) -> Settings:
    """Read all settings.

    Args:
        flags: Values from the command line by dotted key, as ``{"broker.name": "memory"}``; None counts as not given.
        file: The configuration file; without it the one that ``EE_CONFIG`` names, else ``ee.toml`` in the current
            folder if there is one.
        environ: The process's own when None.
        context: The named context that is chosen; empty: none; without it the one that ``EE_CONTEXT`` names, else the
            one that `eectl context use` has noted.
        nearby: What was found beside; it counts where nothing else says anything.

    Raises:
        ConfigError: A file cannot be read, a key is not known, or a value does not fit; the message names where it
            stands and the nearest valid key.
    """
    return check(read_layers(flags, file=file, environ=environ, context=context, nearby=nearby))


def read_layers(
    flags: Mapping[str, Any] | None,
    *,
    file: Path | None,
    environ: Mapping[str, str] | None,
    context: str | None,
    nearby: Nearby | None = None,
) -> Layer:
    """Read what is set, each value with its origin; takes what `load_settings` takes.

    Raises:
        ConfigError: A file cannot be read, or a name is misspelt.
    """
    variables = os.environ if environ is None else environ
    document = read_document(find_file(file, variables))
    return merge(
        [
            read_nearby(nearby),
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
        settings = Settings.model_validate(nest(found))
    except ValidationError as error:
        faults = [_explain(item, found) for item in error.errors(include_url=False)]
        raise _together(faults) from None  # pydantic's text says the same, less clearly
    parts = ((key[:length], each.origin) for key, each in found.items() for length in range(1, len(key) + 1))
    settings.note_places({part: origin.to_text(part) for part, origin in parts})
    return settings


def locate(
    error: ConfigError,
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    context: str | None = None,
) -> ConfigError:
    """Say where the setting stands that a plugin refused; takes what `load_settings` takes.

    A plugin knows its section only. Its text names the setting by its dotted key; one that names none stays as it is.
    """
    if error.line or error.file:
        return error
    try:
        found = read_layers(flags, file=file, environ=environ, context=context)
    except ConfigError:
        return error
    text = str(error)
    fault = text.partition("; ")[0]  # behind it is the cure, which may name a setting that is right
    for key in sorted(found, key=len, reverse=True):
        dotted = ".".join(key)
        if re.search(rf"(?<![\w.]){re.escape(dotted)}(?![\w.])", fault):
            origin = found[key].origin
            where, place = origin.to_text(key), origin.find_place(key)
            if origin.name in fault or key in read_flags(flags or {}):  # who gave a flag knows where
                return error
            line, column = place or (0, 0)
            return ConfigError(f"{where}: {text}", file=origin.file, line=line, column=column)
    return error


def find_choice_of_plugin(
    group: str,
    name: str,
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    context: str | None = None,
) -> tuple[str, str, Place | None] | None:
    """Find the setting that names a plugin; takes what `load_settings` takes beside.

    Returns:
        Where it stands and, in a file, the file and its place there; None when no setting names it, or a flag does: who gave that one knows.
    """
    key = _CHOICES.get(group)
    if key is None:
        return None
    try:
        found = read_layers(flags, file=file, environ=environ, context=context).get(key)
    except ConfigError:
        return None
    if found is None or key in read_flags(flags or {}):
        return None
    names = found.value if isinstance(found.value, list) else [found.value]
    if name not in names:
        return None
    origin = found.origin
    return origin.to_text(key, of_value=True), origin.file, origin.find_place(key, of_value=True)


_CHOICES: Final = {
    "ee.brokers": ("broker", "name"),
    "ee.locks": ("lock", "name"),
    "ee.journals": ("journal", "name"),
    "ee.catalogues": ("catalogue", "name"),
    "ee.secrets": ("secrets", "providers"),
}


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
        text = f"{where}: {_describe_unknown(key, item['input'])}"
    else:
        named = "" if where == f"flag for {dotted}" else f"{dotted}: "
        text = f"{where}: {_describe_unfit(dotted, item, named)}"
    if origin is None or place is None:
        return ConfigError(text)
    return ConfigError(text, file=origin.file, line=place.line, column=place.column)


def _describe_unknown(key: tuple[str, ...], value: Any) -> str:
    if len(key) > 1:
        return f"unknown key {'.'.join(key)!r}{_nearest_key(key)}"
    sections = [name for name in Settings.model_fields if model_of(name) is not None or name in BY_NAME]
    plain = [name for name in Settings.model_fields if name not in sections]
    what, known = ("section", [*sections, SECTION]) if isinstance(value, dict) else ("key", plain)
    return f"unknown {what} {key[0]!r}{nearest(key[0], known)}"


def _nearest_key(key: Key) -> str:
    """Say what was probably meant: a key of the same section, the same key of another one, or what the section has."""
    known = [doc.key for doc in list_settings() if not doc.key.endswith(">")]
    section, name = ".".join(key[:-1]), key[-1]
    near = {each.rpartition(".")[2]: each for each in known if each.rpartition(".")[0] == section}
    close = difflib.get_close_matches(name, near, n=1, cutoff=0.5)
    meant = near[close[0]] if close else next((each for each in known if each.endswith(f".{name}")), None)
    if meant is not None:
        return f"; did you mean {meant!r}?"
    more = f", and a section [{section}.NAME] for each provider" if section in MIXED else ""
    return f"; known are {', '.join(near.values())}{more}" if near else nearest(".".join(key), known)


def _describe_unfit(key: str, item: ErrorDetails, named: str) -> str:
    """Say what is wrong with a value.

    Args:
        named: The key, as it stands before what is said of its value; empty where it was said.
    """
    if item["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return f"{key} is a section, got {item['input']!r}; write [{key}], and its keys below it"
    if item["type"] == "string_pattern_mismatch":
        return f"{named}{item['input']!r} does not fit; use {IN_WORDS[item['ctx']['pattern']]}"
    default = next((doc.default for doc in list_settings() if doc.key == key), "")
    cure = f"; write it as in {key.rpartition('.')[2]} = {default}" if default not in {"", '""'} else ""
    return f"{named}{item['msg'][:1].lower()}{item['msg'][1:]}, got {item['input']!r}{cure}"


def _together(faults: list[ConfigError]) -> ConfigError:
    """Tell all faults at once, with the place of the first that has one."""
    first = next((each for each in faults if each.line), faults[0])
    return ConfigError("\n".join(map(str, faults)), file=first.file, line=first.line, column=first.column)
