"""The page of settings: the core's, and those of each plugin that is made here."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ee_activity_http.settings import HttpSettings
from ee_activity_python.settings import PythonSettings
from ee_activity_shell.settings import ShellSettings
from ee_example.greet import GreetSettings
from ee_keyring.provider import KeyringSettings
from ee_nats.settings import NatsSettings
from source import code, field_notes, page, table

from ee_core.config import list_settings
from ee_core.local.secret_files import FileSettings
from ee_core.local.secret_variables import EnvSettings

if TYPE_CHECKING:
    from pydantic import BaseModel

Rows = list[tuple[str, str, str]]  # key, default, meaning


@dataclass(frozen=True)
class Section:
    """The settings of one plugin."""

    title: str
    example: str  # a part of ee.toml that is valid
    rows: Rows


def list_sections() -> list[Section]:
    """Return the sections of plugins, drivers first."""
    nats = [
        (one.name, one.default, one.note or _NATS[one.name])
        for one in field_notes(NatsSettings)
        if one.name != "prefix"  # the setting namespace
    ]
    return [
        Section(
            "The broker `nats` and the lock `nats`",
            '[broker]\nname = "nats"\nservers = ["nats://one:4222", "nats://two:4222"]\ncredentials = "engine.creds"\nreplicas = 3',
            nats,
        ),
        Section(
            "The broker `memory`",
            '[broker]\nname = "memory"\nmax_payload = 65536',
            [("max_payload", "1048576", "Largest body of a message, in bytes.")],
        ),
        Section(
            "The lock `memory`",
            '[broker]\nname = "memory"\n\n[lock]\npath = "bots.lock"',
            [("path", '""', "File that keeps the records; empty: nothing is kept.")],
        ),
        Section(
            "The journal `sqlite`",
            '[journal]\nname = "sqlite"\npath = "journal.sqlite"\nbusy_timeout_s = 10',
            [
                (
                    "path",
                    "",
                    "The file. It must be given; `eectl up` and `eectl engine run` fill in `.ee/journal.sqlite`.",
                ),
                ("busy_timeout_s", "5.0", "Seconds to wait while another process writes, 0 to 3600."),
            ],
        ),
        Section(
            "The journal `memory`",
            '[journal]\nname = "memory"',
            [("partitions", "1", "Number of partitions, for tests: an engine drives the first alone.")],
        ),
        Section(
            "The catalogue `folder`",
            '[catalogue]\nfolder = "workflows"',
            [
                (
                    "folder",
                    '"workflows"',
                    "Folder of `*.ee.yaml`, `*.ee.yml` and `*.json`; one that is named must exist.",
                )
            ],
        ),
        Section(
            "The provider of secrets `env`",
            '[secrets.env]\nprefix = "PLANT_SECRET_"',
            _of_model(EnvSettings),
        ),
        Section(
            "The provider of secrets `file`",
            '[secrets]\nproviders = ["file", "env"]\n\n[secrets.file]\nfolder = "/run/secrets"',
            _of_model(FileSettings),
        ),
        Section(
            "The provider of secrets `keyring`",
            '[secrets]\nproviders = ["keyring"]\n\n[secrets.keyring]\nservice = "plant"',
            _of_model(KeyringSettings),
        ),
        Section(
            "The activity type `http`",
            '[activities.http]\nallow = ["erp.example:8443", "127.0.0.1:8080"]\ntimeout_s = 10',
            _of_model(HttpSettings),
        ),
        Section(
            "The activity type `python`",
            '[activities.python]\npath = ["."]\n\n[activities.python.functions]\ntick = "counter:tick"',
            _of_model(PythonSettings),
        ),
        Section(
            "The activity type `shell`",
            '[activities.shell]\nallow = ["tar", "/opt/plant/bin/convert"]\nenvironment = ["LANG"]',
            _of_model(ShellSettings),
        ),
        Section(
            "The activity type `example`",
            '[activities.example]\ngreeting = "Good day"',
            _of_model(GreetSettings),
        ),
    ]


_NATS = {
    "user": "User name.",
    "password": "Its password.",
    "token": "A token, in the place of user and password.",
    "tls_cert": "PEM file with this side's certificate; goes with `tls_key`.",
    "tls_key": "PEM file with its key.",
}


def _of_model(model: type[BaseModel]) -> Rows:
    return [
        (name, "" if field.default is None else repr(field.default), field.description or "")
        for name, field in model.model_fields.items()
    ]


def make() -> str:
    """Return the page."""
    core = [
        (code(one.key), code(one.variable), code(one.default), one.description) for one in list_settings()
    ]
    parts = []
    for section in list_sections():
        rows = [(code(key), code(_plain(default)), meaning) for key, default, meaning in section.rows]
        parts += [
            f"## {section.title}",
            table(("key", "default", "meaning"), rows),
            f'```toml title="ee.toml"\n{section.example}\n```',
        ]
    return page(
        "Settings", _INTRO, table(("key", "variable", "default", "meaning"), core), _example(), _RULES, *parts
    )


def _example() -> str:
    """Return an `ee.toml` in which every setting of the core stands, by section."""
    values = {one.key: one.default for one in list_settings() if not one.key.endswith(">")} | _SAMPLES
    sections: dict[str, list[str]] = {}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        sections.setdefault(section, []).append(f"{name} = {value}")
    parts = ["\n".join([f"[{section}]"] * bool(section) + lines) for section, lines in sections.items()]
    return '```toml title="ee.toml"\n' + "\n\n".join(parts) + "\n```"


def _plain(default: str) -> str:
    return {
        "()": "[]",
        "DEFAULT_SERVER": '"nats://127.0.0.1:4222"',
        "(DEFAULT_SERVER,)": '["nats://127.0.0.1:4222"]',
        "True": "true",
        "False": "false",
    }.get(default, default)


_INTRO = (
    "A setting comes from a flag of the command, else from its variable, else from the chosen context, else from the"
    " file, else from its default. The file is the one of `eectl -C FILE`, else of the variable `EE_CONFIG`, else"
    " `ee.toml` in the current folder. Where nothing names the broker's servers and an `eectl up` runs in the current"
    " folder, `broker.servers` is the address of its server. An unknown key is an error that names its place and the nearest valid one.\n\n"
    "A [context](../howto/use-eectl.md#contexts-a-laboratory-and-a-plant) is a named set of the same settings: `[contexts.lab]` with `namespace = ...`, `[contexts.lab.broker]`"
    " with `servers = ...`, and so on. It stands in that file, or in `contexts.toml` in your own folder, where it holds"
    " in every directory; of two with one name the nearer counts alone. Your own folder is `$XDG_CONFIG_HOME/ee`, else"
    " `~/.config/ee`, and `%APPDATA%\\ee` on Windows. The chosen context is the one of `eectl --context NAME`, else of"
    " the variable `EE_CONTEXT`, else the one that `eectl context use NAME` has noted; an empty name chooses none, and an"
    " unknown one is an error. What a context does not say comes from the file: also a password of its `[broker]`."
)
# What an example of all settings says, where the default would show nothing; keys of plugins too.
_SAMPLES = {
    "namespace": '"plant"',
    "broker.servers": '"nats://127.0.0.1:4222"',
    "lock.name": '"nats"',
    "lock.servers": '"nats://127.0.0.1:4222"',
    "journal.path": '"journal.sqlite"',
    "catalogue.folder": '"workflows"',
    "engine.max_open_jobs": "1000",
    "plugins.disabled": '["ee-example"]',
    "activities.http.allow": '["erp.example"]',
}
_RULES = inspect.cleandoc(
    """
    Two rules about plugins' keys:

    * A plugin's keys belong to the plugin they were written for: when a flag or variable names another broker than the
      file, the file's other keys of that section do not count.
    * A lock of the broker's own technology uses the settings of `broker`, unless the section `lock` has keys of its own.

    The plugins that are made here have the keys below; `noop`, `delay`, `log` and `cel` have none. In a variable a list
    is JSON, as in `EE_ACTIVITIES_HTTP_ALLOW='["127.0.0.1"]'`.
    """
)
