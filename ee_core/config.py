"""Settings: the only reader of the environment and of configuration files.

A setting comes from a command-line flag, else from a variable ``EE_<SECTION>_<KEY>``, else from ``ee.toml``, else
from its default here. A section that configures a plugin (``broker``, ``lock``, ``journal``, ``catalogue``,
``activities.<name>``, ``expressions.<name>``) takes any key: the plugin checks its own. All other unknown keys are
refused by name. This module knows no plugin; each field's description is the text of the documentation.

A plugin's keys belong to the plugin they were written for: when a flag or variable names another broker than the file,
the file's other keys of that section do not count.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

FILE_NAME: Final = "ee.toml"
PREFIX: Final = "EE_"
FILE_VARIABLE: Final = "EE_CONFIG"

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DriverSettings(BaseModel):
    """Which plugin does a job, and what it is told."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """All keys but `name`, for the plugin."""
        return dict(self.model_extra or {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, ...)"  # the rest may hold secrets


class BrokerSettings(DriverSettings):
    """The message broker."""

    name: _Name = Field(default="nats", description="Message broker: an installed plugin of `ee.brokers`.")


class LockSettings(DriverSettings):
    """The bot-lock provider."""

    name: _Name | Literal[""] = Field(
        default="",
        description="Bot-lock provider: an installed plugin of `ee.locks`; empty: the one of the broker's name.",
    )


class JournalSettings(DriverSettings):
    """The journal."""

    name: _Name = Field(default="sqlite", description="Journal: an installed plugin of `ee.journals`.")


class CatalogueSettings(DriverSettings):
    """The catalogue of workflows."""

    name: _Name = Field(
        default="folder", description="Where workflows come from: an installed plugin of `ee.catalogues`."
    )


class EngineSettings(_Section):
    """The engine."""

    max_open_jobs: int | None = Field(
        default=None,
        ge=1,
        description="Most jobs that are open at once in an engine; further ones are held. Without it: any number.",
    )
    grace_s: float = Field(
        default=10.0,
        ge=0,
        description="Seconds that work in the engine's own process gets to end when the engine stops.",
    )
    passivate_after_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds without news after which a waiting job leaves memory; it comes back when something happens.",
    )
    block_warn_s: float = Field(
        default=1.0,
        gt=0,
        description="Seconds after which a plugin that blocks the engine's loop is named in the log.",
    )
    block_limit_s: float = Field(
        default=30.0,
        gt=0,
        description="Seconds after which the engine starts again without a plugin that blocks its loop.",
    )
    drain_timeout_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds a bot gets to have a word for an attempt that ended without it; then it is quarantined."
        " They count anew after a restart.",
    )


class PluginSettings(_Section):
    """What is done with plugins."""

    disabled: tuple[str, ...] = Field(
        default=(),
        description="Plugins that are never loaded: names, `kind:name` as `lock:nats`, or names of distributions.",
    )


class Settings(_Section):
    """All settings of a process; frozen."""

    namespace: str = Field(
        default="",
        pattern=r"^$|^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        max_length=64,
        description="Put before every subject, with a dot; keeps several installations on one broker apart.",
    )
    broker: BrokerSettings = Field(default_factory=BrokerSettings, description="The message broker.")
    lock: LockSettings = Field(default_factory=LockSettings, description="The bot-lock provider.")
    journal: JournalSettings = Field(default_factory=JournalSettings, description="The journal.")
    catalogue: CatalogueSettings = Field(
        default_factory=CatalogueSettings, description="Where workflows come from."
    )
    output: Literal["table", "wide", "json", "jsonl", "yaml", "name"] = Field(
        default="table", description="How `eectl` prints data, unless `-o` says otherwise."
    )
    expressions: dict[str, dict[str, Any]] = Field(
        default_factory=dict, repr=False, description="Settings of an expression language, by its name."
    )
    activities: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        repr=False,
        description="Settings of an activity type, by its name, as `activities.http.allow`.",
    )
    engine: EngineSettings = Field(default_factory=EngineSettings, description="The engine.")
    plugins: PluginSettings = Field(default_factory=PluginSettings, description="Plugins in general.")


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting, as the documentation shows it."""

    key: str  # dotted; a plugin's own keys as ``broker.<key>``
    variable: str
    default: str  # as JSON, or "" when there is none
    description: str


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read all settings.

    Args:
        flags: Values from the command line by dotted key, as ``{"broker.name": "memory"}``; None counts as not given.
        file: The configuration file; without it the one that ``EE_CONFIG`` names, else ``ee.toml`` in the current
            folder if there is one.
        environ: The process's own when None.

    Raises:
        ConfigError: A file cannot be read, a key is not known, or a value does not fit; the message names where it
            stands and the nearest valid key.
    """
    variables = os.environ if environ is None else environ
    found = _merge(
        [
            _read_file(_find_file(file, variables)),
            _read_variables(variables),
            _read_flags(flags or {}),
        ]
    )
    try:
        return Settings.model_validate(_nest(found))
    except ValidationError as error:
        lines = [_explain(item, found) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from None  # pydantic's text says the same, less clearly


def find_output(*, file: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Return the setting `output` alone: what is said about wrong settings must take some form, too."""
    found = (os.environ if environ is None else environ).get(f"{PREFIX}OUTPUT")
    if found is not None:
        return found
    try:
        return load_settings(file=file, environ=environ).output
    except ConfigError:
        return str(Settings.model_fields["output"].default)


