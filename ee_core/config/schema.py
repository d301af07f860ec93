"""All settings there are: their names, defaults and meanings; each description is the text of the documentation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

PREFIX: Final = "EE_"
SECRET_PREFIX: Final = "EE_SECRET_"  # noqa: S105 - what variables begin with that hold secrets, and are no settings

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_NAME_OR_NONE: Final = rf"^$|{_NAME}"
_NAMESPACE: Final = r"^$|^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"
_OF_NAMES: Final = "up to 64 letters, digits, '.', '-' and '_', first a letter or digit"
IN_WORDS: Final = {  # what to write, by the pattern that a value does not fit
    _NAME: _OF_NAMES,
    _NAME_OR_NONE: _OF_NAMES,
    _NAMESPACE: "letters, digits, '-' and '_', with dots between words",
}

_Name = Annotated[str, Field(pattern=_NAME)]


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

    name: str = Field(
        default="",
        pattern=_NAME_OR_NONE,
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
        description="Seconds without news after which a waiting job leaves memory; it comes back when something happens."
        " At the start of an engine, jobs for which nothing is to be done within this time stay out of it.",
    )
    confirm_after_s: float = Field(
        default=10.0,
        gt=0,
        description="Seconds without a write after which the engine asks the journal whether another engine writes"
        " instead; if so, it ends.",
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


def _refuse_other(value: Any) -> Any:
    if not isinstance(value, dict):
        raise PydanticCustomError("extra_forbidden", "no such setting")  # misspelt, not a provider's section
    return value


class SecretsSettings(BaseModel):
    """Where the values of secrets come from; beside these keys one section per provider."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Annotated[dict[str, Any], BeforeValidator(_refuse_other)]]

    providers: tuple[_Name, ...] = Field(
        default=("env",),
        description="Providers of secrets that are asked, in this order: installed plugins of `ee.secrets`.",
    )
    allow: tuple[str, ...] = Field(
        default=("*",),
        description="Names of secrets that attempts in this process may have; `*` in one stands for any characters.",
    )
    timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="Seconds that a provider may take for one secret; then the attempt fails.",
    )

    def of(self, provider: str) -> dict[str, Any]:
        """Return the section of a provider."""
        return dict((self.model_extra or {}).get(provider, {}))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(providers={self.providers!r}, ...)"  # the rest may hold secrets


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
        pattern=_NAMESPACE,
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
    secrets: SecretsSettings = Field(
        default_factory=SecretsSettings, description="Where the values of secrets come from."
    )
    engine: EngineSettings = Field(default_factory=EngineSettings, description="The engine.")
    plugins: PluginSettings = Field(default_factory=PluginSettings, description="Plugins in general.")
    _places: dict[tuple[str, ...], str] = PrivateAttr(default_factory=dict)

    def note_places(self, places: Mapping[tuple[str, ...], str]) -> None:
        """Keep where settings and sections stand, for messages."""
        self._places.update(places)

    def place_of(self, *key: str) -> str:
        """Return where a setting or a section stands, as ``ee.toml:3:2`` or a variable's name; empty when nobody knows."""
        return self._places.get(key, "")


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting, as the documentation shows it."""

    key: str  # dotted; a plugin's own keys as ``broker.<key>``
    variable: str
    default: str  # as JSON, or "" when there is none
    description: str


def list_settings() -> list[SettingDoc]:
    """List every setting in the order of the sections, for the documentation."""
    docs: list[SettingDoc] = []
    for section, field in Settings.model_fields.items():
        model = model_of(section)
        if model is None:
            key = f"{section}.<name>.<key>" if section in BY_NAME else section
            docs.append(_describe(key, field))
            continue
        docs += (_describe(f"{section}.{name}", inner) for name, inner in model.model_fields.items())
        if section in MIXED:
            key = f"{section}.<provider>.<key>"
            docs.append(SettingDoc(key, variable_of(key), "", "Any key of the provider's own."))
        if section in DRIVERS:
            docs.append(
                SettingDoc(
                    f"{section}.<key>", variable_of(f"{section}.<key>"), "", "Any key of the plugin's own."
                )
            )
    return docs


def _describe(key: str, field: FieldInfo) -> SettingDoc:
    value = field.get_default(call_default_factory=True, validated_data={})
    default = "" if value is None or key.endswith(">") else json.dumps(value)
    return SettingDoc(key, variable_of(key), default, field.description or "")


def variable_of(key: str) -> str:
    """Return the variable of a dotted key."""
    return PREFIX + "_".join(part.upper() for part in key.split("."))


def model_of(section: str) -> type[BaseModel] | None:
    """Return the model of a section; None of a plain value, and of a section by name."""
    model = Settings.model_fields[section].annotation
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


BY_NAME: Final = frozenset({"expressions", "activities"})  # sections with one sub-section per plugin
MIXED: Final = frozenset({"secrets"})  # sections with keys of their own, and one sub-section per plugin
DRIVERS: Final[dict[str, Any]] = {
    section: model.model_fields["name"].default
    for section in Settings.model_fields
    if (model := model_of(section)) is not None and issubclass(model, DriverSettings)
}
