"""Settings: the only reader of the environment and of configuration files.

A setting comes from a command-line flag, else from a variable ``EE_<SECTION>_<KEY>``, else from the chosen context,
else from ``ee.toml``, else from what was found where the command runs (`Nearby`), else from its default here. A section that configures a plugin (``broker``, ``lock``, ``journal``, ``catalogue``,
``activities.<name>``, ``expressions.<name>``, ``secrets.<provider>``) takes any key: the plugin checks its own. All other unknown keys are
refused by name. This module knows no plugin; each field's description is the text of the documentation.

A plugin's keys belong to the plugin they were written for: when a flag or variable names another broker than the file,
the file's other keys of that section do not count.

Inside: `schema` names all settings, `layers` reads where values come from, `places` finds them in a file's text, `toml_faults` says why one
cannot be read,
`contexts` chooses among named sets of them, `loading` puts them together, `effective` tells what came of it,
`hiding` says what may be shown, and `environment` reads variables that are no settings.
"""

from __future__ import annotations

from ee_core.config.contexts import (
    Choice,
    Context,
    find_choice,
    find_choice_file,
    find_user_folder,
    list_contexts,
    unknown_context,
)
from ee_core.config.effective import Effective, list_effective
from ee_core.config.environment import find_variable, list_variables
from ee_core.config.hiding import redact
from ee_core.config.layers import FILE_NAME, FILE_VARIABLE, Nearby
from ee_core.config.loading import find_choice_of_plugin, find_output, load_settings, locate
from ee_core.config.schema import (
    PREFIX,
    SECRET_PREFIX,
    BrokerSettings,
    CatalogueSettings,
    DriverSettings,
    EngineSettings,
    JournalSettings,
    LockSettings,
    PluginSettings,
    SecretsSettings,
    SettingDoc,
    Settings,
    list_settings,
)

__all__ = [
    "FILE_NAME",
    "FILE_VARIABLE",
    "PREFIX",
    "SECRET_PREFIX",
    "BrokerSettings",
    "CatalogueSettings",
    "Choice",
    "Context",
    "DriverSettings",
    "Effective",
    "EngineSettings",
    "JournalSettings",
    "LockSettings",
    "Nearby",
    "PluginSettings",
    "SecretsSettings",
    "SettingDoc",
    "Settings",
    "find_choice",
    "find_choice_file",
    "find_choice_of_plugin",
    "find_output",
    "find_user_folder",
    "find_variable",
    "list_contexts",
    "list_effective",
    "list_settings",
    "list_variables",
    "load_settings",
    "locate",
    "redact",
    "unknown_context",
]