def list_settings() -> list[SettingDoc]:
    """List every setting in the order of the sections, for the documentation."""
    docs: list[SettingDoc] = []
    for section, field in Settings.model_fields.items():
        model = _model_of(section)
        if model is None:
            key = f"{section}.<name>.<key>" if section in _BY_NAME else section
            docs.append(_describe(key, field))
            continue
        docs += (_describe(f"{section}.{name}", inner) for name, inner in model.model_fields.items())
        if section in _DRIVERS:
            docs.append(
                SettingDoc(
                    f"{section}.<key>", _variable(f"{section}.<key>"), "", "Any key of the plugin's own."
                )
            )
    return docs


# -- layers: where values come from --------------------------------------------------------------------------

Key = tuple[str, ...]  # ("namespace",), ("engine", "grace_s"), ("activities", "http", "allow")


class _Found(NamedTuple):
    value: Any
    origin: str  # the file's path, the variable's or the flag's name


_Layer = dict[Key, _Found]


def _find_file(file: Path | None, variables: Mapping[str, str]) -> Path | None:
    if file is None and FILE_VARIABLE in variables:
        file = Path(variables[FILE_VARIABLE])
    if file is not None:
        return file
    usual = Path(FILE_NAME)
    return usual if usual.is_file() else None


def _read_file(path: Path | None) -> _Layer:
    if path is None:
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # bad UTF-8 or bad TOML; the latter names line and column
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    return {key: _Found(value, str(path)) for key, value in _flatten(content)}


def _flatten(content: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    for section, value in content.items():
        if not isinstance(value, dict) or not value:
            yield (section,), value
            continue
        for name, inner in value.items():
            if section in _BY_NAME and isinstance(inner, dict) and inner:
                yield from (((section, name, key), setting) for key, setting in inner.items())
            else:
                yield (section, name), inner


def _read_variables(variables: Mapping[str, str]) -> _Layer:
    layer = {}
    for name in sorted(variables):
        if name.startswith(PREFIX) and name != FILE_VARIABLE:
            key = _key_of(name)
            if key:
                layer[key] = _Found(_from_text(key, variables[name]), name)
    return layer


def _key_of(variable: str) -> Key:
    """Find the key that a variable means; empty for one of somebody else's that happens to begin like ours.

    Raises:
        ConfigError: It was probably meant for us, and is misspelt.
    """
    first, _, rest = variable.removeprefix(PREFIX).lower().partition("_")
    if first in Settings.model_fields:
        if _model_of(first) is None and first not in _BY_NAME:
            return (first, rest) if rest else (first,)
        name, _, key = rest.partition("_")
        if first in _BY_NAME and name and key:
            return (first, name, key)
        if first not in _BY_NAME and rest:
            return (first, rest)
    elif not difflib.get_close_matches(first, Settings.model_fields, cutoff=0.8):
        return ()  # as EE_NATS_SERVICE_HOST, which Kubernetes sets for a service called ee-nats
    raise ConfigError(
        f"{variable}: no such setting{_nearest(variable, [doc.variable for doc in list_settings()])}"
    )


def _from_text(key: Key, text: str) -> Any:
    """Read a variable's text; numbers stay text, which the models convert: a password may be all digits."""
    if key == ("plugins", "disabled"):
        return [part.strip() for part in text.split(",") if part.strip()]
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text  # the plugin that takes the setting says what it expected
    return text


def _read_flags(flags: Mapping[str, Any]) -> _Layer:
    return {
        tuple(name.split(".")): _Found(value, f"flag for {name}")
        for name, value in flags.items()
        if value is not None
    }


def _merge(layers: list[_Layer]) -> _Layer:
    merged: _Layer = {}
    for layer in layers:
        together = merged | layer
        changed = {
            section for section in _DRIVERS if _plugin_of(section, together) != _plugin_of(section, merged)
        }
        merged = {key: found for key, found in merged.items() if key[0] not in changed} | layer
    return merged


def _plugin_of(section: str, found: _Layer) -> Any:
    """Name the plugin that a section is about."""
    name = found[section, "name"].value if (section, "name") in found else _DRIVERS[section]
    return name or _plugin_of("broker", found)


def _nest(found: _Layer) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in sorted(found, key=len):
        place = values
        for part in key[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigError(
                    f"{found[key].origin}: {'.'.join(key)!r} is set, but {part!r} is no section"
                )
        place[key[-1]] = found[key].value
    return values


# -- what is said about them ---------------------------------------------------------------------------------


def _explain(item: ErrorDetails, found: _Layer) -> str:
    key = tuple(str(part) for part in item["loc"])
    origin = next(
        (entry.origin for name, entry in found.items() if name[: len(key)] == key[: len(name)]), "settings"
    )
    dotted = ".".join(key)
    if item["type"] == "extra_forbidden":
        return f"{origin}: unknown key {dotted!r}{_nearest(dotted, [doc.key for doc in list_settings()])}"
    return f"{origin}: {dotted}: {item['msg'][:1].lower()}{item['msg'][1:]}, got {item['input']!r}"


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def _describe(key: str, field: FieldInfo) -> SettingDoc:
    value = field.get_default(call_default_factory=True, validated_data={})
    default = "" if value is None or key.endswith(">") else json.dumps(value)
    return SettingDoc(key, _variable(key), default, field.description or "")


def _variable(key: str) -> str:
    return PREFIX + "_".join(part.upper() for part in key.split("."))


def _model_of(section: str) -> type[BaseModel] | None:
    model = Settings.model_fields[section].annotation
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


_BY_NAME: Final = frozenset({"expressions", "activities"})  # sections with one sub-section per plugin
_DRIVERS: Final[dict[str, Any]] = {
    section: model.model_fields["name"].default
    for section in Settings.model_fields
    if (model := _model_of(section)) is not None and issubclass(model, DriverSettings)
}
