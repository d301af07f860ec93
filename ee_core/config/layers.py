"""The layers that settings come from, nearest last: the file, a context, the variables, the flags.

Each value keeps its origin, so that what is said about it can say where it stands.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ee_core.config.places import Key, Place, Places, find_places
from ee_core.config.schema import (
    BY_NAME,
    DRIVERS,
    MIXED,
    PREFIX,
    SECRET_PREFIX,
    Settings,
    list_settings,
    model_of,
)
from ee_core.config.toml_faults import explain
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE_NAME: Final = "ee.toml"
FILE_VARIABLE: Final = "EE_CONFIG"
CONTEXT_VARIABLE: Final = "EE_CONTEXT"
_LISTS: Final = frozenset({("plugins", "disabled"), ("secrets", "providers"), ("secrets", "allow")})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where values come from: a file, a variable or a flag."""

    name: str  # the file's path, the variable's or the flag's name
    file: str = ""
    places: Mapping[Key, Places] = field(default_factory=dict)
    within: Key = ()  # the table of the file that the keys stand in, as ("contexts", "lab")

    def find_place(self, key: Key, *, of_value: bool = False) -> Place | None:
        """Return where a key or its value stands, else the nearest section above; None when nobody knows."""
        path = (*self.within, *key)
        for length in range(len(path), 0, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found.value if of_value and length == len(path) else found.key
        return None

    def to_text(self, key: Key, *, of_value: bool = False) -> str:
        """Say where a key of this origin stands."""
        place = self.find_place(key, of_value=of_value)
        where = f"{self.name}:{place.line}:{place.column}" if place is not None else self.name
        return f"{where}: context {self.within[1]!r}" if self.within else where


class Found(NamedTuple):
    """A value, and where it comes from."""

    value: Any
    origin: Origin


Layer = dict[Key, Found]


def find_file(file: Path | None, variables: Mapping[str, str]) -> Path | None:
    """Return the file of settings: the one that is named, else the one in the current folder, if there is one."""
    if file is None and FILE_VARIABLE in variables:
        file = Path(variables[FILE_VARIABLE])
    if file is not None:
        return file
    usual = Path(FILE_NAME)
    return usual if usual.is_file() else None


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file that was read; without a file, an empty one."""

    file: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[Key, Places] = field(default_factory=dict)

    def layer_of(self, *within: str, without: str = "") -> Layer:
        """Return the settings in the file, or in one of its tables."""
        table: Any = self.content
        for part in within:
            table = table[part]
        origin = Origin(self.file, self.file, self.places, within)
        kept = {key: value for key, value in table.items() if key != without}
        return {key: Found(value, origin) for key, value in _flatten(kept)}

    def fault(self, key: Key, text: str) -> ConfigError:
        """Return an error about a key of the file."""
        origin = Origin(self.file, self.file, self.places)
        line, column = origin.find_place(key) or (0, 0)
        return ConfigError(f"{origin.to_text(key)}: {text}", file=self.file, line=line, column=column)


def _suggest(path: Path) -> str:
    """Say what to do about a file of settings that is not there."""
    near: list[str] = []
    with suppress(OSError):  # a folder that may not be searched gives no hint, and hides no error
        near = [each.name for each in path.parent.glob("*.toml")] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, near, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; name one that can, with -C or {FILE_VARIABLE}, or none, to use ./{FILE_NAME} if there is one"


def read_document(path: Path | None) -> Document:
    """Read a TOML file.

    Raises:
        ConfigError: It cannot be read.
    """
    if path is None:
        return Document()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}{_suggest(path)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8, at byte {error.start}; save it as UTF-8") from error
    try:
        content = tomllib.loads(text)
    except ValueError as error:  # a TOMLDecodeError, but for a number of thousands of digits
        fault = explain(text, error)
        where = f"{path}:{fault.line}:{fault.column}"
        raise ConfigError(
            f"{where}: this is no TOML: {fault.message}; {fault.hint}",
            file=str(path),
            line=fault.line,
            column=fault.column,
        ) from error
    return Document(str(path), content, find_places(text, content))


def _flatten(content: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    for section, value in content.items():
        if not isinstance(value, dict) or not value:
            yield (section,), value
            continue
        for name, inner in value.items():
            if section in BY_NAME | MIXED and isinstance(inner, dict) and inner:
                yield from (((section, name, key), setting) for key, setting in inner.items())
            else:
                yield (section, name), inner


def read_variables(variables: Mapping[str, str]) -> Layer:
    """Read the variables that mean settings.

    Raises:
        ConfigError: One was probably meant for us, and is misspelt.
    """
    layer = {}
    for name in sorted(variables):
        if name.startswith(SECRET_PREFIX):
            continue
        if name.startswith(PREFIX) and name not in {FILE_VARIABLE, CONTEXT_VARIABLE}:
            key = _key_of(name)
            if key:
                layer[key] = Found(_from_text(key, variables[name]), Origin(name))
    return layer


def _key_of(variable: str) -> Key:
    """Find the key that a variable means; empty for one of somebody else's that happens to begin like ours.

    Raises:
        ConfigError: It was probably meant for us, and is misspelt.
    """
    first, _, rest = variable.removeprefix(PREFIX).lower().partition("_")
    if first in Settings.model_fields:
        if model_of(first) is None and first not in BY_NAME:
            return (first, rest) if rest else (first,)
        name, _, key = rest.partition("_")
        if first in BY_NAME | MIXED and name and key and not _is_own(first, rest):
            return (first, name, key)
        if first not in BY_NAME and rest:
            return (first, rest)
    elif not difflib.get_close_matches(first, Settings.model_fields, cutoff=0.8):
        return ()  # as EE_NATS_SERVICE_HOST, which Kubernetes sets for a service called ee-nats
    raise ConfigError(
        f"{variable}: no such setting{nearest(variable, [doc.variable for doc in list_settings()])}"
    )


def _is_own(section: str, key: str) -> bool:
    model = model_of(section)
    return model is not None and key in model.model_fields


def _from_text(key: Key, text: str) -> Any:
    """Read a variable's text; numbers stay text, which the models convert: a password may be all digits."""
    if key in _LISTS and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text  # the plugin that takes the setting says what it expected
    return text


def read_flags(flags: Mapping[str, Any]) -> Layer:
    """Take flags by dotted key; None counts as not given."""
    return {
        tuple(name.split(".")): Found(value, Origin(f"flag for {name}"))
        for name, value in flags.items()
        if value is not None
    }


class Nearby(NamedTuple):
    """Values that are found where a command runs, as the address of a server; all that is set goes before them."""

    values: Mapping[str, Any]  # by dotted key
    origin: str  # for messages


def read_nearby(nearby: Nearby | None) -> Layer:
    """Take values that were found."""
    if nearby is None:
        return {}
    return {
        tuple(name.split(".")): Found(value, Origin(nearby.origin)) for name, value in nearby.values.items()
    }


def merge(layers: list[Layer]) -> Layer:
    """Lay each layer over the one before; a plugin's keys go with the plugin that they were written for."""
    merged: Layer = {}
    for layer in layers:
        together = merged | layer
        changed = {
            section for section in DRIVERS if _plugin_of(section, together) != _plugin_of(section, merged)
        }
        merged = {key: found for key, found in merged.items() if key[0] not in changed} | layer
    return merged


def _plugin_of(section: str, found: Layer) -> Any:
    """Name the plugin that a section is about."""
    name = found[section, "name"].value if (section, "name") in found else DRIVERS[section]
    return name or _plugin_of("broker", found)


def nest(found: Layer) -> dict[str, Any]:
    """Return the values as the models take them.

    Raises:
        ConfigError: A value stands where a section belongs.
    """
    values: dict[str, Any] = {}
    for key in sorted(found, key=len):
        place = values
        for part in key[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigError(
                    f"{found[key].origin.name}: {'.'.join(key)!r} is set, but {part!r} is no section"
                )
        place[key[-1]] = found[key].value
    return values


def nearest(word: str, known: list[str]) -> str:
    """Return the second half of a message: what was probably meant, else all that could be."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
